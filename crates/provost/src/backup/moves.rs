//! The last step of a restore: what was there goes aside, what was made ready takes its place. Written down
//! before it begins, so that a restore that was cut off is finished and never half of one is served.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::serve::private_file;

/// There from the first renaming to the last.
const MARKER: &str = "restore.json";

/// One file or folder that gets another name on the same disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
}

/// Everything a restore has left to do; `restore.json` of the data folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moves {
    version: u32,
    /// The backup.
    pub(super) backup: PathBuf,
    /// What was made ready; gone at the end.
    stage: PathBuf,
    /// What was there.
    aside: Vec<Move>,
    /// What takes its place.
    into_place: Vec<Move>,
    /// What the restore tells when it is done.
    pub(super) report: Value,
}

impl Moves {
    pub(super) fn new(backup: &Path, stage: &Path, report: Value) -> Self {
        Self {
            version: 1,
            backup: backup.to_owned(),
            stage: stage.to_owned(),
            aside: Vec::new(),
            into_place: Vec::new(),
            report,
        }
    }

    pub(super) fn set_aside(&mut self, from: PathBuf, to: PathBuf) {
        self.aside.push(Move { from, to });
    }

    pub(super) fn put_into_place(&mut self, from: PathBuf, to: PathBuf) {
        self.into_place.push(Move { from, to });
    }

    /// What a restore that was cut off left to do.
    pub(super) fn read(data: &Path) -> Result<Option<Self>> {
        let path = data.join(MARKER);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let moves: Self =
            serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))?;
        if moves.version != 1 {
            bail!("{} is of another version of this program", path.display());
        }
        Ok(Some(moves))
    }

    /// Writes down what is to be done; from here on it is done.
    pub(super) fn write(&self, data: &Path) -> Result<()> {
        private_file::write(&data.join(MARKER), &serde_json::to_vec_pretty(self)?)
    }

    /// Does what is not done yet. A second run after any interruption ends where the first would have.
    pub(super) fn run(&self, data: &Path) -> Result<()> {
        for step in &self.aside {
            // What has that name after it was set aside is what took its place.
            if step.from.exists() && !step.to.exists() {
                step.run()?;
            }
        }
        for step in &self.into_place {
            if step.from.exists() {
                step.run()?;
            }
        }
        if self.stage.exists() {
            fs::remove_dir_all(&self.stage)
                .with_context(|| format!("cannot remove {}", self.stage.display()))?;
        }
        let marker = data.join(MARKER);
        fs::remove_file(&marker).with_context(|| format!("cannot remove {}", marker.display()))?;
        sync(data)
    }
}

impl Move {
    fn run(&self) -> Result<()> {
        let failed = || format!("cannot move {} to {}", self.from.display(), self.to.display());
        fs::rename(&self.from, &self.to).with_context(failed)?;
        for end in [&self.from, &self.to] {
            if let Some(folder) = end.parent() {
                sync(folder).with_context(failed)?;
            }
        }
        Ok(())
    }
}

/// Puts the names in a folder on disk.
pub(super) fn sync(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("cannot write {}", folder.display()))
}

/// Fails when a restore into this folder was cut off: what it holds is half old, half new.
pub(crate) fn refuse_cut_off(data: &Path) -> Result<()> {
    match Moves::read(data)? {
        None => Ok(()),
        Some(moves) => bail!(
            "a restore into {} was cut off: finish it with `provost backup restore --data {} --from {}`",
            data.display(),
            data.display(),
            moves.backup.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a database and keys, what is to take their place, and the plan.
    fn planned(data: &Path) -> Moves {
        let (stage, kept) = (data.join("stage"), data.join("kept"));
        for folder in [&stage, &kept, &data.join("keys"), &stage.join("keys")] {
            fs::create_dir_all(folder).unwrap();
        }
        for (path, text) in [
            (data.join("db"), "old"),
            (data.join("db-wal"), "old"),
            (data.join("keys/kek"), "old"),
            (stage.join("db"), "new"),
            (stage.join("keys/kek"), "new"),
        ] {
            fs::write(path, text).unwrap();
        }
        let mut moves = Moves::new(Path::new("backup"), &stage, Value::Null);
        for name in ["db", "db-wal", "keys"] {
            moves.set_aside(data.join(name), kept.join(name));
        }
        for name in ["db", "keys"] {
            moves.put_into_place(stage.join(name), data.join(name));
        }
        moves
    }

    #[test]
    fn cut_off_after_any_step_it_is_finished_and_never_served_before() {
        for steps in 0..=5 {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path();
            let moves = planned(data);
            moves.write(data).unwrap();
            for step in moves.aside.iter().chain(&moves.into_place).take(steps) {
                step.run().unwrap();
            }
            let error = refuse_cut_off(data).unwrap_err().to_string();
            assert!(error.contains("--from backup"), "{error}");
            Moves::read(data).unwrap().unwrap().run(data).unwrap();
            refuse_cut_off(data).unwrap();
            let read = |name: &str| fs::read_to_string(data.join(name)).unwrap();
            assert_eq!(
                (read("db"), read("keys/kek")),
                ("new".to_owned(), "new".to_owned())
            );
            assert_eq!(read("kept/db"), "old", "after {steps}");
            assert_eq!(
                (read("kept/keys/kek"), read("kept/db-wal")),
                ("old".to_owned(), "old".to_owned())
            );
            assert!(!data.join("stage").exists() && !data.join("db-wal").exists());
        }
    }
}
