use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::NamespaceFlag;
use super::registry::Registry;
use crate::cli::input::segment;
use crate::cli::{Context, Failure};
use crate::client::ClientError;
use crate::output::{Column, say};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AuthorityVerb {
    /// List the CAs of a namespace, those of the past, too
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr authority list --ns plant --output table"
    )]
    List(NamespaceFlag),
    /// Show one CA with its chain; the one that is active in its role when none is named
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr authority show --ns plant --role root --out root.pem"
    )]
    Show(ShowArguments),
}

/// Which CA.
#[derive(Debug, Args)]
pub(in crate::cli) struct Which {
    #[command(flatten)]
    namespace: NamespaceFlag,
    /// Its name, 32 hexadecimal digits
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// What it is for
    #[arg(long, default_value = "issuing", value_parser = ["root", "issuing"], conflicts_with = "id")]
    role: String,
    /// Of this policy, when there are several
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    policy: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArguments {
    #[command(flatten)]
    which: Which,
    /// Write its chain, PEM, root last, instead of showing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const COLUMNS: [Column; 9] = [
    Column::new("id", "/id"),
    Column::new("role", "/role"),
    Column::new("policy", "/policy"),
    Column::new("state", "/state"),
    Column::new("subject", "/subject"),
    Column::new("serial", "/serialNumber"),
    Column::new("thumbprint", "/sha1Thumbprint"),
    Column::new("valid until", "/notAfter"),
    Column::new("key", "/key"),
];

impl AuthorityVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(namespace) => list(&namespace, context).await,
            Self::Show(arguments) => arguments.run(context).await,
        }
    }
}

/// Every CA of a namespace.
pub(in crate::cli) async fn list(namespace: &NamespaceFlag, context: &Context) -> Result<(), Failure> {
    let mut registry = namespace.open(context)?;
    let all = registry.own_list("/authorities", &[], None).await?;
    registry.table(&all, &COLUMNS)
}

impl ShowArguments {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut registry = self.which.namespace.open(context)?;
        let shown = self.which.find(&mut registry).await?;
        let Some(file) = self.out else {
            return registry.show(&shown);
        };
        let chain = shown.get("certificateChain").and_then(Value::as_str);
        let chain = chain.ok_or(ClientError::Unexpected("the CA has no certificate yet"))?;
        write(&file, chain)
    }
}

/// Writes text into a file and says so.
pub(in crate::cli) fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text)
        .map_err(|error| Failure::Io(format!("cannot write {}", file.display()), error))?;
    say(&format!("wrote {}", file.display()));
    Ok(())
}

impl Which {
    /// The registry it is in.
    pub(in crate::cli) fn open<'a>(&self, context: &'a Context) -> Result<Registry<'a>, Failure> {
        self.namespace.open(context)
    }

    /// The CA itself.
    pub(in crate::cli) async fn find(&self, registry: &mut Registry<'_>) -> Result<Value, Failure> {
        if let Some(id) = &self.id {
            return registry.own_get(&format!("/authorities/{}", segment(id))).await;
        }
        let all = registry.own_list("/authorities", &[], None).await?;
        self.pick(all)
    }

    fn pick(&self, all: Vec<Value>) -> Result<Value, Failure> {
        let is = |item: &Value, name: &str, wanted: &str| {
            let text = item.get(name).and_then(Value::as_str);
            text.is_some_and(|text| text.eq_ignore_ascii_case(wanted))
        };
        let mut fitting = all.into_iter().filter(|item| {
            is(item, "role", &self.role)
                && is(item, "state", "active")
                && self
                    .policy
                    .as_ref()
                    .is_none_or(|policy| is(item, "policy", policy))
        });
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(Failure::Incomplete("there is no active CA like that".to_owned())),
            (Some(_), Some(_)) => Err(Failure::usage(
                "there are several; name one with --policy or --id",
            )),
        }
    }
}
