//! `provost hub telemetry`.

use clap::Subcommand;
use serde_json::Value;

use super::HubName;
use crate::cli::input::segment;
use crate::cli::{Context, Failure, OWN_API_VERSION};
use crate::client::ClientError;
use crate::output::Column;

const COLUMNS: [Column; 6] = [
    Column::new("partition", "/partitionId"),
    Column::new("first", "/beginningSequenceNumber"),
    Column::new("last", "/lastEnqueuedSequenceNumber"),
    Column::new("last message", "/lastEnqueuedTimeUtc"),
    Column::new("bytes", "/bytes"),
    Column::new("removed", "/removed"),
];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TelemetryVerb {
    /// Show what each partition holds, and how much retention has removed
    #[command(after_help = "Example:\n  provost hub telemetry partitions --output table")]
    Partitions(HubName),
}

impl TelemetryVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Self::Partitions(hub) = self;
        let hub = hub.instance(context).await?;
        let mut client = context.locator.client(&hub, OWN_API_VERSION)?;
        let path = format!("/provost/hubs/{}/telemetry/partitions", segment(&hub.name));
        let answer = client.get(&path).await?;
        let Some(Value::Array(partitions)) = answer.get("value") else {
            return Err(ClientError::Unexpected("no list in the answer").into());
        };
        Ok(context.output.documents(partitions, &COLUMNS)?)
    }
}
