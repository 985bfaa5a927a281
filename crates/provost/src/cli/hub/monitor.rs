use std::time::Duration;

use clap::Args;
use provost_wire::own::{TelemetryItem, TelemetryPage};
use serde_json::{Value, json};
use tokio::time::sleep;

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
const PAGE: u32 = 500;

/// `provost hub monitor`.
#[derive(Debug, Args)]
pub(in crate::cli) struct MonitorArguments {
    #[command(flatten)]
    hub: HubName,
    /// Only messages of this device
    #[arg(long, short, visible_alias = "device", value_name = "ID")]
    device_id: Option<String>,
    /// Begin with what the hub still has, instead of now
    #[arg(long)]
    from_start: bool,
    /// End after so many messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

impl MonitorArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let hub = self.hub.instance(context).await?;
        let client = context.locator.client(&hub, OWN_API_VERSION)?;
        let path = format!("/provost/hubs/{}/telemetry", segment(&hub.name));
        say(&format!("telemetry of hub {}; end with Ctrl-C", hub.name));
        tokio::select! {
            result = self.follow(client, &path, context) => result,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    }

    async fn follow(&self, mut client: ApiClient, path: &str, context: &Context) -> Result<(), Failure> {
        let mut after = self.from_start.then_some(0);
        let mut shown = 0;
        let mut has_begun = false;
        loop {
            let from = after.map(|after| format!("&after={after}")).unwrap_or_default();
            let address = format!("{path}?limit={PAGE}&wait={WAIT_SECONDS}{from}");
            let page = match client.get(&address).await {
                // Once it has begun, a restart of the server does not end it.
                Err(error @ ClientError::Connection { .. }) if has_begun => {
                    warn(&format!("{}; trying again", chain(&error)));
                    sleep(RETRY).await;
                    continue;
                }
                answer => answer?,
            };
            has_begun = true;
            let page: TelemetryPage = serde_json::from_value(page)
                .map_err(|_| ClientError::Unexpected("this is no page of telemetry"))?;
            for item in page.value.iter().filter(|item| self.wants(item)) {
                let text = match context.output.format() {
                    Format::Json => json_line(item),
                    Format::Table => text_line(item),
                };
                context.output.line(&text)?;
                shown += 1;
                if self.count.is_some_and(|count| shown >= count) {
                    return Ok(());
                }
            }
            after = Some(page.next);
        }
    }

    fn wants(&self, item: &TelemetryItem) -> bool {
        self.device_id
            .as_ref()
            .is_none_or(|device_id| item.device_id == *device_id)
    }
}

/// `time  device  payload  name=value …`
fn text_line(item: &TelemetryItem) -> String {
    let payload = item.payload();
    let payload = match std::str::from_utf8(&payload) {
        Ok(text) => text.replace(char::is_control, " "),
        Err(_) => format!("({} bytes) {}", payload.len(), item.body),
    };
    let properties = item.properties.iter().map(|(name, value)| match value.as_str() {
        Some(value) => format!(" {name}={value}"),
        None => format!(" {name}"),
    });
    let properties: String = properties.collect();
    format!(
        "{}  {}  {payload} {}",
        item.enqueued_time_utc,
        item.device_id,
        properties.replace(char::is_control, " ")
    )
    .trim_end()
    .to_owned()
}

/// One JSON object: the payload as JSON or text where it is that, else as base64.
fn json_line(item: &TelemetryItem) -> String {
    let payload = item.payload();
    let (name, payload) = match (
        serde_json::from_slice::<Value>(&payload),
        std::str::from_utf8(&payload),
    ) {
        (Ok(value), _) => ("payload", value),
        (_, Ok(text)) => ("payload", json!(text)),
        _ => ("payloadBase64", json!(item.body)),
    };
    json!({
        "sequenceNumber": item.sequence_number,
        "deviceId": item.device_id,
        "enqueuedTimeUtc": item.enqueued_time_utc,
        name: payload,
        "properties": item.properties,
        "systemProperties": item.system_properties,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(body: &str) -> TelemetryItem {
        TelemetryItem {
            sequence_number: 7,
            device_id: "press-1".to_owned(),
            enqueued_time_utc: "2026-11-22T00:00:00.0000000Z".to_owned(),
            properties: [("a".to_owned(), json!("1")), ("b".to_owned(), Value::Null)]
                .into_iter()
                .collect(),
            system_properties: serde_json::Map::new(),
            body: body.to_owned(),
        }
    }

    #[test]
    fn one_line_a_message() {
        // {"t":20}
        let line = text_line(&item("eyJ0IjoyMH0="));
        assert_eq!(line, "2026-11-22T00:00:00.0000000Z  press-1  {\"t\":20}  a=1 b");
        let line = text_line(&item("/w=="));
        assert!(line.contains("(1 bytes) /w=="), "{line}");
        // "a\n\u{1b}b"
        assert!(!text_line(&item("YQobYg==")).contains(char::is_control));
    }

    #[test]
    fn json_lines_keep_json_payloads() {
        let line: Value = serde_json::from_str(&json_line(&item("eyJ0IjoyMH0="))).unwrap();
        assert_eq!(line["payload"], json!({"t": 20}));
        let line: Value = serde_json::from_str(&json_line(&item("/w=="))).unwrap();
        assert_eq!(line["payloadBase64"], "/w==");
    }
}
