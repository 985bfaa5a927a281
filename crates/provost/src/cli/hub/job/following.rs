use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::JobName;
use crate::client::{ApiClient, ClientError};
use crate::output::bar;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Looks at a job until it has ended, and shows how far it is.
pub(super) async fn follow(client: &mut ApiClient, job: &JobName) -> Result<Value, ClientError> {
    let progress = bar(0, "devices");
    loop {
        let shown = client.get(&job.path()).await?;
        let count = |name: &str| {
            shown
                .pointer(&format!("/deviceJobStatistics/{name}"))
                .and_then(Value::as_u64)
        };
        progress.set_length(count("deviceCount").unwrap_or(0));
        progress.set_position(count("succeededCount").unwrap_or(0) + count("failedCount").unwrap_or(0));
        if matches!(
            shown.get("status").and_then(Value::as_str),
            Some("completed" | "failed" | "cancelled")
        ) {
            progress.finish_and_clear();
            return Ok(shown);
        }
        sleep(PAUSE).await;
    }
}
