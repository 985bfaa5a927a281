//! What was done in a ceremony, line by line, each bound to the one before.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use provost_model::Timestamp;
use provost_pki::Sha256Thumbprint;
use provost_wire::time::iso_seconds;
use serde_json::{Map, Value};

/// `transcript.jsonl`: one JSON object a line. `previous` is the SHA-256 over the line before, so that no
/// line can be taken out or changed without the later ones telling; what witnesses sign is the last one's.
pub(crate) struct Transcript {
    path: PathBuf,
    lines: Vec<Map<String, Value>>,
    last: String,
}

impl Transcript {
    /// Reads it, or begins one; refuses one whose lines do not follow each other.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("transcript.jsonl");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let mut transcript = Self {
            path,
            lines: Vec::new(),
            last: String::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let value: Map<String, Value> = serde_json::from_str(line)
                .with_context(|| format!("line {} of the transcript is not JSON", index + 1))?;
            if value.get("previous").and_then(Value::as_str) != Some(&transcript.last) {
                bail!(
                    "line {} of the transcript does not follow the one before",
                    index + 1
                );
            }
            transcript.last = hash(line);
            transcript.lines.push(value);
        }
        Ok(transcript)
    }

    /// How often something was done.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.lines.iter().filter(|line| Self::is(line, what)).count()
    }

    /// The last line about that.
    pub(crate) fn last_of(&self, what: &str) -> Option<&Map<String, Value>> {
        self.lines.iter().rfind(|line| Self::is(line, what))
    }

    /// Whether a line is about that.
    pub(crate) fn is(line: &Map<String, Value>, what: &str) -> bool {
        line.get("what").and_then(Value::as_str) == Some(what)
    }

    /// All lines.
    pub(crate) fn lines(&self) -> &[Map<String, Value>] {
        &self.lines
    }

    /// SHA-256 over the last line, for witnesses.
    pub(crate) fn last(&self) -> &str {
        &self.last
    }

    /// Adds a line, which is on disk when this returns.
    pub(crate) fn add(&mut self, at: Timestamp, what: &str, mut detail: Map<String, Value>) -> Result<()> {
        detail.insert("at".into(), iso_seconds(at).into());
        detail.insert("what".into(), what.into());
        detail.insert("previous".into(), self.last.clone().into());
        let line = serde_json::to_string(&detail)?;
        let context = || format!("cannot write {}", self.path.display());
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)
            .with_context(context)?;
        file.write_all(format!("{line}\n").as_bytes())
            .and_then(|()| file.sync_all())
            .with_context(context)?;
        self.last = hash(&line);
        self.lines.push(detail);
        Ok(())
    }
}

fn hash(line: &str) -> String {
    Sha256Thumbprint::of(line.as_bytes()).to_string()
}
