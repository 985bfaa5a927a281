//! Who works with a data folder: servers together, or alone a program that puts another one in its place.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use provost_store::StoreAddress;

/// Never moved or removed: who holds it holds the folder, whatever is put into it meanwhile.
pub(crate) const LOCK_FILE: &str = "provost.lock";

/// Held from before the store is opened to the end of the process. It is of this machine: servers on other
/// machines that share a PostgreSQL database are told apart by their connections to that.
#[derive(Default)]
pub(crate) struct DataLock {
    /// Let go with the files.
    held: Vec<(PathBuf, File)>,
}

impl DataLock {
    /// For a server.
    pub(crate) fn shared(data: &Path, store: &StoreAddress) -> Result<Self> {
        Self::take(data, store, File::try_lock_shared)
    }

    /// For a program that changes what servers work with.
    pub(crate) fn alone(data: &Path, store: &StoreAddress) -> Result<Self> {
        Self::take(data, store, File::try_lock)
    }

    /// Holds the folder of a SQLite database too that is only read, so that no server adds to it meanwhile. A
    /// folder no server ever worked in is left as it is.
    pub(crate) fn with_source(&mut self, database: &Path) -> Result<()> {
        let folder = real(folder_of(database))?;
        let is_held = self.held.iter().any(|(held, _)| *held == folder);
        if is_held || !folder.join(LOCK_FILE).exists() {
            return Ok(());
        }
        self.add(folder, File::try_lock)
    }

    fn take(
        data: &Path,
        store: &StoreAddress,
        lock: impl Fn(&File) -> Result<(), TryLockError>,
    ) -> Result<Self> {
        let mut taken = Self::default();
        for folder in folders(data, store)? {
            taken.add(folder, &lock)?;
        }
        Ok(taken)
    }

    fn add(&mut self, folder: PathBuf, lock: impl Fn(&File) -> Result<(), TryLockError>) -> Result<()> {
        let path = folder.join(LOCK_FILE);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match lock(&file) {
            Ok(()) => self.held.push((folder, file)),
            Err(TryLockError::WouldBlock) => {
                bail!("{} is in use by another program: stop it first", folder.display())
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        Ok(())
    }
}

fn real(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .with_context(|| format!("cannot find {}", path.display()))
}

fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The data folder, and that of the database where it is another one: two data folders may name one database.
fn folders(data: &Path, store: &StoreAddress) -> Result<Vec<PathBuf>> {
    let mut folders = vec![real(data)?];
    if let StoreAddress::Sqlite(path) = store {
        folders.push(real(folder_of(path))?);
    }
    folders.sort();
    folders.dedup();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_share_a_folder_and_a_restore_has_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        for data in [&one, &other] {
            std::fs::create_dir(data).unwrap();
        }
        let store = StoreAddress::Sqlite(one.join("provost.db"));
        let serving = DataLock::shared(&one, &store).unwrap();
        let second = DataLock::shared(&one, &store).unwrap();
        assert!(DataLock::alone(&one, &store).is_err());
        // Another data folder with the same database.
        assert!(DataLock::alone(&other, &store).is_err());
        drop((serving, second));
        let mut alone = DataLock::alone(&one, &store).unwrap();
        assert!(DataLock::shared(&one, &store).is_err());
        // What is read besides: of this folder itself, of no server's, of one that runs.
        alone.with_source(&one.join("provost.db")).unwrap();
        alone.with_source(&other.join("copy.db")).unwrap();
        let elsewhere = StoreAddress::Sqlite(other.join("provost.db"));
        let running = DataLock::shared(&other, &elsewhere).unwrap();
        assert!(alone.with_source(&other.join("provost.db")).is_err());
        drop(running);
        alone.with_source(&other.join("provost.db")).unwrap();
    }
}
