//! Hubs that were made after the server wrote its connection file.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ClientError, Instance, Locator, MANAGEMENT_SUBSCRIPTION};
use crate::connection_file::{ConnectionFile, PolicyKey};

/// Any date does (iot-hub-service-api.md 14).
const API_VERSION: &str = "2023-06-30";
/// The server makes another certificate within some seconds.
const HOST_LOOKS: u32 = 40;
const HOST_PAUSE: Duration = Duration::from_millis(250);
/// And another connection file in a moment.
const FILE_LOOKS: u32 = 100;
const FILE_PAUSE: Duration = Duration::from_millis(20);

impl Locator {
    /// A hub by name or the first one: from the connection file, or else from the running server.
    pub async fn find_hub(&self, name: Option<&str>) -> Result<Instance, ClientError> {
        match (self.hub(name), name) {
            (Err(unknown @ ClientError::UnknownName { .. }), Some(name)) => {
                self.ask_for_hub(name).await?.ok_or(unknown)
            }
            (found, _) => found,
        }
    }

    /// Names of all hubs of the running server; empty with `--login`, which knows one server only.
    pub async fn hub_names(&self) -> Result<Vec<String>, ClientError> {
        if self.login.is_some() {
            return Ok(Vec::new());
        }
        let hubs = self.management(API_VERSION)?.get("/provost/hubs").await?;
        let names = list(&hubs).filter_map(|hub| text(hub, "name"));
        Ok(names.map(str::to_owned).collect())
    }

    /// Waits a while for the server to name a new host in its certificate; whether it does.
    pub async fn host_is_served(&self, host: &str) -> bool {
        let Ok(mut client) = self.management_at(host, API_VERSION) else {
            return false;
        };
        for _ in 0..HOST_LOOKS {
            if client.get("/provost/health").await.is_ok() {
                return true;
            }
            tokio::time::sleep(HOST_PAUSE).await;
        }
        false
    }

    /// Waits a while for the connection file to say what the server was just told. Without one, or
    /// when the server runs elsewhere, there is nothing to wait for.
    pub async fn file_follows(&self, says: impl Fn(&ConnectionFile) -> bool) {
        for _ in 0..FILE_LOOKS {
            match self.file() {
                Ok(file) if !says(&file) => tokio::time::sleep(FILE_PAUSE).await,
                _ => return,
            }
        }
    }

    async fn ask_for_hub(&self, name: &str) -> Result<Option<Instance>, ClientError> {
        let mut client = self.management(API_VERSION)?;
        let hubs = client.get("/provost/hubs").await?;
        let hub =
            list(&hubs).find(|hub| text(hub, "name").is_some_and(|other| other.eq_ignore_ascii_case(name)));
        let Some((name, host)) = hub.and_then(|hub| Some((text(hub, "name")?, text(hub, "host")?))) else {
            return Ok(None);
        };
        let path = format!(
            "/subscriptions/{MANAGEMENT_SUBSCRIPTION}/resourceGroups/provost/providers/Microsoft.Devices/IotHubs/{name}/listkeys"
        );
        let keys = client.post(&path, &json!({}), None).await?;
        let policies = list(&keys).filter_map(policy).collect();
        self.other_hub(name, host, policies).map(Some)
    }
}

fn policy(entry: &Value) -> Option<PolicyKey> {
    Some(PolicyKey {
        name: text(entry, "keyName")?.to_owned(),
        key: text(entry, "primaryKey")?.to_owned(),
    })
}

fn list(answer: &Value) -> impl Iterator<Item = &Value> {
    answer
        .get("value")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}
