use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::arguments::SimulateArguments;
use super::enrollment::{Enrollment, client, group_path};
use crate::cli::{Context, Failure, segment};
use crate::client::{ApiClient, ClientError};
use crate::output::bar;

/// Of the hub's service API.
const HUB_API_VERSION: &str = "2021-04-12";
/// Devices a bulk request may name (iot-hub-service-api.md 5).
const BULK: usize = 100;

/// Deletes the registration records and hub devices of this run, and its group if it was made here.
/// What is not there any more is no failure. `hubs` are the host names devices were assigned to;
/// without them every hub is looked at.
pub(super) async fn run(
    arguments: &SimulateArguments,
    context: &Context,
    enrollment: &Enrollment,
    hubs: Option<&BTreeSet<String>>,
) -> Result<(), Failure> {
    let mut dps = client(arguments, context)?;
    // First the group, so that nobody registers again meanwhile.
    if enrollment.is_own {
        gone(dps.delete(&group_path(&enrollment.group_id), None).await)?;
    }
    let ids: Vec<String> = (1..=arguments.devices)
        .map(|number| arguments.registration_id(number))
        .collect();
    let progress = bar(arguments.devices.into(), "cleaning up");
    for id in &ids {
        gone(dps.delete(&format!("/registrations/{}", segment(id)), None).await)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    for name in context.locator.hub_names().await? {
        let hub = context.locator.find_hub(Some(&name)).await?;
        if hubs.is_some_and(|hubs| !hubs.contains(&hub.host)) {
            continue;
        }
        let mut hub = context.locator.client(&hub, HUB_API_VERSION)?;
        for ids in ids.chunks(BULK) {
            delete_devices(&mut hub, ids).await?;
        }
    }
    Ok(())
}

async fn delete_devices(hub: &mut ApiClient, ids: &[String]) -> Result<(), ClientError> {
    let items: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "id": id, "importMode": "delete" }))
        .collect();
    match hub.post("/devices", &Value::Array(items), None).await {
        // 400: some of them were not there, the others are deleted.
        Err(error) if error.is_status(400) => Ok(()),
        other => other.map(drop),
    }
}

fn gone(result: Result<(), ClientError>) -> Result<(), ClientError> {
    match result {
        Err(error) if error.is_status(404) => Ok(()),
        other => other,
    }
}
