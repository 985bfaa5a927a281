//! Folders that go between a server and a root that is kept offline: files, and a manifest with the hash of each.
//!
//! | folder | files |
//! |---|---|
//! | requests | `manifest.json`, `ID.csr` for each signing request, `revoked.txt` |
//! | answers | `manifest.json`, `root.pem`, `root.crl`, `ID.pem` for each issuing CA |

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use provost_pki::Sha256Thumbprint;
use serde::{Deserialize, Serialize};

use crate::serve::private_file;

/// The list of what is in a folder.
pub(crate) const MANIFEST: &str = "manifest.json";
/// What is to be on the CRL: lines of SERIAL REASON TIME.
pub(crate) const REVOKED: &str = "revoked.txt";
/// The root's certificate, PEM.
pub(crate) const ROOT: &str = "root.pem";
/// The root's CRL, DER.
pub(crate) const CRL: &str = "root.crl";

/// More than any file of an exchange has.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// More files than an exchange has.
const MAX_FILES: usize = 5000;

/// Which way a folder goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Direction {
    /// From the server to the root.
    #[serde(rename = "provost-offline-root-requests-1")]
    Requests,
    /// From the root to the server.
    #[serde(rename = "provost-offline-root-answers-1")]
    Answers,
}

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) format: Direction,
    pub(crate) namespace: String,
    /// SHA-256 over the root's certificate, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) root_sha256: Option<String>,
    /// The least number of the next CRL.
    #[serde(default)]
    pub(crate) crl_number: u64,
    /// Where the root's CRL is published.
    #[serde(default)]
    pub(crate) crl_urls: Vec<String>,
    /// Where the root's certificate is published.
    #[serde(default)]
    pub(crate) certificate_urls: Vec<String>,
    /// SHA-256 over each file, by its name.
    pub(crate) files: BTreeMap<String, String>,
}

/// A folder of an exchange, read or to be written.
pub(crate) struct Exchange {
    pub(crate) manifest: Manifest,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Exchange {
    /// Writes the folder, the manifest last, so that one that was cut off is none. It must be new or empty.
    pub(crate) fn write(mut self, folder: &Path) -> Result<Self> {
        private_file::make_folder(folder)?;
        if fs::read_dir(folder)?.next().is_some() {
            bail!(
                "{} is not empty; what is to be exchanged goes into a folder of its own",
                folder.display()
            );
        }
        for (name, bytes) in &self.files {
            private_file::write_public(&folder.join(name), bytes)?;
            let hash = Sha256Thumbprint::of(bytes).to_string();
            self.manifest.files.insert(name.clone(), hash);
        }
        let manifest = serde_json::to_vec_pretty(&self.manifest)?;
        private_file::write_public(&folder.join(MANIFEST), &manifest)?;
        Ok(self)
    }

    /// Reads a folder that has a manifest: every file it names is there as it was, and no other.
    pub(crate) fn read(folder: &Path, direction: Direction) -> Result<Self> {
        let files = read_files(folder)?;
        let Some(text) = files.get(MANIFEST) else {
            bail!("{} has no {MANIFEST}", folder.display());
        };
        let manifest: Manifest = serde_json::from_slice(text)
            .with_context(|| format!("{MANIFEST} in {} is not one of an exchange", folder.display()))?;
        let exchange = Self { manifest, files };
        exchange.check(folder, direction)
    }

    fn check(mut self, folder: &Path, direction: Direction) -> Result<Self> {
        if self.manifest.format != direction {
            let what = match direction {
                Direction::Requests => "requests of a server",
                Direction::Answers => "answers of a root",
            };
            bail!("{} does not hold {what}", folder.display());
        }
        self.files.remove(MANIFEST);
        for name in self.files.keys() {
            if !self.manifest.files.contains_key(name) {
                bail!("{name} in {} is not in its manifest", folder.display());
            }
        }
        for (name, hash) in &self.manifest.files {
            let bytes = self.files.get(name);
            let bytes = bytes.with_context(|| format!("{name} is missing in {}", folder.display()))?;
            if Sha256Thumbprint::of(bytes).to_string() != *hash {
                bail!("{name} in {} is not what its manifest says", folder.display());
            }
        }
        Ok(self)
    }

    /// The same for answers of a CA that writes no manifest: every file counts.
    pub(crate) fn read_answers(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
        if folder.join(MANIFEST).exists() {
            return Ok(Self::read(folder, Direction::Answers)?.files);
        }
        read_files(folder)
    }
}

fn read_files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let context = || format!("cannot read {}", folder.display());
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let path: PathBuf = entry.with_context(context)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let Some(name) = name.filter(|_| path.is_file()) else {
            continue;
        };
        let size = fs::metadata(&path).with_context(context)?.len();
        if size > MAX_FILE || files.len() >= MAX_FILES {
            bail!("{} has more than an exchange can have", folder.display());
        }
        files.insert(name, fs::read(&path).with_context(context)?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> Exchange {
        Exchange {
            manifest: Manifest {
                format: Direction::Requests,
                namespace: "plant".to_owned(),
                root_sha256: None,
                crl_number: 1,
                crl_urls: Vec::new(),
                certificate_urls: Vec::new(),
                files: BTreeMap::new(),
            },
            files: BTreeMap::from([("a.csr".to_owned(), b"request".to_vec())]),
        }
    }

    #[test]
    fn what_was_written_is_read_and_what_was_altered_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("requests");
        requests().write(&folder).unwrap();
        let read = Exchange::read(&folder, Direction::Requests).unwrap();
        assert_eq!(read.files["a.csr"], b"request");
        assert!(Exchange::read(&folder, Direction::Answers).is_err());
        assert!(requests().write(&folder).is_err(), "not over another exchange");
        fs::write(folder.join("a.csr"), b"other").unwrap();
        assert!(Exchange::read(&folder, Direction::Requests).is_err());
        fs::write(folder.join("a.csr"), b"request").unwrap();
        fs::write(folder.join("b.csr"), b"more").unwrap();
        assert!(Exchange::read(&folder, Direction::Requests).is_err());
        fs::remove_file(folder.join("b.csr")).unwrap();
        fs::remove_file(folder.join("a.csr")).unwrap();
        assert!(Exchange::read(&folder, Direction::Requests).is_err());
    }

    #[test]
    fn answers_of_another_ca_need_no_manifest() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(ROOT), b"root").unwrap();
        assert_eq!(Exchange::read_answers(folder.path()).unwrap().len(), 1);
        fs::write(folder.path().join(MANIFEST), b"{}").unwrap();
        assert!(Exchange::read_answers(folder.path()).is_err());
    }
}
