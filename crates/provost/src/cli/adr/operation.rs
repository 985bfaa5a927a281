use clap::{Args, Subcommand};

use super::NamespaceFlag;
use super::registry::Registry;
use crate::cli::input::segment;
use crate::cli::{Context, Failure};
use crate::output::Column;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum OperationVerb {
    /// List the latest operations of a namespace
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr operation list --ns plant --output table"
    )]
    List(NamespaceFlag),
    /// Show one operation
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr credential sync --ns plant --no-wait\n  \
        provost adr operation show --ns plant"
    )]
    Show(OperationFlags),
    /// Wait until an operation has ended
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr credential sync --ns plant --no-wait\n  \
        provost adr operation wait --ns plant"
    )]
    Wait(OperationFlags),
}

/// Which operation.
#[derive(Debug, Args)]
pub(in crate::cli) struct OperationFlags {
    #[command(flatten)]
    namespace: NamespaceFlag,
    /// Its name [default: the latest]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

impl OperationFlags {
    async fn id(&self, registry: &mut Registry<'_>) -> Result<String, Failure> {
        if let Some(id) = &self.id {
            return Ok(id.clone());
        }
        let all = registry.own_list("/operations", &[], None).await?;
        let latest = all.first().and_then(|operation| operation.get("id")?.as_str());
        let latest = latest.map(str::to_owned);
        latest.ok_or_else(|| Failure::Incomplete("there was no operation yet".to_owned()))
    }
}

const COLUMNS: [Column; 6] = [
    Column::new("id", "/id"),
    Column::new("kind", "/kind"),
    Column::new("resource", "/resource"),
    Column::new("status", "/status"),
    Column::new("begun", "/startTime"),
    Column::new("error", "/error/message"),
];

impl OperationVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(namespace) => {
                let mut registry = namespace.open(context)?;
                let all = registry.own_list("/operations", &[], None).await?;
                registry.table(&all, &COLUMNS)
            }
            Self::Show(flags) => {
                let mut registry = flags.namespace.open(context)?;
                let id = flags.id(&mut registry).await?;
                let below = format!("/operations/{}", segment(&id));
                let shown = registry.own_get(&below).await?;
                registry.show(&shown)
            }
            Self::Wait(flags) => {
                let mut registry = flags.namespace.open(context)?;
                let id = flags.id(&mut registry).await?;
                let ended = registry.wait_for(&id).await?;
                registry.show(&ended)
            }
        }
    }
}
