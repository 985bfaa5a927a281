//! `provost adr`: the Device Registry, with the nouns, verbs and flags of `az iot adr ns`
//! (certificate-management.md 1.10).

pub(super) mod authority;
mod certificate;
mod credential;
mod device;
mod namespace;
mod offline;
mod operation;
mod orphan;
mod policy;
pub(super) mod registry;
mod touch;

use clap::{Args, Subcommand};

use self::registry::Registry;
use super::{Context, Failure};

/// Nouns of the registry.
#[derive(Debug, Subcommand)]
pub(super) enum AdrCommand {
    /// Namespaces: what credentials, policies and devices live in
    #[command(subcommand, visible_alias = "ns")]
    Namespace(namespace::NamespaceVerb),
    /// The credential of a namespace: its root CA
    #[command(subcommand)]
    Credential(credential::CredentialVerb),
    /// Policies: issuing CAs, and how device certificates are made
    #[command(subcommand)]
    Policy(policy::PolicyVerb),
    /// Devices of a namespace, and their revocation
    #[command(subcommand)]
    Device(device::DeviceVerb),
    /// Certificates that were issued to devices
    #[command(subcommand)]
    Certificate(certificate::CertificateVerb),
    /// The CAs behind credential and policies, with their certificates
    #[command(subcommand)]
    Authority(authority::AuthorityVerb),
    /// Long-running operations
    #[command(subcommand)]
    Operation(operation::OperationVerb),
}

impl AdrCommand {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Namespace(verb) => Box::pin(verb.run(context)).await,
            Self::Credential(verb) => verb.run(context).await,
            Self::Policy(verb) => verb.run(context).await,
            Self::Device(verb) => verb.run(context).await,
            Self::Certificate(verb) => verb.run(context).await,
            Self::Authority(verb) => verb.run(context).await,
            Self::Operation(verb) => verb.run(context).await,
        }
    }
}

/// Which namespace a verb is about.
#[derive(Debug, Args)]
pub(in crate::cli) struct NamespaceFlag {
    /// Name of the namespace
    #[arg(long, visible_alias = "namespace", value_name = "NAME")]
    ns: String,
    #[command(flatten)]
    group: Group,
}

/// The resource group, which means nothing here and is part of every resource ID.
#[derive(Debug, Args)]
pub(in crate::cli) struct Group {
    /// Resource group that resource IDs show; it means nothing here
    #[arg(
        long,
        short = 'g',
        default_value = "provost",
        hide_default_value = true,
        value_name = "NAME"
    )]
    resource_group: String,
}

/// Whether a verb asks first.
#[derive(Debug, Args)]
pub(in crate::cli) struct Confirmation {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Whether a verb waits for what it began.
#[derive(Debug, Args)]
pub(in crate::cli) struct Waiting {
    /// Return at once and print the operation instead of waiting for its end
    #[arg(long)]
    no_wait: bool,
}

impl NamespaceFlag {
    pub(in crate::cli) fn open<'a>(&self, context: &'a Context) -> Result<Registry<'a>, Failure> {
        Registry::open(context, &self.ns, &self.group.resource_group)
    }
}
