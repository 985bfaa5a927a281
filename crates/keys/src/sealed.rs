//! Private keys in files of a folder, each sealed: what reads the disk reads nothing.
//!
//! | file | what |
//! |---|---|
//! | `kek.json` | how the KEK is made from passphrase or key file; no secret |
//! | `kek` | the KEK, when nothing else is configured |
//! | `<id>.json` | one key |
//! | `lock` | held by who has the folder open |
//! | `making.lock` | held by who makes the KEK |
//!
//! A key is opened where it is used and stays so for a moment only (`held.rs`, decision 18).

mod envelope;
mod held;
mod kek;
mod rewrap;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::registry::KeyRef;
use provost_model::{Clock, Random, Timestamp};

use self::envelope::{Envelope, unusable};
use self::held::HeldKeys;
use self::kek::{Kek, KekDescription};
use crate::private_key::PrivateKey;
use crate::secret_file::{self, cannot};
use crate::{KeyAlgorithm, KeyProvider, KeyProviderError, KeyPurpose};

pub use self::kek::{KekSource, make_key_file};
pub use self::rewrap::{Rewrapped, rewrap};

/// Begins the [`KeyRef`] of a sealed key.
pub(crate) const PREFIX: &str = "sealed:";
/// How the KEK is made.
const KEK_DESCRIPTION: &str = "kek.json";

/// The keys of one folder.
pub struct SealedKeys {
    folder: PathBuf,
    kek: Kek,
    held: HeldKeys,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    _lock: FolderLock,
}

/// A key of a folder, and what is known of it where it can be used.
pub type CheckedKey = (KeyRef, Result<SealedKeyInfo, KeyProviderError>);

/// What is readable of a sealed key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKeyInfo {
    /// Where it is.
    pub key: KeyRef,
    /// What it was made for.
    pub label: String,
    /// The kind.
    pub algorithm: Option<KeyAlgorithm>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it is sealed under the KEK at hand.
    pub is_current: bool,
}

impl SealedKeys {
    /// Opens the folder, which is made with mode 0700 when it is not there.
    ///
    /// Fails when others may enter the folder and when the source is not the one the keys are sealed
    /// with. An opened key is held for `hold`, zero opens it for each signature. A single key that was altered fails when it is used; the others go on.
    pub fn open(
        folder: &Path,
        source: &KekSource,
        hold: Duration,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, KeyProviderError> {
        secret_file::private_folder(folder)?;
        let lock = FolderLock::shared(folder)?;
        let kek = unlock(folder, source, &*random)?;
        Ok(Self {
            folder: folder.to_owned(),
            kek,
            held: HeldKeys::new(hold),
            clock,
            random,
            _lock: lock,
        })
    }

    /// The keys of the folder in the order of their IDs; an unreadable file is an error in its place.
    pub fn list(&self) -> Result<Vec<Result<SealedKeyInfo, KeyProviderError>>, KeyProviderError> {
        Ok(key_ids(&self.folder)?
            .iter()
            .map(|id| self.read(id).map(|envelope| self.info(&envelope)))
            .collect())
    }

    /// Every key of the folder in the order of their IDs, each opened as [`Self::check`] does; what cannot be used
    /// says why.
    pub fn check_all(&self) -> Result<Vec<CheckedKey>, KeyProviderError> {
        let check = |id: &String| {
            let key = KeyRef(format!("{PREFIX}{id}"));
            let info = self.read(id).map(|envelope| self.info(&envelope));
            let checked = info.and_then(|info| self.check(&key).map(|()| info));
            (key, checked)
        };
        Ok(key_ids(&self.folder)?.iter().map(check).collect())
    }

    /// Opens a key and compares its public half with what its file says, without using it.
    pub fn check(&self, key: &KeyRef) -> Result<(), KeyProviderError> {
        self.open_key(key).map(drop)
    }

    fn info(&self, envelope: &Envelope) -> SealedKeyInfo {
        SealedKeyInfo {
            key: KeyRef(format!("{PREFIX}{}", envelope.about.id)),
            label: envelope.about.label.clone(),
            algorithm: envelope.about.algorithm(),
            created_at: Timestamp::from_micros(envelope.about.created_at),
            is_current: envelope.kek == self.kek.id,
        }
    }

    fn read(&self, id: &str) -> Result<Envelope, KeyProviderError> {
        read_envelope(&self.folder, id)
    }

    /// The key, opened now or a moment ago.
    fn held_or_opened(&self, key: &KeyRef) -> Result<Arc<PrivateKey>, KeyProviderError> {
        let id = id_of(key)?;
        if let Some(held) = self.held.get(id) {
            return Ok(held);
        }
        let opened = Arc::new(self.open_key(key)?.0);
        self.held.put(id, &opened);
        Ok(opened)
    }

    fn open_key(&self, key: &KeyRef) -> Result<(PrivateKey, Envelope), KeyProviderError> {
        let envelope = self.read(id_of(key)?)?;
        let opened = envelope.open(&self.kek)?;
        Ok((opened, envelope))
    }
}

impl KeyProvider for SealedKeys {
    fn reserve(&self, purpose: &KeyPurpose) -> Result<KeyRef, KeyProviderError> {
        purpose.check()?;
        Ok(KeyRef(format!("{PREFIX}{}", self.random.hex(16))))
    }

