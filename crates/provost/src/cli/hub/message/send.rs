use std::path::PathBuf;

use clap::Args;
use provost_model::{Ack, Timestamp};
use provost_wire::hub::service::MessageInput;
use provost_wire::time;

use crate::cli::hub::DeviceName;
use crate::cli::input::segment;
use crate::cli::{Context, Failure, OWN_API_VERSION};

#[derive(Debug, Args)]
pub(in crate::cli) struct SendArguments {
    #[command(flatten)]
    device: DeviceName,
    /// Payload
    #[arg(
        long,
        visible_alias = "da",
        value_name = "TEXT",
        default_value = "Ping from provost"
    )]
    payload: String,
    /// Payload from a file, as it is
    #[arg(long, visible_aliases = ["dfp", "data-file-path"], value_name = "FILE", conflicts_with = "payload")]
    payload_file: Option<PathBuf>,
    /// Application properties: name=value;name=value
    #[arg(long, short, visible_alias = "properties", value_name = "PROPERTIES", value_parser = properties)]
    props: Option<Properties>,
    /// What to hear of it later, with `provost hub message feedback`: positive, negative or full
    #[arg(long, value_name = "ACK", value_parser = ack)]
    ack: Option<Ack>,
    /// Name of the message [default: a new one]
    #[arg(long, visible_alias = "mid", value_name = "ID")]
    message_id: Option<String>,
    /// Name of what it answers or belongs to
    #[arg(long, visible_alias = "cid", value_name = "ID")]
    correlation_id: Option<String>,
    /// Who it is from
    #[arg(long, visible_alias = "uid", value_name = "ID")]
    user_id: Option<String>,
    /// What the payload is
    #[arg(long, visible_alias = "ct", value_name = "TYPE")]
    content_type: Option<String>,
    /// How the payload is encoded
    #[arg(long, visible_alias = "ce", value_name = "ENCODING")]
    content_encoding: Option<String>,
    /// When its time is over: ISO 8601, or milliseconds since 1970 [default: as the hub is configured]
    #[arg(long, visible_alias = "expiry-time-utc", value_name = "TIME", value_parser = instant)]
    expiry: Option<Timestamp>,
}

/// Names and values in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Properties(Vec<(String, String)>);

impl SendArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let hub = self.device.hub.instance(context).await?;
        let mut client = context.locator.client(&hub, OWN_API_VERSION)?;
        let path = format!(
            "/provost/hubs/{}/devices/{}/messages",
            segment(&hub.name),
            segment(&self.device.device_id)
        );
        let body = serde_json::from_slice(&self.input()?.to_json()).unwrap_or_default();
        let sent = client.post(&path, &body, None).await?;
        Ok(context.output.document(&sent)?)
    }

    fn input(self) -> Result<MessageInput, Failure> {
        let body = match &self.payload_file {
            Some(path) => std::fs::read(path)
                .map_err(|error| Failure::Io(format!("cannot read {}", path.display()), error))?,
            None => self.payload.into_bytes(),
        };
        Ok(MessageInput {
            message_id: self.message_id,
            correlation_id: self.correlation_id,
            user_id: self.user_id,
            content_type: self.content_type,
            content_encoding: self.content_encoding,
            expires_at: self.expiry,
            ack: self.ack.unwrap_or_default(),
            properties: self.props.unwrap_or_default().0,
            body,
        })
    }
}

fn properties(text: &str) -> Result<Properties, String> {
    let parts = text.split(';').filter(|part| !part.trim().is_empty());
    let pair = |part: &str| match part.split_once('=') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.to_owned())),
        None => Err(format!("`{part}` has no `=`")),
    };
    parts.map(pair).collect::<Result<_, _>>().map(Properties)
}

fn ack(text: &str) -> Result<Ack, String> {
    Ack::parse(text).ok_or_else(|| "it is positive, negative, full or none".to_owned())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let millis = text.parse::<i64>().ok().map(|millis| millis.saturating_mul(1000));
    millis
        .map(Timestamp::from_micros)
        .or_else(|| time::parse_iso(text))
        .ok_or_else(|| "it is no ISO 8601 time".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: SendArguments,
    }

    #[test]
    fn flags_of_az_make_a_message() {
        let line = "x -d press-1 --da on -p line=7;shift=a=b --ack full --mid m1 --cid c --uid u --ct t/x --ce utf-8 \
                    --expiry-time-utc 1000";
        let input = Line::parse_from(line.split_whitespace())
            .arguments
            .input()
            .unwrap();
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(input.properties, [own("line", "7"), own("shift", "a=b")]);
        assert_eq!(input.expires_at, Some(Timestamp::from_unix_seconds(1)));
        assert_eq!((input.ack, &*input.body), (Ack::Full, &b"on"[..]));
        for wrong in ["-p line", "--ack maybe", "--expiry tomorrow"] {
            let line = format!("x -d press-1 {wrong}");
            assert!(Line::try_parse_from(line.split(' ')).is_err(), "{wrong}");
        }
    }
}
