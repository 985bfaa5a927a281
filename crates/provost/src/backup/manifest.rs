use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use provost_model::Timestamp;
use provost_store::DatabaseFacts;
use provost_wire::time::iso_seconds;
use serde::{Deserialize, Serialize};

use crate::serve::private_file;

const MANIFEST: &str = "backup.json";

/// What a backup holds: `backup.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Manifest {
    version: u32,
    /// When it was made.
    pub(crate) created_at: String,
    /// Where the database is.
    pub(crate) engine: Engine,
    /// The SQLite file it was copied from, when that is not the one of the data folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<PathBuf>,
    /// Number of the database's last audit event.
    pub(crate) last_audit_event: Option<i64>,
    /// Version of its tables.
    pub(crate) schema: Option<i64>,
    /// Every other file.
    pub(crate) files: Vec<BackupFile>,
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    /// In the backup.
    Sqlite,
    /// Elsewhere, with tools of its own.
    Postgresql,
}

/// One file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupFile {
    /// Below the folder.
    pub(crate) name: PathBuf,
    /// Over its bytes, hexadecimal.
    pub(crate) sha256: String,
}

impl Manifest {
    /// Describes a backup.
    pub(super) fn new(
        engine: Engine,
        store: Option<PathBuf>,
        facts: Option<DatabaseFacts>,
        files: Vec<BackupFile>,
        now: Timestamp,
    ) -> Self {
        Self {
            version: 1,
            created_at: iso_seconds(now),
            engine,
            store,
            last_audit_event: facts.map(|facts| facts.last_audit_event),
            schema: facts.map(|facts| facts.schema),
            files,
        }
    }

    /// Reads `backup.json`; names that lead out of the folder are refused.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let bytes = std::fs::read(&path).with_context(|| format!("{} is no backup", folder.display()))?;
        let manifest: Self =
            serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
        if manifest.version != 1 {
            bail!(
                "the backup has version {}, this program knows 1",
                manifest.version
            );
        }
        let is_below = |name: &Path| name.components().all(|part| matches!(part, Component::Normal(_)));
        match manifest.files.iter().find(|file| !is_below(&file.name)) {
            None => Ok(manifest),
            Some(file) => bail!("`{}` leads out of the backup", file.name.display()),
        }
    }

    /// Writes `backup.json`, last of all: a folder without it is no backup.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        private_file::write(&folder.join(MANIFEST), &serde_json::to_vec_pretty(self)?)
    }
}
