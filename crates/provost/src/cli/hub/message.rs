//! `provost hub message`: messages to devices, from both ends.

mod receive;
mod send;

use clap::{Args, Subcommand};
use provost_device::http::Method;
use serde_json::{Value, json};

use super::{DeviceName, HubName};
use crate::cli::input::segment;
use crate::cli::{Context, Failure};
use crate::client::{ApiClient, ClientError};
use crate::output::say;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum MessageVerb {
    /// Put a message into a device's queue
    #[command(after_help = "Examples:\n  provost hub device create --device-id lamp-1\n  \
        provost hub message send --device-id lamp-1 --payload 'open the valve'\n  \
        provost hub message send -d lamp-1 --payload '{\"valve\":1}' --ct application/json \\\n    \
        --props 'line=7;shift=night' --ack full --expiry 2100-01-01T00:00:00Z")]
    Send(Box<send::SendArguments>),
    /// Take a device's oldest message, as the device does over HTTPS; not for devices with certificates
    #[command(after_help = "Examples:\n  provost hub device create --device-id lamp-1\n  \
        provost hub message send --device-id lamp-1 --payload on\n  \
        provost hub message receive --device-id lamp-1 --complete")]
    Receive(receive::ReceiveArguments),
    /// Say for the device that it has dealt with a message
    #[command(after_help = "Example:\n  provost hub device create --device-id lamp-1\n  \
        provost hub message send --device-id lamp-1 --payload on\n  \
        etag=$(provost hub message receive --device-id lamp-1 |\n    \
        sed -n 's/.*\"etag\": \"\\([^\"]*\\)\".*/\\1/p')\n  \
        provost hub message complete --device-id lamp-1 --etag \"$etag\"")]
    Complete(SettleArguments),
    /// Say for the device that it does not want a message
    #[command(after_help = "Example:\n  provost hub device create --device-id lamp-1\n  \
        provost hub message send --device-id lamp-1 --payload on\n  \
        etag=$(provost hub message receive --device-id lamp-1 |\n    \
        sed -n 's/.*\"etag\": \"\\([^\"]*\\)\".*/\\1/p')\n  \
        provost hub message reject --device-id lamp-1 --etag \"$etag\"")]
    Reject(SettleArguments),
    /// Give a message back for the device: it waits again
    #[command(after_help = "Example:\n  provost hub device create --device-id lamp-1\n  \
        provost hub message send --device-id lamp-1 --payload on\n  \
        etag=$(provost hub message receive --device-id lamp-1 |\n    \
        sed -n 's/.*\"etag\": \"\\([^\"]*\\)\".*/\\1/p')\n  \
        provost hub message abandon --device-id lamp-1 --etag \"$etag\"")]
    Abandon(SettleArguments),
    /// Empty a device's queue
    #[command(after_help = "Example:\n  provost hub device create --device-id lamp-1\n  \
        provost hub message send --device-id lamp-1 --payload ping\n  \
        provost hub message purge --device-id lamp-1")]
    Purge(DeviceName),
    /// Read what became of messages that were sent with --ack, and take it off the hub
    #[command(after_help = "Example:\n  provost hub device create --device-id lamp-1\n  \
        provost hub message send --device-id lamp-1 --payload ping --ack full\n  \
        provost hub message purge --device-id lamp-1\n  provost hub message feedback")]
    Feedback(HubName),
}

/// Which message, as its delivery names it.
#[derive(Debug, Args)]
pub(in crate::cli) struct SettleArguments {
    #[command(flatten)]
    device: DeviceName,
    /// Lock token of the delivery, as `receive` shows it
    #[arg(long, short, value_name = "TOKEN")]
    etag: String,
}

/// What a device says of a message.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    Complete,
    Reject,
    Abandon,
}

impl MessageVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Send(arguments) => arguments.run(context).await,
            Self::Receive(arguments) => arguments.run(context).await,
            Self::Complete(arguments) => arguments.settle(Verdict::Complete, context).await,
            Self::Reject(arguments) => arguments.settle(Verdict::Reject, context).await,
            Self::Abandon(arguments) => arguments.settle(Verdict::Abandon, context).await,
            Self::Purge(device) => purge(&device, context).await,
            Self::Feedback(hub) => feedback(&hub, context).await,
        }
    }
}

impl SettleArguments {
    async fn settle(self, verdict: Verdict, context: &Context) -> Result<(), Failure> {
        let mut client = self.device.hub.client(context).await?;
        Ok(settle(&mut client, &self.device, &self.etag, verdict).await?)
    }
}

async fn settle(
    client: &mut ApiClient,
    device: &DeviceName,
    etag: &str,
    verdict: Verdict,
) -> Result<(), ClientError> {
    let message = format!("{}/{}", queue(device), segment(etag.trim_matches('"')));
    let (method, path) = match verdict {
        Verdict::Complete => (Method::DELETE, message),
        Verdict::Reject => (Method::DELETE, format!("{message}?reject")),
        Verdict::Abandon => (Method::POST, format!("{message}/abandon")),
    };
    client.send(method, &path, &[], None).await.map(drop)
}

/// Where a device finds its messages.
fn queue(device: &DeviceName) -> String {
    format!("{}/messages/devicebound", device.path("devices"))
}

async fn purge(device: &DeviceName, context: &Context) -> Result<(), Failure> {
    let mut client = device.hub.client(context).await?;
    let path = format!("{}/commands", device.path("devices"));
    let answer = client.send(Method::DELETE, &path, &[], None).await?;
    Ok(context.output.document(&answer.body)?)
}

/// Each batch is printed before it is taken off the hub: what is lost on the way comes again.
async fn feedback(hub: &HubName, context: &Context) -> Result<(), Failure> {
    const PATH: &str = "/messages/serviceBound/feedback";
    let mut client = hub.client(context).await?;
    let mut is_any = false;
    loop {
        let answer = client.raw(Method::GET, PATH, &[]).await?;
        if answer.status.as_u16() == 204 {
            break;
        }
        is_any = true;
        let records: Vec<Value> = serde_json::from_slice(&answer.body)
            .map_err(|_| ClientError::Unexpected("this is no feedback"))?;
        context.output.rows(&records)?;
        let token = text(&answer.headers, "etag").unwrap_or_default();
        let path = format!("{PATH}/{}", segment(token.trim_matches('"')));
        client.send(Method::DELETE, &path, &[], None).await?;
    }
    if !is_any {
        context.output.document(&json!([]))?;
        say("no feedback waits");
    }
    Ok(())
}

/// A header's text.
fn text(headers: &http::HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}
