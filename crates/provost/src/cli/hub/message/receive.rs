use clap::Args;
use provost_device::http::Method;
use serde_json::{Map, Value, json};

use super::{Verdict, queue, settle, text};
use crate::cli::hub::DeviceName;
use crate::cli::{Context, Failure};
use crate::output::say;

#[derive(Debug, Args)]
pub(in crate::cli) struct ReceiveArguments {
    #[command(flatten)]
    device: DeviceName,
    /// Seconds in which to complete, reject or abandon it, 5 to 300 [default: as the hub is configured]
    #[arg(long, visible_alias = "lt", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(5..=300))]
    lock_timeout: Option<u32>,
    #[command(flatten)]
    then: Then,
}

/// What to do with it at once.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Then {
    /// Complete it at once
    #[arg(long)]
    complete: bool,
    /// Reject it at once
    #[arg(long)]
    reject: bool,
    /// Give it back at once
    #[arg(long)]
    abandon: bool,
}

/// Names of the fields shown, with the header each comes in.
const FIELDS: [(&str, &str); 11] = [
    ("ack", "iothub-ack"),
    ("correlationId", "iothub-correlationid"),
    ("deliveryCount", "iothub-deliverycount"),
    ("enqueuedTime", "iothub-enqueuedtime"),
    ("expiry", "iothub-expiry"),
    ("messageId", "iothub-messageid"),
    ("sequenceNumber", "iothub-sequencenumber"),
    ("to", "iothub-to"),
    ("userId", "iothub-userid"),
    ("contentType", "iothub-contenttype"),
    ("contentEncoding", "iothub-contentencoding"),
];

impl ReceiveArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.device.hub.client(context).await?;
        let lock = self.lock_timeout.map(|seconds| seconds.to_string());
        let headers: Vec<(&str, &str)> = lock
            .iter()
            .map(|seconds| ("iothub-messagelocktimeout", seconds.as_str()))
            .collect();
        let answer = client.raw(Method::GET, &queue(&self.device), &headers).await?;
        if answer.status.as_u16() == 204 {
            say("no message waits");
            return Ok(());
        }
        let etag = text(&answer.headers, "etag").unwrap_or_default();
        let etag = etag.trim_matches('"');
        context
            .output
            .document(&shown(&answer.headers, &answer.body, etag))?;
        match self.then.verdict() {
            Some(verdict) => Ok(settle(&mut client, &self.device, etag, verdict).await?),
            None => Ok(()),
        }
    }
}

impl Then {
    fn verdict(&self) -> Option<Verdict> {
        match (self.complete, self.reject, self.abandon) {
            (true, ..) => Some(Verdict::Complete),
            (_, true, _) => Some(Verdict::Reject),
            (.., true) => Some(Verdict::Abandon),
            (false, false, false) => None,
        }
    }
}

fn shown(headers: &http::HeaderMap, body: &[u8], etag: &str) -> Value {
    let mut message = Map::new();
    for (name, header) in FIELDS {
        if let Some(value) = text(headers, header).filter(|value| !value.is_empty()) {
            message.insert(name.to_owned(), Value::from(value));
        }
    }
    let names = headers.keys().map(http::HeaderName::as_str);
    let own: Map<String, Value> = names
        .filter_map(|name| {
            let own = name.strip_prefix("iothub-app-")?;
            Some((own.to_owned(), Value::from(text(headers, name)?)))
        })
        .collect();
    message.insert("properties".to_owned(), Value::Object(own));
    message.insert("etag".to_owned(), json!(etag));
    let (name, data) = match std::str::from_utf8(body) {
        Ok(text) => ("data", json!(text)),
        Err(_) => ("dataBase64", json!(crate::cli::input::base64(body))),
    };
    message.insert(name.to_owned(), data);
    Value::Object(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_the_names_of_az() {
        let mut headers = http::HeaderMap::new();
        for (name, value) in [
            ("iothub-messageid", "m1"),
            ("iothub-userid", ""),
            ("iothub-app-line", "7"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        assert_eq!(
            shown(&headers, b"on", "t-1"),
            json!({"messageId": "m1", "properties": {"line": "7"}, "etag": "t-1", "data": "on"})
        );
        assert_eq!(shown(&headers, &[0xff], "t-1")["dataBase64"], "/w==");
    }
}
