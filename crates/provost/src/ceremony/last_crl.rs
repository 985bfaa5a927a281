//! The CRL of an offline root from one sitting to the next. Only the one the transcript names last may be followed:
//! an older file, put back, would make what was revoked since valid again.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use provost_model::Timestamp;
use provost_pki::crl::Crl;
use provost_pki::{Certificate, Sha256Thumbprint};
use serde_json::{Map, Value};

use super::{CRL, Ceremony};
use crate::serve::private_file;

/// Where a CRL lies that the transcript does not name yet.
const NEXT: &str = "root.crl.next";
/// The step of the transcript.
const STEP: &str = "crl";

impl Ceremony {
    /// The CRL the next one follows; `None` when none was ever made.
    pub(super) fn last_crl(&self, root: &Certificate) -> Result<Option<Crl>> {
        self.finish_crl()?;
        let path = self.folder.join(CRL);
        let last = self.transcript.last_of(STEP);
        let Some(hash) = last.and_then(|line| line.get("sha256")).and_then(Value::as_str) else {
            if path.exists() {
                bail!("{CRL} is there, and the transcript knows of none: take it away");
            }
            return Ok(None);
        };
        if !path.exists() {
            bail!("{CRL} is missing: without it, what it revoked would be valid again. Put it back first");
        }
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if Sha256Thumbprint::of(&bytes).to_string() != hash {
            bail!(
                "{CRL} is not the last one that was signed, whose SHA-256 is {hash}: what was revoked since \
                 would be valid again. Put that one back first"
            );
        }
        let crl = Crl::from_der(&bytes).with_context(|| format!("{} is not a CRL", path.display()))?;
        crl.verify(root)
            .with_context(|| format!("{} is not the root's", path.display()))?;
        Ok(Some(crl))
    }

    /// Makes a CRL the last one: on disk first, then in the transcript, then in its place. Whatever is cut off
    /// is finished, or was not begun, when the folder is used the next time.
    pub(super) fn keep_crl(&mut self, at: Timestamp, der: &[u8], made: Map<String, Value>) -> Result<()> {
        private_file::write_public(&self.folder.join(NEXT), der)?;
        self.transcript.add(at, STEP, made)?;
        self.finish_crl()
    }

    fn finish_crl(&self) -> Result<()> {
        let next: PathBuf = self.folder.join(NEXT);
        if !next.exists() {
            return Ok(());
        }
        let context = || format!("cannot put {} in its place", next.display());
        let hash = Sha256Thumbprint::of(&fs::read(&next).with_context(context)?).to_string();
        let last = self.transcript.last_of(STEP);
        let is_named = last.and_then(|line| line.get("sha256")).and_then(Value::as_str) == Some(&hash);
        if is_named {
            fs::rename(&next, self.folder.join(CRL)).with_context(context)?;
        } else {
            // Signed, and nobody ever had it: the transcript does not know it.
            fs::remove_file(&next).with_context(context)?;
        }
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .with_context(context)
    }
}
