mod checkpoints;
mod line;

use std::time::Duration;

use clap::{Args, ValueEnum};
use provost_wire::own::{TelemetryItem, TelemetryPageView};
use provost_wire::percent;
use tokio::time::sleep;

use self::checkpoints::Checkpoints;
use self::line::{json_line, text_line};
use super::HubName;
use crate::cli::input::segment;
use crate::cli::{Context, Failure, OWN_API_VERSION, chain};
use crate::client::{ApiClient, ClientError};
use crate::output::{Format, say, warn};

/// Seconds a request waits for the next message; below every idle timeout on the way.
const WAIT_SECONDS: u32 = 20;
/// Wait before a server that went away is asked again.
const RETRY: Duration = Duration::from_secs(2);
/// Messages a page.
const PAGE: u64 = 500;

/// `provost hub monitor`.
#[derive(Debug, Args)]
pub(in crate::cli) struct MonitorArguments {
    #[command(flatten)]
    hub: HubName,
    /// Only messages of this device and its modules
    #[arg(long, short, visible_alias = "device", value_name = "ID")]
    device_id: Option<String>,
    /// Only messages of this module of the device
    #[arg(long, value_name = "ID", requires = "device_id")]
    module_id: Option<String>,
    /// Only one partition
    #[arg(long, value_name = "NUMBER")]
    partition: Option<u16>,
    /// Begin where this consumer group stopped, and remember how far it comes
    #[arg(long, visible_aliases = ["cg"], short, value_name = "NAME")]
    consumer_group: Option<String>,
    /// Begin with `earliest`, `latest`, `checkpoint`, or an instant such as 2026-11-27T08:00:00Z
    /// [default: the consumer group's checkpoint, else latest]
    #[arg(long, visible_aliases = ["enqueued-time", "et"], value_name = "WHERE")]
    from: Option<String>,
    /// As `--from earliest`
    #[arg(long, conflicts_with = "from")]
    from_start: bool,
    /// End after so many messages
    #[arg(long, visible_aliases = ["messages", "message-count", "mc"], value_name = "N")]
    count: Option<u64>,
    /// End when nothing came for so many seconds
    #[arg(long, short, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Which properties a line shows
    #[arg(long, visible_alias = "props", short, value_enum, value_delimiter = ',', value_name = "KIND",
          default_values = ["app"], hide_default_value = true)]
    properties: Vec<Properties>,
}

/// Kinds of properties, as `az iot hub monitor-events` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Properties {
    /// All of them
    All,
    /// Where the message is in the hub: partition, sequence number, offset
    Anno,
    /// What the sender added [default]
    App,
    /// What the hub added, and content type and the like
    Sys,
}

impl MonitorArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let hub = self.hub.instance(context).await?;
        let client = context.locator.client(&hub, OWN_API_VERSION)?;
        let base = format!("/provost/hubs/{}", segment(&hub.name));
        say(&format!("telemetry of hub {}; end with Ctrl-C", hub.name));
        tokio::select! {
            result = self.follow(client, &base, context) => result,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    }

    async fn follow(&self, mut client: ApiClient, base: &str, context: &Context) -> Result<(), Failure> {
        let mut checkpoints = match &self.consumer_group {
            Some(group) => Some(Checkpoints::read(&mut client, base, group).await?),
            None => None,
        };
        let mut after = None;
        let mut shown = 0;
        let mut silent = 0;
        loop {
            let page = match client.get(&self.address(base, after.as_deref(), shown)).await {
                // Once it has begun, a restart of the server does not end it.
                Err(error @ ClientError::Connection { .. }) if after.is_some() => {
                    warn(&format!("{}; trying again", chain(&error)));
                    sleep(RETRY).await;
                    continue;
                }
                answer => answer?,
            };
            let page: TelemetryPageView = serde_json::from_value(page)
                .map_err(|_| ClientError::Unexpected("this is no page of telemetry"))?;
            for lost in &page.lost {
                let (count, partition) = (lost.count, &lost.partition_id);
                warn(&format!(
                    "{count} messages of partition {partition} were removed before they were read"
                ));
            }
            for item in page.value.iter().filter(|item| self.wants(item)) {
                let text = match context.output.format() {
                    Format::Json => json_line(item),
                    Format::Table => text_line(item, &self.properties),
                };
                context.output.line(&text)?;
                shown += 1;
            }
            if let Some(checkpoints) = &mut checkpoints {
                checkpoints.advance(&mut client, &page.next).await?;
            }
            silent = if page.value.is_empty() {
                silent + self.wait()
            } else {
                0
            };
            let is_enough = self.count.is_some_and(|count| shown >= count);
            if is_enough || self.timeout.is_some_and(|timeout| silent >= timeout) {
                return Ok(());
            }
            after = Some(page.next);
        }
    }

    /// The next page's; never more messages than are still to be shown, so that a consumer group
    /// remembers what was shown.
    fn address(&self, base: &str, after: Option<&str>, shown: u64) -> String {
        let left = self.count.map_or(PAGE, |count| count.saturating_sub(shown));
        let limit = left.clamp(1, PAGE);
        let wait = self.wait();
        let mut address = format!("{base}/telemetry?limit={limit}&wait={wait}");
        let from = if self.from_start {
            Some("earliest")
        } else {
            self.from.as_deref()
        };
        let partition = self.partition.map(|partition| partition.to_string());
        for (name, value) in [
            ("deviceId", self.device_id.as_deref()),
            ("partition", partition.as_deref()),
            ("consumerGroup", self.consumer_group.as_deref()),
            ("after", after),
            ("from", from.filter(|_| after.is_none())),
        ] {
            if let Some(value) = value {
                for part in ["&", name, "=", &percent::encode(value)] {
                    address.push_str(part);
                }
            }
        }
        address
    }

    fn wait(&self) -> u32 {
        self.timeout
            .map_or(WAIT_SECONDS, |timeout| timeout.min(WAIT_SECONDS))
    }

    fn wants(&self, item: &TelemetryItem) -> bool {
        let module = self.module_id.as_ref();
        module.is_none_or(|module| item.module_id.as_ref() == Some(module))
    }
}
