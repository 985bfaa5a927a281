//! A database that was put back with other tools: what a restore does in one, apart from the files.

use std::path::Path;

use anyhow::{Context, Result, bail};
use provost_model::Timestamp;
use provost_model::ambient::SystemRandom;
use provost_store::{StoreAddress, database_facts, finish_restore};
use serde_json::{Value, json};

use super::restore::name_of;
use super::tell;
use crate::serve::data_lock::DataLock;

/// Shuts out again in a database what the newer one had shut out, and raises the numbers of its CRLs; without
/// a newer one only the latter. No server may work with it.
pub(crate) fn reapply(target: &StoreAddress, newer: Option<&StoreAddress>, now: Timestamp) -> Result<Value> {
    let mut lock = match target {
        StoreAddress::Sqlite(path) if !path.exists() => bail!("{} is not there", path.display()),
        StoreAddress::Sqlite(path) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            DataLock::alone(folder, target).context("the database is in use")?
        }
        // Servers on other machines hold no lock here; their connections are counted instead.
        StoreAddress::Postgres(_) => DataLock::default(),
    };
    if let Some(StoreAddress::Sqlite(path)) = newer {
        lock.with_source(path).context("the newer database is in use")?;
    }
    let before = database_facts(target).context("cannot read the restored database")?;
    let done = finish_restore(target, newer, now, &SystemRandom)?;
    let mut report = json!({ "lastAuditEvent": before.last_audit_event });
    tell(&mut report, newer.map(name_of).as_deref(), &done);
    Ok(report)
}
