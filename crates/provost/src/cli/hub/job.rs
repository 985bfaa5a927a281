//! `provost hub job`: az's flags of `az iot hub job` (iot-hub-service-api.md 17).

mod create;
mod devices;
mod following;

use clap::{Args, Subcommand};
use provost_device::http::Method;
use serde_json::Value;

use super::HubName;
use crate::cli::input::segment;
use crate::cli::{Context, Failure};
use crate::client::{ApiClient, ClientError};
use crate::output::Column;

const COLUMNS: [Column; 7] = [
    Column::new("job", "/jobId"),
    Column::new("type", "/type"),
    Column::new("status", "/status"),
    Column::new("devices", "/deviceJobStatistics/deviceCount"),
    Column::new("succeeded", "/deviceJobStatistics/succeededCount"),
    Column::new("failed", "/deviceJobStatistics/failedCount"),
    Column::new("created", "/createdTime"),
];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum JobVerb {
    /// Update many twins, or call a method of many devices
    #[command(after_help = "Examples:\n  \
        provost hub job create --job-id patch-1 --job-type scheduleUpdateTwin -q '*' \\\n      \
        --twin-patch '{\"tags\":{\"hall\":7}}' --wait\n  \
        provost hub job create --job-id call-1 --job-type scheduleDeviceMethod -q '*' \\\n      \
        --method-name reboot")]
    Create(Box<create::CreateArguments>),
    /// Show one with its statistics
    #[command(after_help = "Example:\n  \
        provost hub job create --job-id patch-2 --job-type scheduleUpdateTwin -q '*' \\\n      \
        --twin-patch '{\"tags\":{\"hall\":7}}'\n  \
        provost hub job show --job-id patch-2")]
    Show(JobName),
    /// List jobs, newest first
    #[command(after_help = "Example:\n  provost hub job list --job-status completed --output table")]
    List(ListArguments),
    /// Call one off: devices that had no turn yet have none
    #[command(after_help = "Example:\n  \
        provost hub job create --job-id later-1 --job-type scheduleDeviceMethod -q '*' \\\n      \
        --method-name reboot --start-time 2100-01-01T00:00:00Z\n  provost hub job cancel --job-id later-1")]
    Cancel(JobName),
    /// List what became of the devices of a job
    #[command(after_help = "Example:\n  \
        provost hub job create --job-id patch-3 --job-type scheduleUpdateTwin -q '*' \\\n      \
        --twin-patch '{\"tags\":{\"hall\":7}}' --wait\n  \
        provost hub job devices --job-id patch-3 --status failed")]
    Devices(devices::DevicesArguments),
}

/// Which job of which hub.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct JobName {
    /// Job ID
    #[arg(long, visible_alias = "jid", value_name = "ID")]
    job_id: String,
    #[command(flatten)]
    hub: HubName,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    #[command(flatten)]
    hub: HubName,
    /// Only this type: scheduleUpdateTwin or scheduleDeviceMethod
    #[arg(long, visible_alias = "jt", value_name = "TYPE")]
    job_type: Option<String>,
    /// Only this status: queued, scheduled, running, completed, failed or cancelled
    #[arg(long, visible_alias = "js", value_name = "STATUS")]
    job_status: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    top: Option<usize>,
}

impl JobVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => arguments.run(context).await,
            Self::Show(job) => {
                let mut client = job.hub.client(context).await?;
                Ok(context.output.document(&client.get(&job.path()).await?)?)
            }
            Self::List(arguments) => arguments.run(context).await,
            Self::Cancel(job) => {
                let mut client = job.hub.client(context).await?;
                let path = format!("{}/cancel", job.path());
                let cancelled = client.post(&path, &Value::Null, None).await?;
                Ok(context.output.document(&cancelled)?)
            }
            Self::Devices(arguments) => arguments.run(context).await,
        }
    }
}

impl JobName {
    fn path(&self) -> String {
        format!("/jobs/v2/{}", segment(&self.job_id))
    }
}

impl ListArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.hub.client(context).await?;
        let jobs = self.pages(&mut client).await?;
        Ok(context.output.documents(&jobs, &COLUMNS)?)
    }

    async fn pages(&self, client: &mut ApiClient) -> Result<Vec<Value>, ClientError> {
        let word = |word: &Option<String>| segment(word.as_deref().unwrap_or_default());
        let path = format!(
            "/jobs/v2/query?jobType={}&jobStatus={}",
            word(&self.job_type),
            word(&self.job_status)
        );
        client.pages(Method::GET, &path, None, self.top).await
    }
}
