//! `provost backup`: copies of a data folder.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use provost_model::Clock;
use provost_model::ambient::SystemClock;
use provost_store::StoreAddress;
use serde_json::Value;

use super::{Context, Failure};
use crate::backup::{RestoreOrder, create, reapply, restore, verify};
use crate::config::{DEFAULT_DATA, Located, locate, store_address};
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
        provost backup restore --from backup --data restored --without-revocations")]
    Restore(RestoreArguments),
    /// Shut out again in a database put back with other tools what a newer one had shut out
    ///
    /// For PostgreSQL after `pg_restore` or `psql`, before a server is started on it.
    #[command(after_help = "Example:\n  provost backup create --to backup\n  \
        cp backup/provost.db restored.db\n  \
        provost backup reapply --store restored.db --revocations-from backup/provost.db")]
    Reapply(ReapplyArguments),
}

/// Where the server has its database.
#[derive(Debug, Args)]
pub(super) struct StoreArguments {
    /// SQLite file or postgres:// URL of the server [default: provost.db of the data folder]
    #[arg(long, env = "PROVOST_STORE", value_name = "FILE|URL", hide_env_values = true)]
    store: Option<String>,
    /// Configuration file of the server, which may name data folder and store
    #[arg(long, env = "PROVOST_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
}

/// What knows of everything that was shut out after the backup.
#[derive(Debug, Args)]
struct NewerArguments {
    /// A newer database, whose revocations are done again [default: the one being replaced]
    #[arg(long, value_name = "FILE|URL", conflicts_with = "without_revocations")]
    revocations_from: Option<String>,
    /// Let in again whatever was revoked, disabled or deleted after the backup
    #[arg(long)]
    without_revocations: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    newer: NewerArguments,
    #[command(flatten)]
    store: StoreArguments,
    /// Replace a database that is there; it is kept aside
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReapplyArguments {
    #[command(flatten)]
    newer: NewerArguments,
    #[command(flatten)]
    store: StoreArguments,
}

impl BackupCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        // PostgreSQL is waited for here.
        let document = tokio::task::block_in_place(|| match self {
            Self::Create(arguments) => arguments.run(context),
            Self::Verify(arguments) => {
                verify(&arguments.from).and_then(|made| Ok(serde_json::to_value(made)?))
            }
            Self::Restore(arguments) => arguments.run(context),
            Self::Reapply(arguments) => arguments.run(context),
        });
        Ok(context.output.document(&document.map_err(Failure::Other)?)?)
    }
}

impl StoreArguments {
    pub(super) fn locate(self, context: &Context) -> anyhow::Result<Located> {
        let data =
            Some(context.locator.data.clone()).filter(|data| data.as_path() != Path::new(DEFAULT_DATA));
        locate(data, self.store, self.config.as_deref())
    }
}

impl NewerArguments {
    fn address(&self) -> Option<StoreAddress> {
        let named = self.revocations_from.clone()?;
        Some(store_address(Some(named), &PathBuf::new()))
    }
}

impl CreateArguments {
    fn run(self, context: &Context) -> anyhow::Result<Value> {
        let Located { data, store, .. } = self.store.locate(context)?;
        let made = create(&data, &store, &self.to, SystemClock.now())?;
        if data.join("keys/kek").exists() {
            warn("keys/kek, which opens the keys, is not in the backup: keep a copy of it elsewhere");
        }
        if matches!(store, StoreAddress::Postgres(_)) {
            warn("the database is not in the backup: the pg_dump that goes with it is one of before this");
        }
        Ok(serde_json::to_value(made)?)
    }
}

impl RestoreArguments {
    fn run(self, context: &Context) -> anyhow::Result<Value> {
        let revocations_from = self.newer.address();
        let located = self.store.locate(context)?;
        restore(
            &RestoreOrder {
                from: &self.from,
                data: &located.data,
                store: located.store,
                is_store_named: located.is_store_named,
                revocations_from,
                without_revocations: self.newer.without_revocations,
                force: self.force,
            },
            SystemClock.now(),
        )
    }
}

impl ReapplyArguments {
    fn run(self, context: &Context) -> anyhow::Result<Value> {
        let newer = self.newer.address();
        if newer.is_none() && !self.newer.without_revocations {
            anyhow::bail!(
                "name the newer database with --revocations-from; with --without-revocations everything that was \
                 revoked, disabled or deleted since stays let in"
            );
        }
        reapply(
            &self.store.locate(context)?.store,
            newer.as_ref(),
            SystemClock.now(),
        )
    }
}
