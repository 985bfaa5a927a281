use clap::{Args, Subcommand};

use super::NamespaceFlag;
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
    #[command(after_help = "Example, of an operation that --no-wait printed:\n  \
        provost adr operation show --ns plant --id 5f2c7a70-0000-4000-8000-000000000001")]
    Show(OperationFlags),
    /// Wait until an operation has ended
    #[command(after_help = "Example, of an operation that --no-wait printed:\n  \
        provost adr operation wait --ns plant --id 5f2c7a70-0000-4000-8000-000000000001")]
    Wait(OperationFlags),
}

/// Which operation.
#[derive(Debug, Args)]
pub(in crate::cli) struct OperationFlags {
    #[command(flatten)]
    namespace: NamespaceFlag,
    /// Its name
    #[arg(long, value_name = "ID")]
    id: String,
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
                let below = format!("/operations/{}", segment(&flags.id));
                let shown = registry.own_get(&below).await?;
                registry.show(&shown)
            }
            Self::Wait(flags) => {
                let mut registry = flags.namespace.open(context)?;
                let ended = registry.wait_for(&flags.id).await?;
                registry.show(&ended)
            }
        }
    }
}
