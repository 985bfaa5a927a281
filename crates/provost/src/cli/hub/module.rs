use clap::{Args, Subcommand};
use provost_model::SymmetricKey;
use provost_wire::ConnectionString;
use serde_json::{Value, json};

use super::device::{KeyType, key_of};
use super::device_body::{Credentials, hide_keys};
use super::{DeviceName, ModuleName};
use crate::cli::{Context, Failure};
use crate::client::ClientError;
use crate::output::Column;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ModuleVerb {
    /// Make a module of a device
    #[command(after_help = "Example:\n  provost hub device create --device-id cell-1\n  \
        provost hub module-identity create --device-id cell-1 --module-id camera")]
    Create(Box<CreateArguments>),
    /// Show one
    #[command(after_help = "Example:\n  provost hub device create --device-id cell-2\n  \
        provost hub module-identity create --device-id cell-2 --module-id camera\n  \
        provost hub module-identity show --device-id cell-2 --module-id camera")]
    Show(ShowArguments),
    /// List the modules of a device
    #[command(after_help = "Example:\n  provost hub device create --device-id cell-3\n  \
        provost hub module-identity list --device-id cell-3 --output table")]
    List(DeviceName),
    /// Change what is named and keep the rest
    #[command(after_help = "Example:\n  provost hub device create --device-id cell-4\n  \
        provost hub module-identity create --device-id cell-4 --module-id camera\n  \
        provost hub module-identity update --device-id cell-4 --module-id camera --auth-method x509_ca")]
    Update(Box<UpdateArguments>),
    /// Delete one with its twin; a live session ends
    #[command(after_help = "Example:\n  provost hub device create --device-id cell-5\n  \
        provost hub module-identity create --device-id cell-5 --module-id camera\n  \
        provost hub module-identity delete --device-id cell-5 --module-id camera")]
    Delete(DeleteArguments),
    /// Print the connection string a module is configured with
    #[command(after_help = "Example:\n  provost hub device create --device-id cell-6\n  \
        provost hub module-identity create --device-id cell-6 --module-id camera\n  \
        provost hub module-identity connection-string --device-id cell-6 --module-id camera")]
    ConnectionString(StringArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    module: ModuleName,
    #[command(flatten)]
    credentials: Credentials,
    /// Who looks after it
    #[arg(long, value_name = "TEXT")]
    managed_by: Option<String>,
    /// Show symmetric keys in the answer
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArguments {
    #[command(flatten)]
    module: ModuleName,
    /// Show symmetric keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateArguments {
    #[command(flatten)]
    module: ModuleName,
    #[command(flatten)]
    credentials: Credentials,
    /// Who looks after it; empty for nobody
    #[arg(long, value_name = "TEXT")]
    managed_by: Option<String>,
    /// Only if the module still has this etag [default: whatever is there]
    #[arg(long, short)]
    etag: Option<String>,
    /// Show symmetric keys in the answer
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    #[command(flatten)]
    module: ModuleName,
    /// Only if the module still has this etag
    #[arg(long, short)]
    etag: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct StringArguments {
    #[command(flatten)]
    module: ModuleName,
    /// Which key
    #[arg(long, visible_alias = "kt", default_value = "primary")]
    key_type: KeyType,
}

const COLUMNS: [Column; 5] = [
    Column::new("module id", "/moduleId"),
    Column::new("connection", "/connectionState"),
    Column::new("authentication", "/authentication/type"),
    Column::new("managed by", "/managedBy"),
    Column::new("last activity", "/lastActivityTime"),
];

impl ModuleVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => arguments.run(context).await,
            Self::Show(arguments) => {
                let mut client = arguments.module.device.hub.client(context).await?;
                let found = client.get(&arguments.module.path("devices")).await?;
                show(context, found, arguments.show_keys)
            }
            Self::List(device) => list(&device, context).await,
            Self::Update(arguments) => arguments.run(context).await,
            Self::Delete(arguments) => {
                let mut client = arguments.module.device.hub.client(context).await?;
                let path = arguments.module.path("devices");
                Ok(client.delete(&path, arguments.etag.as_deref()).await?)
            }
            Self::ConnectionString(arguments) => arguments.run(context).await,
        }
    }
}

async fn list(device: &DeviceName, context: &Context) -> Result<(), Failure> {
    let mut client = device.hub.client(context).await?;
    let answer = client.get(&format!("{}/modules", device.path("devices"))).await?;
    let Value::Array(mut modules) = answer else {
        return Err(ClientError::Unexpected("no list in the answer").into());
    };
    modules.iter_mut().for_each(hide_keys);
    Ok(context.output.documents(&modules, &COLUMNS)?)
}

impl CreateArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut body = json!({
            "deviceId": self.module.device.device_id,
            "moduleId": self.module.module_id,
            "managedBy": self.managed_by,
        });
        self.credentials.create(&mut body)?;
        let mut client = self.module.device.hub.client(context).await?;
        let made = client.put(&self.module.path("devices"), &body, None).await?;
        show(context, made, self.show_keys)
    }
}

impl UpdateArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.module.device.hub.client(context).await?;
        let path = self.module.path("devices");
        let mut module = client.get(&path).await?;
        self.credentials.update(&mut module)?;
        if let (Some(managed_by), Some(module)) = (self.managed_by, module.as_object_mut()) {
            module.insert("managedBy".to_owned(), json!(managed_by));
        }
        let etag = self.etag.as_deref().unwrap_or("*");
        let made = client.put(&path, &module, Some(etag)).await?;
        show(context, made, self.show_keys)
    }
}

impl StringArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let hub = self.module.device.hub.instance(context).await?;
        let mut client = self.module.device.hub.client(context).await?;
        let module = client.get(&self.module.path("devices")).await?;
        let key: Option<SymmetricKey> = key_of(&module, self.key_type)?;
        let string = ConnectionString {
            module_id: Some(self.module.module_id.clone()),
            ..ConnectionString::device(&hub.host, &self.module.device.device_id, key)
        };
        Ok(context.output.text("connectionString", &string.reveal())?)
    }
}

fn show(context: &Context, mut module: Value, show_keys: bool) -> Result<(), Failure> {
    if !show_keys {
        hide_keys(&mut module);
    }
    Ok(context.output.document(&module)?)
}
