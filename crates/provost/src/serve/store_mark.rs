//! A note in the data folder of how far the database was: one of an earlier day that was put in its place
//! with other tools than ours lets in again what was shut out since.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use provost_model::{Clock, Timestamp};
use provost_store::{AuditHash, AuditMark, ReadTx, Store, StoreError};
use serde::{Deserialize, Serialize};
use tracing::error;

use super::{Ambient, private_file};

/// The note's name.
pub(crate) const STORE_MARK: &str = "store-mark.json";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Note {
    last_audit_event: i64,
    hash: String,
    taken_at: i64,
}

/// Compares the database with the note of the last run, and tells when it is older. `false` then: the note
/// stays until the database was taken care of.
async fn compare(data: &Path, store: &Store) -> Result<bool> {
    let Some((mark, taken_at)) = read(data)? else {
        return Ok(true);
    };
    let holds = store.read(move |tx| tx.holds_audit_mark(&mark, taken_at));
    if holds.await.context("cannot read the audit log")? {
        return Ok(true);
    }
    error!(
        last_audit_event = mark.number,
        "the database is older than this server's last run: what was revoked, disabled or deleted since is let in \
         again, and CRLs may go back. Stop the server and run `provost backup reapply`"
    );
    Ok(false)
}

/// Takes the notes of a server.
pub(super) struct StoreMarking {
    /// Where; nowhere while the last note has not been answered for.
    data: Option<PathBuf>,
    clock: Arc<dyn Clock>,
}

impl StoreMarking {
    /// Compares the database with the note of the last run.
    pub(super) async fn begin(data: &Path, store: &Store, ambient: &Ambient) -> Result<Self> {
        let is_latest = compare(data, store).await?;
        Ok(Self {
            data: is_latest.then(|| data.to_owned()),
            clock: Arc::clone(&ambient.clock),
        })
    }

    /// Notes how far the database is.
    pub(super) async fn note(&self, store: &Store) -> Result<()> {
        let Some(data) = &self.data else { return Ok(()) };
        let taken_at = self.clock.now();
        match store.read(move |tx| note(tx, taken_at)).await? {
            Some(note) => private_file::write(&data.join(STORE_MARK), &serde_json::to_vec_pretty(&note)?),
            None => Ok(()),
        }
    }
}

fn note(tx: &ReadTx<'_>, taken_at: Timestamp) -> Result<Option<Note>, StoreError> {
    Ok(tx.audit_mark()?.map(|mark| Note {
        last_audit_event: mark.number,
        hash: mark.hash.to_string(),
        taken_at: taken_at.as_micros(),
    }))
}

/// An unreadable note is none: it is a help, not the truth.
fn read(data: &Path) -> Result<Option<(AuditMark, Timestamp)>> {
    let path = data.join(STORE_MARK);
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let Ok(note) = serde_json::from_slice::<Note>(&text) else {
        return Ok(None);
    };
    Ok(AuditHash::parse(&note.hash).map(|hash| {
        let mark = AuditMark {
            number: note.last_audit_event,
            hash,
        };
        (mark, Timestamp::from_micros(note.taken_at))
    }))
}
