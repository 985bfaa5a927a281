use clap::Args;
use provost_device::http::Method;
use serde_json::json;

use super::JobName;
use crate::cli::{Context, Failure};
use crate::output::Column;

const COLUMNS: [Column; 6] = [
    Column::new("device", "/deviceId"),
    Column::new("status", "/status"),
    Column::new("answer", "/outcome/deviceMethodResponse/status"),
    Column::new("error", "/error/code"),
    Column::new("reason", "/error/description"),
    Column::new("ended", "/endTimeUtc"),
];

#[derive(Debug, Args)]
pub(in crate::cli) struct DevicesArguments {
    #[command(flatten)]
    job: JobName,
    /// Only in this status: pending, running, completed, failed or canceled
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    top: Option<usize>,
}

impl DevicesArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.job.hub.client(context).await?;
        let mut query = format!(
            "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = {}",
            quoted(&self.job.job_id)
        );
        if let Some(status) = &self.status {
            query = format!("{query} AND devices.jobs.status = {}", quoted(status));
        }
        let body = json!({ "query": query });
        let devices = client
            .pages(Method::POST, "/devices/query", Some(&body), self.top)
            .await?;
        Ok(context.output.documents(&devices, &COLUMNS)?)
    }
}

/// A text of the query language.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quoted("a'b"), "'a''b'");
    }
}
