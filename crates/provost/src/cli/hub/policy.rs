use clap::{Args, Subcommand};

use super::HubName;
use crate::cli::input::segment;
use crate::cli::policies::{Policies, PolicyValues, RenewedKey};
use crate::cli::{Context, Failure};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PolicyVerb {
    /// List the policies
    #[command(after_help = "Example:\n  provost hub policy list --output table")]
    List(ListArguments),
    /// Show one with its keys
    #[command(
        after_help = "Example:\n  provost hub policy create --policy-name reader --rights ServiceConnect,RegistryRead\n  \
        provost hub policy show --policy-name reader"
    )]
    Show(NamedArguments),
    /// Make a policy with fresh keys
    #[command(
        after_help = "Example:\n  provost hub policy create --policy-name dashboard \\\n    \
        --rights ServiceConnect,RegistryRead"
    )]
    Create(PutArguments),
    /// Change the rights or the keys of one
    #[command(
        after_help = "Example:\n  provost hub policy create --policy-name report --rights ServiceConnect,RegistryRead\n  \
        provost hub policy update --policy-name report --rights ServiceConnect"
    )]
    Update(PutArguments),
    /// Delete one; who holds its keys is refused at once
    #[command(
        after_help = "Example:\n  provost hub policy create --policy-name old --rights ServiceConnect,RegistryRead\n  \
        provost hub policy delete --policy-name old"
    )]
    Delete(NamedArguments),
    /// Give one a fresh key; who holds the old one is refused at once
    #[command(
        after_help = "Example:\n  provost hub policy create --policy-name leaked --rights ServiceConnect,RegistryRead\n  \
        provost hub policy renew-key --policy-name leaked --key-type primary"
    )]
    RenewKey(RenewArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    #[command(flatten)]
    hub: HubName,
    /// Show the keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NamedArguments {
    /// Name of the policy
    #[arg(long = "policy-name", visible_alias = "pn", value_name = "NAME")]
    name: String,
    #[command(flatten)]
    hub: HubName,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PutArguments {
    #[command(flatten)]
    named: NamedArguments,
    #[command(flatten)]
    values: PolicyValues,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RenewArguments {
    #[command(flatten)]
    named: NamedArguments,
    /// Which key
    #[arg(long, visible_alias = "kt", value_name = "KEY")]
    key_type: RenewedKey,
}

impl PolicyVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(arguments) => {
                let policies = open(&arguments.hub, context).await?;
                policies.list(arguments.show_keys).await
            }
            Self::Show(named) => open(&named.hub, context).await?.show(&named.name).await,
            Self::Create(put) => {
                let policies = open(&put.named.hub, context).await?;
                policies.create(&put.named.name, &put.values).await
            }
            Self::Update(put) => {
                let policies = open(&put.named.hub, context).await?;
                policies.update(&put.named.name, &put.values).await
            }
            Self::Delete(named) => open(&named.hub, context).await?.delete(&named.name).await,
            Self::RenewKey(renew) => {
                let policies = open(&renew.named.hub, context).await?;
                policies.renew(&renew.named.name, renew.key_type).await
            }
        }
    }
}

async fn open<'a>(hub: &HubName, context: &'a Context) -> Result<Policies<'a>, Failure> {
    let name = hub.instance(context).await?.name;
    Ok(Policies {
        context,
        owner: format!("/provost/hubs/{}", segment(&name)),
    })
}
