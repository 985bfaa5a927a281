use clap::Args;
use serde_json::{Value, json};

use super::HubName;
use super::device_body::hide_keys;
use crate::cli::policies::RenewedKey;
use crate::cli::{Context, Failure};

/// Devices of one request (iot-hub-service-api.md 17).
const AT_A_TIME: usize = 100;

/// `provost hub device renew-key`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RenewKeyArguments {
    /// Device IDs
    #[arg(long, short, value_name = "ID", num_args = 1.., required = true)]
    device_id: Vec<String>,
    #[command(flatten)]
    hub: HubName,
    /// Which key
    #[arg(long, visible_alias = "kt", value_name = "KEY")]
    key_type: RenewedKey,
    /// Show the keys in the answer
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

impl RenewKeyArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.hub.client(context).await?;
        let (mut renewed, mut errors) = (Vec::new(), Vec::new());
        for ids in self.device_id.chunks(AT_A_TIME) {
            let devices: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
            let body = json!({ "policyKey": self.key_type.word(), "devices": devices });
            let answer = client.post("/devices/keys/regenerate", &body, None).await?;
            renewed.extend(items(&answer, "rotatedKeys"));
            errors.extend(items(&answer, "errors"));
        }
        if !self.show_keys {
            renewed.iter_mut().for_each(hide_keys);
        }
        let failed = errors.len();
        context.output.document(&json!({
            "policyKey": self.key_type.word(),
            "rotatedKeys": renewed,
            "errors": errors,
        }))?;
        match failed {
            0 => Ok(()),
            _ => Err(Failure::Incomplete(format!("{failed} devices kept their keys"))),
        }
    }
}

fn items(answer: &Value, name: &str) -> Vec<Value> {
    let list = answer.get(name).and_then(Value::as_array);
    list.cloned().unwrap_or_default()
}
