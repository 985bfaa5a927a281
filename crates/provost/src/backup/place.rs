//! Where a restore finds and puts everything, and what it must not touch.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use provost_model::Timestamp;
use provost_store::StoreAddress;

use super::DATABASE;
use super::manifest::{Engine, Manifest};
use super::restore::RestoreOrder;
use crate::connection_file::FILE_NAME;
use crate::serve::store_mark::STORE_MARK;

/// What a restore puts another one in the place of; everything else in a data folder stays.
pub(super) const REPLACED: [&str; 5] = ["keys", "tls", "admin-token", FILE_NAME, STORE_MARK];
/// Where what is to take its place is made ready.
const STAGE: &str = "restoring-";
/// Where what was there is kept.
const KEPT: &str = "before-restore-";

/// Where everything is, without links.
pub(super) struct Place {
    pub(super) data: PathBuf,
    pub(super) from: PathBuf,
    /// The SQLite file to replace; `None` with PostgreSQL.
    pub(super) database: Option<PathBuf>,
}

impl Place {
    pub(super) fn of(order: &RestoreOrder<'_>) -> Result<Self> {
        let real = |path: &Path| {
            path.canonicalize()
                .with_context(|| format!("cannot find {}", path.display()))
        };
        let database = match &order.store {
            StoreAddress::Sqlite(path) if path.exists() => Some(real(path)?),
            StoreAddress::Sqlite(path) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let name = path.file_name().context("the store has no file name")?;
                Some(real(folder.unwrap_or(Path::new(".")))?.join(name))
            }
            StoreAddress::Postgres(_) => None,
        };
        Ok(Self {
            data: real(order.data)?,
            from: real(order.from).context("there is no backup")?,
            database,
        })
    }

    pub(super) fn check(&self, order: &RestoreOrder<'_>, manifest: &Manifest) -> Result<()> {
        if self.data.starts_with(&self.from) {
            bail!("{} is inside the backup", self.data.display());
        }
        for name in REPLACED {
            let path = self.data.join(name);
            if self.from.starts_with(&path) {
                bail!("the backup is inside {}, which it is to replace", path.display());
            }
            if path.is_symlink() {
                bail!(
                    "{} is a link: restore into a data folder of its own (--data) and copy {name} from there",
                    path.display()
                );
            }
        }
        match (&manifest.store, manifest.engine, &self.database) {
            (_, Engine::Sqlite, None) => {
                bail!("the backup holds a SQLite database, and --store names PostgreSQL: name a SQLite file")
            }
            (Some(path), Engine::Sqlite, Some(database)) if !order.is_store_named => bail!(
                "the database of this backup was at {}: name it, or the one to restore to, with --store, for \
                 example --store {}",
                path.display(),
                database.display()
            ),
            _ => Ok(()),
        }
    }

    /// The database that would be replaced.
    pub(super) fn replaced(&self, manifest: &Manifest) -> Option<StoreAddress> {
        let database = self.database.as_ref().filter(|path| path.exists())?;
        (manifest.engine == Engine::Sqlite).then(|| StoreAddress::Sqlite(database.clone()))
    }

    /// A folder on the disk of the data folder: renaming works on one disk only.
    pub(super) fn stage(&self, now: Timestamp) -> PathBuf {
        self.data.join(format!("{STAGE}{}", now.as_micros()))
    }

    /// The folder for what was there.
    pub(super) fn kept(&self, now: Timestamp) -> PathBuf {
        self.data.join(format!("{KEPT}{}", now.as_micros()))
    }

    /// Where a database is made ready, and where the one it replaces is kept: beside it when it is not in the
    /// data folder.
    pub(super) fn of_database(&self, database: &Path, now: Timestamp) -> (PathBuf, PathBuf) {
        if database.parent() == Some(self.data.as_path()) {
            return (self.stage(now).join(DATABASE), self.kept(now).join(DATABASE));
        }
        let beside = |what: &str| with_suffix(database, &format!(".{what}{}", now.as_micros()));
        (beside(STAGE), beside(KEPT))
    }
}

/// Another name in the same folder.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What a restore that ended early left; nothing of it is in use, since nobody else holds the folder.
pub(super) fn remove_leftovers(place: &Place) -> Result<()> {
    let beside = place.database.as_ref().and_then(|path| {
        let name = path.file_name()?.to_str()?;
        Some((path.parent()?.to_owned(), format!("{name}.{STAGE}")))
    });
    for (folder, prefix) in std::iter::once((place.data.clone(), STAGE.to_owned())).chain(beside) {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(&prefix) {
                continue;
            }
            let path = entry.path();
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}
