//! Backups of a data folder: the database as it is at one instant, the keys as they are sealed, the TLS
//! root. A restore never lets in again what was shut out after the backup without saying so.

mod manifest;
mod restore;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use provost_model::Timestamp;
use provost_store::{StoreAddress, check_sqlite, copy_sqlite};

pub(crate) use self::manifest::Manifest;
pub(crate) use self::restore::{RestoreOrder, restore};

use self::manifest::{Engine, sha256};
use crate::serve::private_file;

const DATABASE: &str = "provost.db";
/// The KEK beside the keys, when nothing else is configured; it stays out of backups.
const OWN_KEY_FILE: &str = "kek";

/// Copies what a data folder holds into a new folder, only its owner's.
///
/// The database of a running server is copied as it is at one instant. Keys are copied first: one that is
/// made meanwhile is missing in the database, never the other way round.
pub(crate) fn create(data: &Path, store: &StoreAddress, to: &Path, now: Timestamp) -> Result<Manifest> {
    if to.exists() {
        bail!("{} is there already; a backup makes its own folder", to.display());
    }
    private_file::make_folder(to)?;
    let mut files = Vec::new();
    for name in files_to_copy(data)? {
        private_file::make_folder(to.join(&name).parent().unwrap_or(to))?;
        let path = data.join(&name);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        private_file::write(&to.join(&name), &bytes)?;
        files.push(name);
    }
    let (engine, facts) = match store {
        StoreAddress::Sqlite(path) => {
            let facts = copy_sqlite(path, &to.join(DATABASE)).context("cannot copy the database")?;
            files.push(PathBuf::from(DATABASE));
            (Engine::Sqlite, Some(facts))
        }
        StoreAddress::Postgres(_) => (Engine::Postgresql, None),
    };
    let manifest = Manifest::new(to, engine, facts, &files, now)?;
    manifest.write(to)?;
    Ok(manifest)
}

/// Reads a backup and compares every file with what was written.
pub(crate) fn verify(from: &Path) -> Result<Manifest> {
    let manifest = Manifest::read(from)?;
    for file in &manifest.files {
        let path = from.join(&file.name);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if sha256(&bytes) != file.sha256 {
            bail!("{} is not what was written to the backup", path.display());
        }
    }
    if manifest.engine == Engine::Sqlite {
        // A copy, since looking at a database makes files beside it.
        let facts = check_sqlite(&from.join(DATABASE))?;
        if manifest.last_audit_event != Some(facts.last_audit_event) {
            bail!("the database is not the one the backup was made of");
        }
    }
    Ok(manifest)
}

/// Names below the data folder, in order.
fn files_to_copy(data: &Path) -> Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for folder in ["keys", "tls"] {
        let path = data.join(folder);
        if !path.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for entry in entries {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            let wanted = match folder {
                // Not the key that opens them, and not the lock.
                "keys" => text.ends_with(".json"),
                _ => !text.ends_with(".new"),
            };
            if wanted {
                names.push(Path::new(folder).join(&name));
            }
        }
    }
    let token = Path::new("admin-token");
    if data.join(token).is_file() {
        names.push(token.to_owned());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests;