    fn make(&self, key: &KeyRef, purpose: &KeyPurpose) -> Result<(), KeyProviderError> {
        purpose.check()?;
        let id = id_of(key)?;
        let envelope = Envelope::generate(id, purpose, &self.kek, self.clock.now(), &*self.random)?;
        let path = file_of(&self.folder, id);
        if secret_file::create(&path, &envelope.to_json()?)? {
            return Ok(());
        }
        let reason = format!("{} is there already", path.display());
        Err(KeyProviderError::Refused(reason))
    }

    fn public(&self, key: &KeyRef) -> Result<(Vec<u8>, KeyAlgorithm), KeyProviderError> {
        let (opened, envelope) = self.open_key(key)?;
        let der = opened.public_der()?;
        match envelope.about.algorithm() {
            Some(algorithm) if STANDARD.encode(&der) == envelope.about.public_key => Ok((der, algorithm)),
            _ => Err(unusable(
                &envelope.about.id,
                "it is not the key of its public half",
            )),
        }
    }

    fn sign(&self, key: &KeyRef, message: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        self.held_or_opened(key)?.sign(message)
    }

    fn sign_digest(&self, key: &KeyRef, digest: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        self.held_or_opened(key)?.sign_digest(digest)
    }

    fn destroy(&self, key: &KeyRef) -> Result<(), KeyProviderError> {
        let id = id_of(key)?;
        let destroyed = secret_file::destroy(&file_of(&self.folder, id));
        self.held.forget(id);
        // What a process that ended while it wrote the file left beside it.
        for beside in secret_file::unfinished(&self.folder, id)? {
            secret_file::destroy(&beside)?;
        }
        destroyed
    }

