use clap::{Args, Subcommand};

use super::ModuleName;
use super::twin::TwinBody;
use crate::cli::{Context, Failure};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ModuleTwinVerb {
    /// Show the twin of a module
    #[command(after_help = "Example:\n  provost hub device create --device-id cell-7\n  \
        provost hub module-identity create --device-id cell-7 --module-id camera\n  \
        provost hub module-twin show --device-id cell-7 --module-id camera --output json")]
    Show(ModuleName),
    /// Merge into tags and desired properties; null removes
    #[command(after_help = "Example:\n  provost hub device create --device-id cell-8\n  \
        provost hub module-identity create --device-id cell-8 --module-id camera\n  \
        provost hub module-twin update --device-id cell-8 --module-id camera --desired '{\"rate\":2}'")]
    Update(WriteArguments),
    /// Replace tags and desired properties as wholes
    #[command(after_help = "Example:\n  provost hub device create --device-id cell-9\n  \
        provost hub module-identity create --device-id cell-9 --module-id camera\n  \
        provost hub module-twin replace --device-id cell-9 --module-id camera --tags '{}' --desired '{}'")]
    Replace(WriteArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WriteArguments {
    #[command(flatten)]
    module: ModuleName,
    #[command(flatten)]
    twin: TwinBody,
}

impl ModuleTwinVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let twin = match self {
            Self::Show(module) => {
                let mut client = module.device.hub.client(context).await?;
                client.get(&module.path("twins")).await?
            }
            Self::Update(WriteArguments { module, twin }) => {
                let body = twin.body()?;
                let mut client = module.device.hub.client(context).await?;
                client
                    .patch(&module.path("twins"), &body, Some(twin.if_match()))
                    .await?
            }
            Self::Replace(WriteArguments { module, twin }) => {
                let body = twin.body()?;
                let mut client = module.device.hub.client(context).await?;
                client
                    .put(&module.path("twins"), &body, Some(twin.if_match()))
                    .await?
            }
        };
        Ok(context.output.document(&twin)?)
    }
}
