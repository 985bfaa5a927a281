use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::NamespaceFlag;
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

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArguments {
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
    /// Write its chain, PEM, root last, instead of showing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const COLUMNS: [Column; 6] = [
    Column::new("id", "/id"),
    Column::new("role", "/role"),
    Column::new("policy", "/policy"),
    Column::new("state", "/state"),
    Column::new("subject", "/subject"),
    Column::new("valid until", "/notAfter"),
];

impl AuthorityVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(namespace) => {
                let mut registry = namespace.open(context)?;
                let all = registry.own_list("/authorities", &[], None).await?;
                registry.table(&all, &COLUMNS)
            }
            Self::Show(arguments) => arguments.run(context).await,
        }
    }
}

impl ShowArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut registry = self.namespace.open(context)?;
        let shown = if let Some(id) = &self.id {
            registry.own_get(&format!("/authorities/{}", segment(id))).await?
        } else {
            let all = registry.own_list("/authorities", &[], None).await?;
            self.pick(all)?
        };
        let Some(file) = self.out else {
            return registry.show(&shown);
        };
        let chain = shown.get("certificateChain").and_then(Value::as_str);
        let chain = chain.ok_or(ClientError::Unexpected("the CA has no certificate yet"))?;
        std::fs::write(&file, chain)
            .map_err(|error| Failure::Io(format!("cannot write {}", file.display()), error))?;
        say(&format!("wrote {}", file.display()));
        Ok(())
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
