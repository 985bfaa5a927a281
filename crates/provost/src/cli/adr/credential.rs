use clap::{Args, Subcommand};
use provost_device::http::Method;
use serde_json::{Value, json};

use super::offline::{self, ExportArguments, ImportArguments};
use super::orphan::{Force, force_or_preview};
use super::{Confirmation, NamespaceFlag, Waiting};
use crate::cli::input::{confirm, json_object};
use crate::cli::{Context, Failure};
use crate::output::{Column, warn};

/// Where the one credential of a namespace is.
pub(super) const PATH: &str = "/credentials/default";

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CredentialVerb {
    /// Make the credential: a root CA for the namespace, here or with a root that is kept offline
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant\n  provost adr credential create --ns plant"
    )]
    Create(CreateArguments),
    /// Show the credential
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr credential show --ns plant"
    )]
    Show(CredentialFlags),
    /// List the credentials of a namespace, which are one at most
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant\n  provost adr credential list --ns plant"
    )]
    List(NamespaceFlag),
    /// Change the tags of the credential
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr credential update --ns plant --tags '{\"hall\":\"7\"}'"
    )]
    Update(UpdateArguments),
    /// Delete the credential for ever, which cannot be taken back; a new one has another root
    #[command(
        after_help = "Examples:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr credential delete --ns plant --dry-run\n  \
        provost adr credential delete --ns plant --force --yes\n  \
        provost adr credential create --ns plant\n  provost adr credential delete --ns plant --yes"
    )]
    Delete(DeleteArguments),
    /// Bring the issuing CAs to the linked hubs, which trust nothing before
    #[command(
        visible_alias = "synchronize",
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost hub update --namespace plant\n  provost adr credential sync --ns plant"
    )]
    Sync(SyncArguments),
    /// Show what waits for the root that is kept offline, and what to do something about
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost adr credential create --ns plant --offline-root\n  \
        provost adr credential requests --ns plant")]
    Requests(NamespaceFlag),
    /// Write what the root that is kept offline has to sign into a folder
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost adr credential create --ns plant --offline-root\n  \
        provost adr policy create --ns plant --name line-7\n  \
        provost adr credential export --ns plant --to requests")]
    Export(ExportArguments),
    /// Bring what the root that is kept offline signed
    #[command(after_help = "Example, with the root on the same machine:\n  \
        provost adr namespace create --name plant\n  \
        provost adr credential create --ns plant --offline-root\n  \
        provost adr policy create --ns plant --name line-7\n  \
        provost adr credential export --ns plant --to requests\n  \
        (umask 077; echo 'correct horse battery' > passphrase)\n  \
        provost ca ceremony root --folder root --passphrase-file passphrase\n  \
        provost ca ceremony answer --folder root --passphrase-file passphrase \\\n    \
        --requests requests --out answers\n  \
        provost adr credential import --ns plant --from answers")]
    Import(ImportArguments),
}

/// Which credential.
#[derive(Debug, Args)]
pub(in crate::cli) struct CredentialFlags {
    #[command(flatten)]
    namespace: NamespaceFlag,
    /// Its only name
    #[arg(long, default_value = "default", value_parser = ["default"], hide = true)]
    credential_name: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    credential: CredentialFlags,
    /// Any word; echoed
    #[arg(long, short, default_value = "local")]
    location: String,
    /// The root's key is kept elsewhere: what it has to sign goes out by `export` and comes back by `import`
    #[arg(long)]
    offline_root: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateArguments {
    #[command(flatten)]
    credential: CredentialFlags,
    /// The labels from now on, a JSON object of texts
    #[arg(long, value_name = "JSON|FILE")]
    tags: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    #[command(flatten)]
    credential: CredentialFlags,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    waiting: Waiting,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SyncArguments {
    #[command(flatten)]
    credential: CredentialFlags,
    #[command(flatten)]
    waiting: Waiting,
}

const COLUMNS: [Column; 2] = [Column::new("name", "/name"), Column::new("location", "/location")];

/// The body of a new credential.
pub(super) fn body(location: &str) -> Value {
    json!({ "location": location, "tags": {}, "properties": {} })
}

impl CredentialVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => {
                let mut registry = arguments.credential.namespace.open(context)?;
                if arguments.offline_root {
                    return offline::create(&mut registry, &arguments.location).await;
                }
                let made = registry
                    .write(Method::PUT, PATH, &body(&arguments.location))
                    .await?;
                registry.show(&made)
            }
            Self::Show(flags) => {
                let mut registry = flags.namespace.open(context)?;
                let shown = registry.get(PATH).await?;
                registry.show(&shown)
            }
            Self::List(namespace) => {
                let mut registry = namespace.open(context)?;
                let all = registry.list("/credentials").await?;
                registry.table(&all, &COLUMNS)
            }
            Self::Update(arguments) => {
                let mut registry = arguments.credential.namespace.open(context)?;
                let tags = json_object("--tags", &arguments.tags)?;
                let changed = registry
                    .write(Method::PATCH, PATH, &json!({ "tags": tags }))
                    .await?;
                registry.show(&changed)
            }
            Self::Requests(namespace) => offline::requests(namespace, context).await,
            Self::Export(arguments) => arguments.run(context).await,
            Self::Import(arguments) => arguments.run(context).await,
            Self::Delete(arguments) => arguments.run(context).await,
            Self::Sync(arguments) => {
                let mut registry = arguments.credential.namespace.open(context)?;
                let path = format!("{PATH}/synchronize");
                let answer = registry.begin(Method::POST, &path, None).await?;
                registry.finish(&answer, arguments.waiting.no_wait).await
            }
        }
    }
}

impl DeleteArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut registry = self.credential.namespace.open(context)?;
        if self.force.force || self.force.dry_run {
            let how = (&self.force, &self.confirmation);
            let question = format!(
                "Delete the credential of {} with its policies?",
                self.credential.namespace.ns
            );
            return force_or_preview(&mut registry, PATH, how, &question).await;
        }
        if !self.confirmation.yes {
            warn("nothing can be issued in the namespace afterwards, and the root cannot come back");
            confirm(&format!(
                "Delete the credential of {}?",
                self.credential.namespace.ns
            ))?;
        }
        let answer = registry.begin(Method::DELETE, PATH, None).await?;
        registry.finish(&answer, self.waiting.no_wait).await
    }
}
