use serde_json::Value;

use super::HubName;
use crate::cli::{Context, Failure};

/// `provost hub statistics`: both documents of iot-hub-service-api.md 6 in one.
pub(super) async fn show(hub: &HubName, context: &Context) -> Result<(), Failure> {
    let mut client = hub.client(context).await?;
    let mut counts = client.get("/statistics/devices").await?;
    let service = client.get("/statistics/service").await?;
    if let (Value::Object(counts), Value::Object(service)) = (&mut counts, service) {
        counts.extend(service);
    }
    Ok(context.output.document(&counts)?)
}
