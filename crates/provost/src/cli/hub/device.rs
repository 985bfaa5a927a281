use clap::{Args, Subcommand, ValueEnum};
use provost_model::SymmetricKey;
use provost_wire::ConnectionString;
use serde_json::Value;

use super::device_body::{Credentials, StatusArguments, hide_keys};
use super::renew_key;
use super::{DeviceName, HubName};
use crate::cli::{Context, Failure};
use crate::client::ClientError;
use crate::output::Column;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum DeviceVerb {
    /// Make a device identity by hand, without provisioning
    #[command(after_help = "Examples:\n  provost hub device create --device-id hand-1\n  \
        provost hub device create --device-id hand-2 --auth-method x509_ca")]
    Create(Box<CreateArguments>),
    /// Show one
    #[command(after_help = "Example:\n  provost hub device create --device-id hand-3\n  \
        provost hub device show --device-id hand-3")]
    Show(ShowArguments),
    /// List devices
    #[command(after_help = "Example:\n  provost hub device list --output table")]
    List(ListArguments),
    /// Change what is named and keep the rest
    #[command(after_help = "Example:\n  provost hub device create --device-id hand-4\n  \
        provost hub device update --device-id hand-4 --status disabled --status-reason 'stolen'")]
    Update(Box<UpdateArguments>),
    /// Delete one with its twin; a live session ends
    #[command(after_help = "Example:\n  provost hub device create --device-id hand-5\n  \
        provost hub device delete --device-id hand-5")]
    Delete(DeleteArguments),
    /// Give devices with symmetric keys another key; sessions that rest on the old one end
    #[command(after_help = "Example:\n  provost hub device create --device-id hand-7\n  \
        provost hub device renew-key --device-id hand-7 --key-type primary")]
    RenewKey(renew_key::RenewKeyArguments),
    /// Print the connection string a device is configured with
    #[command(after_help = "Example:\n  provost hub device create --device-id hand-6\n  \
        provost hub device connection-string --device-id hand-6")]
    ConnectionString(StringArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    device: DeviceName,
    #[command(flatten)]
    credentials: Credentials,
    #[command(flatten)]
    status: StatusArguments,
    /// Show symmetric keys in the answer
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArguments {
    #[command(flatten)]
    device: DeviceName,
    /// Show symmetric keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    #[command(flatten)]
    hub: HubName,
    /// At most so many, up to 1000
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateArguments {
    #[command(flatten)]
    device: DeviceName,
    #[command(flatten)]
    credentials: Credentials,
    #[command(flatten)]
    status: StatusArguments,
    /// Only if the device still has this etag [default: whatever is there]
    #[arg(long, short)]
    etag: Option<String>,
    /// Show symmetric keys in the answer
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    #[command(flatten)]
    device: DeviceName,
    /// Only if the device still has this etag
    #[arg(long, short)]
    etag: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct StringArguments {
    #[command(flatten)]
    device: DeviceName,
    /// Which key
    #[arg(long, visible_alias = "kt", default_value = "primary")]
    key_type: KeyType,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum KeyType {
    Primary,
    Secondary,
}

const COLUMNS: [Column; 6] = [
    Column::new("device id", "/deviceId"),
    Column::new("status", "/status"),
    Column::new("connection", "/connectionState"),
    Column::new("authentication", "/authentication/type"),
    Column::new("reason", "/statusReason"),
    Column::new("last activity", "/lastActivityTime"),
];

impl DeviceVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => arguments.run(context).await,
            Self::Show(arguments) => {
                let mut client = arguments.device.hub.client(context).await?;
                let found = client.get(&arguments.device.path("devices")).await?;
                show(context, found, arguments.show_keys)
            }
            Self::List(arguments) => {
                let mut client = arguments.hub.client(context).await?;
                let answer = client.get(&format!("/devices?top={}", arguments.top)).await?;
                let Value::Array(mut devices) = answer else {
                    return Err(ClientError::Unexpected("no list in the answer").into());
                };
                devices.iter_mut().for_each(hide_keys);
                Ok(context.output.documents(&devices, &COLUMNS)?)
            }
            Self::Update(arguments) => arguments.run(context).await,
            Self::Delete(arguments) => {
                let mut client = arguments.device.hub.client(context).await?;
                let path = arguments.device.path("devices");
                Ok(client.delete(&path, arguments.etag.as_deref()).await?)
            }
            Self::RenewKey(arguments) => arguments.run(context).await,
            Self::ConnectionString(arguments) => arguments.run(context).await,
        }
    }
}

impl CreateArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut body = serde_json::json!({ "deviceId": self.device.device_id });
        self.credentials.create(&mut body)?;
        self.status.apply(&mut body);
        let mut client = self.device.hub.client(context).await?;
        let made = client.put(&self.device.path("devices"), &body, None).await?;
        show(context, made, self.show_keys)
    }
}

impl UpdateArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.device.hub.client(context).await?;
        let path = self.device.path("devices");
        let mut device = client.get(&path).await?;
        self.credentials.update(&mut device)?;
        self.status.apply(&mut device);
        let etag = self.etag.as_deref().unwrap_or("*");
        let made = client.put(&path, &device, Some(etag)).await?;
        show(context, made, self.show_keys)
    }
}

impl StringArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let hub = self.device.hub.instance(context).await?;
        let mut client = self.device.hub.client(context).await?;
        let device = client.get(&self.device.path("devices")).await?;
        let key = key_of(&device, self.key_type)?;
        let string = ConnectionString::device(&hub.host, &self.device.device_id, key);
        Ok(context.output.text("connectionString", &string.reveal())?)
    }
}

/// A key of an identity the hub showed; `None` when it proves itself otherwise.
pub(super) fn key_of(identity: &Value, key_type: KeyType) -> Result<Option<SymmetricKey>, ClientError> {
    let member = match key_type {
        KeyType::Primary => "primaryKey",
        KeyType::Secondary => "secondaryKey",
    };
    identity
        .pointer(&format!("/authentication/symmetricKey/{member}"))
        .and_then(Value::as_str)
        .filter(|key| !key.is_empty())
        .map(SymmetricKey::parse)
        .transpose()
        .map_err(|_| ClientError::Unexpected("the key of the device is not a key"))
}

fn show(context: &Context, mut device: Value, show_keys: bool) -> Result<(), Failure> {
    if !show_keys {
        hide_keys(&mut device);
    }
    Ok(context.output.document(&device)?)
}
