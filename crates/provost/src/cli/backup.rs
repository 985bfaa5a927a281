//! `provost backup`: copies of a data folder.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use provost_model::Clock;
use provost_model::ambient::SystemClock;
use provost_store::StoreAddress;

use super::{Context, Failure};
use crate::backup::{RestoreOrder, create, restore, verify};
use crate::output::warn;

/// Verbs around backups.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Copy database, sealed keys and TLS root into a new folder, also while the server runs
    #[command(after_help = "Example:\n  provost backup create --to backup")]
    Create(CreateArguments),
    /// Compare every file of a backup with what was written
    #[command(after_help = "Example:\n  provost backup create --to backup\n  \
        provost backup verify --from backup")]
    Verify(VerifyArguments),
    /// Put a backup in the place of a data folder whose server is stopped
    #[command(after_help = "Example:\n  provost backup create --to backup\n  \
        provost backup restore --from backup --data restored")]
    Restore(RestoreArguments),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// SQLite file or postgres:// URL of the server [default: provost.db of the data folder]
    #[arg(long, env = "PROVOST_STORE", value_name = "FILE|URL", hide_env_values = true)]
    store: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// A newer database, whose revocations are done again [default: the one being replaced]
    #[arg(long, value_name = "FILE")]
    revocations_from: Option<PathBuf>,
    /// Replace a database that is there; it is kept aside
    #[arg(long)]
    force: bool,
}

impl BackupCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let data = context.locator.data.as_path();
        let document = match self {
            Self::Create(arguments) => arguments.run(data),
            Self::Verify(arguments) => {
                verify(&arguments.from).and_then(|made| Ok(serde_json::to_value(made)?))
            }
            Self::Restore(arguments) => restore(
                &RestoreOrder {
                    from: &arguments.from,
                    data,
                    revocations_from: arguments.revocations_from.as_deref(),
                    force: arguments.force,
                },
                SystemClock.now(),
            ),
        };
        Ok(context.output.document(&document.map_err(Failure::Other)?)?)
    }
}

impl CreateArguments {
    fn run(self, data: &Path) -> anyhow::Result<serde_json::Value> {
        let store = crate::config::store_address(self.store, data);
        let made = create(data, &store, &self.to, SystemClock.now())?;
        if data.join("keys/kek").exists() {
            warn("keys/kek, which opens the keys, is not in the backup: keep a copy of it elsewhere");
        }
        if matches!(store, StoreAddress::Postgres(_)) {
            warn("the database is not in the backup: take it with pg_dump, after this");
        }
        Ok(serde_json::to_value(made)?)
    }
}
