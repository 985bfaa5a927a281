use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use provost_keys::lock_folder;
use provost_model::Timestamp;
use provost_store::{Reapplied, finish_restore, sqlite_facts};
use serde_json::{Value, json};

use super::manifest::Engine;
use super::{DATABASE, OWN_KEY_FILE, verify};
use crate::serve::private_file;

/// What to restore, and where.
pub(crate) struct RestoreOrder<'a> {
    /// The backup.
    pub(crate) from: &'a Path,
    /// The data folder, of a server that is not running.
    pub(crate) data: &'a Path,
    /// A database that knows what was shut out after the backup; the one being replaced when there is none.
    pub(crate) revocations_from: Option<&'a Path>,
    /// Whether a newer database may be replaced.
    pub(crate) force: bool,
}

/// Puts a backup in the place of a data folder. What was there is kept beside it.
pub(crate) fn restore(order: &RestoreOrder<'_>, now: Timestamp) -> Result<Value> {
    let manifest = verify(order.from).context("the backup is not usable")?;
    let replaced = order.data.join(DATABASE);
    if manifest.engine == Engine::Sqlite {
        check_newer(order, &replaced, manifest.last_audit_event.unwrap_or(0))?;
    }
    // Whoever serves from this folder holds it.
    let lock = lock_folder(&order.data.join("keys")).context("the data folder is in use")?;
    let kept = set_aside(order.data, now)?;
    for file in &manifest.files {
        let target = order.data.join(&file.name);
        private_file::make_folder(target.parent().unwrap_or(order.data))?;
        let bytes = fs::read(order.from.join(&file.name))?;
        private_file::write(&target, &bytes)?;
    }
    drop(lock);
    let key_file = carry_over_key_file(order.data, &kept)?;
    let kept_database = kept.join(DATABASE);
    let newer = match order.revocations_from {
        Some(path) => Some(path),
        None => kept_database.exists().then_some(kept_database.as_path()),
    };
    let mut report = json!({
        "restored": manifest.created_at,
        "lastAuditEvent": manifest.last_audit_event,
        "keptAside": kept.display().to_string(),
        "keyFile": key_file,
    });
    if manifest.engine == Engine::Sqlite {
        let done = finish_restore(&replaced, newer, now).context("the restored database is not usable")?;
        tell(&mut report, newer, &done);
    }
    Ok(report)
}

fn check_newer(order: &RestoreOrder<'_>, replaced: &Path, last: i64) -> Result<()> {
    if !replaced.exists() || order.force {
        return Ok(());
    }
    let there = sqlite_facts(replaced)?.last_audit_event;
    bail!(
        "{} holds a database with {} audit events, {} more than the backup: what was revoked, disabled or \
         deleted since would be let in again. --force replaces it, keeps it aside and shuts out again what \
         it had shut out",
        order.data.display(),
        there,
        there.saturating_sub(last).max(0),
    )
}

/// Moves what is in the data folder into a folder of its own there.
fn set_aside(data: &Path, now: Timestamp) -> Result<PathBuf> {
    let kept = data.join(format!("before-restore-{}", now.as_micros()));
    private_file::make_folder(&kept)?;
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with("before-restore-") {
            fs::rename(entry.path(), kept.join(&name))
                .with_context(|| format!("cannot move {}", entry.path().display()))?;
        }
    }
    Ok(kept)
}

/// The key file of our own is in no backup: that of the replaced folder is taken when it opens these keys.
fn carry_over_key_file(data: &Path, kept: &Path) -> Result<&'static str> {
    let (keys, old) = (data.join("keys"), kept.join("keys"));
    let description = |folder: &Path| fs::read(folder.join("kek.json")).ok();
    let key_file = old.join(OWN_KEY_FILE);
    if !key_file.exists() {
        return Ok("not here: put keys/kek back from where it is kept, unless another secret opens the keys");
    }
    if description(&keys).is_none() || description(&keys) != description(&old) {
        return Ok("the one that was here opens other keys: put the one of the backup's time to keys/kek");
    }
    private_file::write(&keys.join(OWN_KEY_FILE), &fs::read(&key_file)?)?;
    Ok("the one that was here")
}

fn tell(report: &mut Value, newer: Option<&Path>, done: &Reapplied) {
    let Value::Object(report) = report else { return };
    let shut_out = json!({
        "certificates": done.revoked_certificates,
        "devicesWhoseCertificatesEnded": done.rotated_devices,
        "registryDevices": done.disabled_registry_devices,
        "hubDevices": done.disabled_hub_devices,
        "enrollments": done.disabled_entries,
        "cas": done.ended_cas,
        "caCertificates": done.removed_ca_certificates,
        "adminTokens": done.removed_admin_tokens,
    });
    let (source, shut_out) = match newer {
        Some(path) => (path.display().to_string(), shut_out),
        None => (
            "none: what was shut out after the backup is let in again".to_owned(),
            Value::Null,
        ),
    };
    report.insert("revocationsFrom".to_owned(), source.into());
    report.insert("shutOutAgain".to_owned(), shut_out);
    report.insert(
        "crls".to_owned(),
        "published anew at the next start, with numbers above all earlier ones".into(),
    );
}
