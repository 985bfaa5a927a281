//! Shared access policies of a hub or a provisioning service.

use clap::{Args, Subcommand};

use super::{Owner, example};
use crate::cli::policies::{Policies, PolicyValues, RenewedKey};
use crate::cli::{Context, Failure};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PolicyVerb<O: Owner> {
    /// List the policies
    #[command(after_help = example::<O>("Example:\n  provost {noun} policy list --output table"))]
    List(ListArguments<O>),
    /// Show one with its keys
    #[command(
        after_help = example::<O>("Example:\n  provost {noun} policy create --policy-name reader --rights {rights}\n  \
        provost {noun} policy show --policy-name reader")
    )]
    Show(NamedArguments<O>),
    /// Make a policy with fresh keys
    #[command(
        after_help = example::<O>("Example:\n  provost {noun} policy create --policy-name dashboard \\\n    \
        --rights {rights}")
    )]
    Create(PutArguments<O>),
    /// Change the rights or the keys of one
    #[command(
        after_help = example::<O>("Example:\n  provost {noun} policy create --policy-name report --rights {rights}\n  \
        provost {noun} policy update --policy-name report --rights {right}")
    )]
    Update(PutArguments<O>),
    /// Delete one; who holds its keys is refused at once
    #[command(
        after_help = example::<O>("Example:\n  provost {noun} policy create --policy-name old --rights {rights}\n  \
        provost {noun} policy delete --policy-name old")
    )]
    Delete(NamedArguments<O>),
    /// Give one a fresh key; who holds the old one is refused at once
    #[command(
        after_help = example::<O>("Example:\n  provost {noun} policy create --policy-name leaked --rights {rights}\n  \
        provost {noun} policy renew-key --policy-name leaked --key-type primary")
    )]
    RenewKey(RenewArguments<O>),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments<O: Owner> {
    #[command(flatten)]
    owner: O,
    /// Show the keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NamedArguments<O: Owner> {
    /// Name of the policy
    #[arg(long = "policy-name", visible_alias = "pn", value_name = "NAME")]
    name: String,
    #[command(flatten)]
    owner: O,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PutArguments<O: Owner> {
    #[command(flatten)]
    named: NamedArguments<O>,
    #[command(flatten)]
    values: PolicyValues,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RenewArguments<O: Owner> {
    #[command(flatten)]
    named: NamedArguments<O>,
    /// Which key
    #[arg(long, visible_alias = "kt", value_name = "KEY")]
    key_type: RenewedKey,
}

impl<O: Owner> PolicyVerb<O> {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(arguments) => {
                let policies = open(&arguments.owner, context).await?;
                policies.list(arguments.show_keys).await
            }
            Self::Show(named) => open(&named.owner, context).await?.show(&named.name).await,
            Self::Create(put) => {
                let policies = open(&put.named.owner, context).await?;
                policies.create(&put.named.name, &put.values).await
            }
            Self::Update(put) => {
                let policies = open(&put.named.owner, context).await?;
                policies.update(&put.named.name, &put.values).await
            }
            Self::Delete(named) => open(&named.owner, context).await?.delete(&named.name).await,
            Self::RenewKey(renew) => {
                let policies = open(&renew.named.owner, context).await?;
                policies.renew(&renew.named.name, renew.key_type).await
            }
        }
    }
}

async fn open<'a>(owner: &impl Owner, context: &'a Context) -> Result<Policies<'a>, Failure> {
    let owner = owner.own_path(context).await?;
    Ok(Policies { context, owner })
}
