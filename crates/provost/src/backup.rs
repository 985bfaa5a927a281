//! Backups of a data folder: the database as it is at one instant, the keys as they are sealed, the TLS
//! root. A restore never lets in again what was shut out after the backup without saying so.

mod copying;
mod key_files;
mod manifest;
mod moves;
mod place;
mod reapply;
mod report;
mod restore;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use provost_keys::{check_folder, share_folder};
use provost_model::Timestamp;
use provost_store::{StoreAddress, check_sqlite, copy_sqlite};

use self::key_files::{MissingKeys, missing_keys};
use self::manifest::{BackupFile, Engine};
use self::report::tell;
use crate::serve::private_file;

pub(crate) use self::manifest::Manifest;
pub(crate) use self::moves::refuse_cut_off;
pub(crate) use self::reapply::reapply;
pub(crate) use self::restore::{RestoreOrder, restore};

const DATABASE: &str = "provost.db";
/// The KEK beside the keys, when nothing else is configured; it stays out of backups.
const OWN_KEY_FILE: &str = "kek";
/// A key may be destroyed while the files are copied, a few times a year.
const TRIES: usize = 3;

/// Copies what a data folder holds into a new folder, only its owner's.
///
/// The database of a running server is copied as it is at one instant, before the keys: a key is made before
/// the row of its CA, so that every CA in the copy finds its key there. That is checked.
pub(crate) fn create(data: &Path, store: &StoreAddress, to: &Path, now: Timestamp) -> Result<Manifest> {
    if to.exists() {
        bail!("{} is there already; a backup makes its own folder", to.display());
    }
    for round in 1.. {
        let made = try_create(data, store, to, now);
        let Err(error) = made else { return made };
        if to.exists() {
            fs::remove_dir_all(to).with_context(|| format!("cannot remove {}", to.display()))?;
        }
        if round >= TRIES || error.downcast_ref::<MissingKeys>().is_none() {
            return Err(error);
        }
    }
    bail!("no backup was made")
}

fn try_create(data: &Path, store: &StoreAddress, to: &Path, now: Timestamp) -> Result<Manifest> {
    private_file::make_folder(to)?;
    let mut files = Vec::new();
    let (engine, facts) = match store {
        StoreAddress::Sqlite(path) => {
            let facts = copy_sqlite(path, &to.join(DATABASE)).context("cannot copy the database")?;
            files.push(BackupFile {
                name: PathBuf::from(DATABASE),
                sha256: copying::sha256(&to.join(DATABASE))?,
            });
            (Engine::Sqlite, Some(facts))
        }
        StoreAddress::Postgres(_) => (Engine::Postgresql, None),
    };
    copy_files(data, to, &mut files)?;
    let copied = match engine {
        Engine::Sqlite => &StoreAddress::Sqlite(to.join(DATABASE)),
        Engine::Postgresql => store,
    };
    check_keys(copied, to)?;
    let manifest = Manifest::new(engine, elsewhere(data, store), facts, files, now);
    manifest.write(to)?;
    Ok(manifest)
}

/// The sealed keys and the rest. Nobody changes what opens the keys meanwhile.
fn copy_files(data: &Path, to: &Path, files: &mut Vec<BackupFile>) -> Result<()> {
    let keys = data.join("keys");
    let _lock = if keys.is_dir() {
        Some(share_folder(&keys).context("the keys are being changed")?)
    } else {
        None
    };
    for name in files_to_copy(data)? {
        private_file::make_folder(to.join(&name).parent().unwrap_or(to))?;
        // One that is gone was destroyed since the folder was listed.
        if let Some(sha256) = copying::copy(&data.join(&name), &to.join(&name))? {
            files.push(BackupFile { name, sha256 });
        }
    }
    Ok(())
}

/// Whether the keys in a copy are all there, and all opened by one secret.
fn check_keys(database: &StoreAddress, folder: &Path) -> Result<()> {
    let keys = folder.join("keys");
    if keys.is_dir() {
        check_folder(&keys).context("the keys could not all be opened again")?;
    }
    missing_keys(database, &keys)
}

/// Where the database is when it is not the one of the data folder; a URL may hold a password and is not told.
fn elsewhere(data: &Path, store: &StoreAddress) -> Option<PathBuf> {
    match store {
        StoreAddress::Sqlite(path) if *path != data.join(DATABASE) => {
            Some(path.canonicalize().unwrap_or_else(|_| path.clone()))
        }
        _ => None,
    }
}

/// Reads a backup and compares every file with what was written.
pub(crate) fn verify(from: &Path) -> Result<Manifest> {
    let manifest = Manifest::read(from)?;
    for file in &manifest.files {
        let path = from.join(&file.name);
        if copying::sha256(&path)? != file.sha256 {
            bail!("{} is not what was written to the backup", path.display());
        }
    }
    if manifest.engine == Engine::Sqlite {
        let facts = check_sqlite(&from.join(DATABASE))?;
        if manifest.last_audit_event != Some(facts.last_audit_event) {
            bail!("the database is not the one the backup was made of");
        }
        check_keys(&StoreAddress::Sqlite(from.join(DATABASE)), from)?;
    } else if from.join("keys").is_dir() {
        check_folder(&from.join("keys")).context("the keys could not all be opened again")?;
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
                // Not the key that opens them, and not the locks.
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