    fn health(&self) -> Result<(), KeyProviderError> {
        match KekDescription::read(&self.folder.join(KEK_DESCRIPTION))? {
            Some(description) if description.id == self.kek.id => Ok(()),
            Some(_) => Err(KeyProviderError::Unavailable(
                "the keys were sealed under another KEK since the start: start again".to_owned(),
            )),
            None => Err(KeyProviderError::Unavailable(format!(
                "{} is gone",
                self.folder.join(KEK_DESCRIPTION).display()
            ))),
        }
    }
}

/// The KEK of a folder; the first one to open it says what it is.
///
/// It is made while nobody else makes one, and opened from what is on disk by the one who made it too: a key
/// sealed under a KEK that is described nowhere could never be opened again.
fn unlock(folder: &Path, source: &KekSource, random: &dyn Random) -> Result<Kek, KeyProviderError> {
    let path = folder.join(KEK_DESCRIPTION);
    if let Some(description) = KekDescription::read(&path)? {
        if description.previous.is_some() {
            return Err(KeyProviderError::Refused(
                "a change of the keys' passphrase or key file was cut off: run `provost keys rewrap` again"
                    .to_owned(),
            ));
        }
        return description.unlock(source);
    }
    if !key_ids(folder)?.is_empty() {
        return Err(KeyProviderError::Refused(format!(
            "{} is missing beside the keys; without it they cannot be opened: take it from a backup",
            path.display()
        )));
    }
    let _alone = FolderLock::while_making(folder)?;
    if KekDescription::read(&path)?.is_none() {
        let (_, description) = Kek::create(source, random)?;
        // On a disk where locks do not hold, another process may have been faster.
        secret_file::create(&path, &description.to_json()?)?;
    }
    match KekDescription::read(&path)? {
        Some(description) => description.unlock(source),
        None => Err(KeyProviderError::Unavailable(format!(
            "{} is gone",
            path.display()
        ))),
    }
}

fn read_envelope(folder: &Path, id: &str) -> Result<Envelope, KeyProviderError> {
    let path = file_of(folder, id);
    match std::fs::read(&path) {
        Ok(text) => Envelope::parse(id, &text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(KeyProviderError::NotFound(format!("{PREFIX}{id}")))
        }
        Err(error) => Err(cannot("read", &path, &error)),
    }
}

/// Holds a folder of keys alone, so that nobody opens it, or fails when somebody has it open. It is made
/// when it is not there.
pub fn lock_folder(folder: &Path) -> Result<FolderLock, KeyProviderError> {
    secret_file::private_folder(folder)?;
    FolderLock::alone(folder)
}

/// Holds a folder of keys against a change of their KEK while it is read; whoever uses the keys goes on.
pub fn share_folder(folder: &Path) -> Result<FolderLock, KeyProviderError> {
    FolderLock::shared(folder)
}

/// Whether the keys of a folder are sealed with a passphrase, and not with a key file; `None` where there are none.
pub fn is_passphrase_wanted(folder: &Path) -> Result<Option<bool>, KeyProviderError> {
    let description = KekDescription::read(&folder.join(KEK_DESCRIPTION))?;
    Ok(description.map(|description| description.wants_passphrase()))
}

/// The name of a sealed key's file in its folder; `None` for a key that is elsewhere.
pub fn sealed_file_name(key: &KeyRef) -> Option<String> {
    id_of(key).ok().map(|id| format!("{id}.json"))
}

/// Whether everything in a folder, a copy for example, can be opened by what opens one of its keys: no change
/// of the KEK is under way, and every key is sealed under the one `kek.json` describes. Opens nothing.
pub fn check_folder(folder: &Path) -> Result<(), KeyProviderError> {
    let path = folder.join(KEK_DESCRIPTION);
    let ids = key_ids(folder)?;
    let Some(description) = KekDescription::read(&path)? else {
        if ids.is_empty() {
            return Ok(());
        }
        return Err(secret_file::refused(&path, "is missing beside the keys"));
    };
    if description.previous.is_some() {
        let reason =
            "is in the middle of a change of passphrase or key file: run `provost keys rewrap` again";
        return Err(secret_file::refused(&path, reason));
    }
    for id in ids {
        if read_envelope(folder, &id)?.kek != description.id {
            return Err(unusable(
                &id,
                "it is sealed under another KEK than kek.json describes",
            ));
        }
    }
    Ok(())
}

/// Who has the folder open: programs that use the keys together, or one alone that changes their KEK.
pub struct FolderLock(#[expect(dead_code, reason = "the lock is let go with the file")] File);

impl FolderLock {
    fn shared(folder: &Path) -> Result<Self, KeyProviderError> {
        Self::take(folder, File::try_lock_shared)
    }

    fn alone(folder: &Path) -> Result<Self, KeyProviderError> {
        Self::take(folder, File::try_lock)
    }

    /// Waits for whoever makes the KEK; the folder's own lock is shared by all who use the keys.
    pub(crate) fn while_making(folder: &Path) -> Result<Self, KeyProviderError> {
        let path = folder.join("making.lock");
        let file = lock_file(&path)?;
        file.lock().map_err(|error| cannot("lock", &path, &error))?;
        Ok(Self(file))
    }

    fn take(
        folder: &Path,
        lock: impl FnOnce(&File) -> Result<(), TryLockError>,
    ) -> Result<Self, KeyProviderError> {
        let path = folder.join("lock");
        let file = lock_file(&path)?;
        match lock(&file) {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(KeyProviderError::Unavailable(format!(
                "{} is in use by another program: stop it first",
                folder.display()
            ))),
            Err(TryLockError::Error(error)) => Err(cannot("lock", &path, &error)),
        }
    }
}

fn lock_file(path: &Path) -> Result<File, KeyProviderError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| cannot("open", path, &error))
}

fn file_of(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.json"))
}

/// The ID in a reference; only what is an ID may become part of a path.
fn id_of(key: &KeyRef) -> Result<&str, KeyProviderError> {
    key.0
        .strip_prefix(PREFIX)
        .filter(|id| is_id(id))
        .ok_or_else(|| KeyProviderError::NotFound(key.0.clone()))
}

fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn key_ids(folder: &Path) -> Result<Vec<String>, KeyProviderError> {
    let entries = std::fs::read_dir(folder).map_err(|error| cannot("read", folder, &error))?;
    let mut ids = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| cannot("read", folder, &error))?;
        let name = entry.file_name();
        if let Some(id) = name
            .to_str()
            .and_then(|name| name.strip_suffix(".json"))
            .filter(|id| is_id(id))
        {
            ids.push(id.to_owned());
        }
    }
    ids.sort();
    Ok(ids)
}

#[cfg(test)]
mod tests;
