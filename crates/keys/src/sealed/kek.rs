//! The key that encrypts the keys of keys (KEK): from a passphrase, or 32 bytes kept elsewhere.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::{Random, Secret};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::FolderLock;
use crate::secret_file::{self, cannot, refused};
use crate::{KeyProviderError, SecretFileGuard, read_secret};

/// Bytes of a KEK.
const KEK_BYTES: usize = 32;
/// Shortest passphrase.
const MIN_PASSPHRASE: usize = 8;
/// Cost of Argon2id (certificate-management.md 7.4): KiB of memory, passes.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// What a file may ask for at most, so that an altered one does not take the machine's memory.
const MAX_MEMORY_KIB: u32 = 4 * 1024 * 1024;
const MAX_PASSES: u32 = 64;

/// Where the KEK comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KekSource {
    /// Something people remember or a vault hands out, 8 bytes or more; Argon2id makes the KEK of it.
    Passphrase(Secret<Vec<u8>>),
    /// The KEK itself, 32 random bytes.
    Key(Secret<Vec<u8>>),
}

impl KekSource {
    /// Takes a passphrase as read from a file: the line end is not part of it.
    pub fn passphrase(text: &Secret<Vec<u8>>) -> Result<Self, KeyProviderError> {
        let bytes = text.expose().as_slice();
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.len() < MIN_PASSPHRASE {
            let reason = format!("a passphrase for keys has at least {MIN_PASSPHRASE} bytes");
            return Err(KeyProviderError::Refused(reason));
        }
        Ok(Self::Passphrase(Secret::new(bytes.to_vec())))
    }

    /// Takes the 32 bytes of a KEK.
    pub fn key(bytes: Secret<Vec<u8>>) -> Result<Self, KeyProviderError> {
        match bytes.expose().len() {
            KEK_BYTES => Ok(Self::Key(bytes)),
            other => Err(KeyProviderError::Refused(format!(
                "a key file for keys holds {KEK_BYTES} bytes, this one {other}"
            ))),
        }
    }
}

/// Reads the key file, or makes one of 32 random bytes, mode 0600; says whether it was made.
pub fn make_key_file(path: &Path, random: &dyn Random) -> Result<(KekSource, bool), KeyProviderError> {
    let mut bytes = Zeroizing::new(vec![0; KEK_BYTES]);
    random.fill(&mut bytes);
    if let Some(folder) = path.parent() {
        secret_file::private_folder(folder)?;
    }
    let _alone = match path.parent().filter(|_| !path.exists()) {
        Some(folder) => Some(FolderLock::while_making(folder)?),
        None => None,
    };
    // Looked at first: the ordinary start writes nothing.
    let made = !path.exists() && secret_file::create(path, &bytes)?;
    let source = KekSource::key(read_secret(path, SecretFileGuard::OwnerOnly)?)
        .map_err(|error| refused(path, &format!("is not usable: {error}")))?;
    Ok((source, made))
}

/// How the KEK of a folder is made, kept beside the keys as `kek.json`. No secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KekDescription {
    version: u32,
    /// What tells this KEK from others.
    pub(crate) id: String,
    /// How it is derived; none when it is a key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    argon2id: Option<Argon2Cost>,
    /// That of the keys not yet wrapped anew, while a change of the KEK is under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) previous: Option<Box<KekDescription>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Argon2Cost {
    salt: String,
    memory_kib: u32,
    passes: u32,
}

impl KekDescription {
    /// Reads `kek.json`; `None` when it is not there.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, KeyProviderError> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot("read", path, &error)),
        };
        let read: Self = serde_json::from_slice(&text)
            .map_err(|error| refused(path, &format!("is not what was written there: {error}")))?;
        if read.version != 1 {
            return Err(refused(
                path,
                &format!("has version {}, this program knows 1", read.version),
            ));
        }
        Ok(Some(read))
    }

    /// Whether a passphrase opens it.
    pub(crate) fn wants_passphrase(&self) -> bool {
        self.argon2id.is_some()
    }

    /// The text of `kek.json`.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, KeyProviderError> {
        serde_json::to_vec_pretty(self).map_err(|error| KeyProviderError::Unavailable(error.to_string()))
    }

    /// The KEK of the source; refuses a source that is another one's.
    pub(crate) fn unlock(&self, source: &KekSource) -> Result<Kek, KeyProviderError> {
        let kek = match (source, &self.argon2id) {
            (KekSource::Passphrase(passphrase), Some(cost)) => Kek::derive(passphrase, cost)?,
            (KekSource::Key(key), None) => Kek::of_key(key)?,
            (KekSource::Passphrase(_), None) => {
                return Err(wrong(
                    "they are sealed with a key file, a passphrase is configured",
                ));
            }
            (KekSource::Key(_), Some(_)) => {
                return Err(wrong(
                    "they are sealed with a passphrase, a key file is configured",
                ));
            }
        };
        if kek.id == self.id {
            return Ok(kek);
        }
        Err(wrong(match source {
            KekSource::Passphrase(_) => "this is not the passphrase they are sealed with",
            KekSource::Key(_) => "this is not the key file they are sealed with",
        }))
    }
}

fn wrong(reason: &str) -> KeyProviderError {
    KeyProviderError::Refused(format!("the keys cannot be opened: {reason}"))
}

/// The key that wraps the keys of keys.
pub(crate) struct Kek {
    bytes: Zeroizing<[u8; KEK_BYTES]>,
    pub(crate) id: String,
}

impl Kek {
    /// A KEK nothing is sealed with yet, and how to make it again.
    pub(crate) fn create(
        source: &KekSource,
        random: &dyn Random,
    ) -> Result<(Self, KekDescription), KeyProviderError> {
        let (kek, argon2id) = match source {
            KekSource::Key(key) => (Self::of_key(key)?, None),
            KekSource::Passphrase(passphrase) => {
                let mut salt = [0; 16];
                random.fill(&mut salt);
                let cost = Argon2Cost {
                    salt: STANDARD.encode(salt),
                    memory_kib: MEMORY_KIB,
                    passes: PASSES,
                };
                (Self::derive(passphrase, &cost)?, Some(cost))
            }
        };
        let description = KekDescription {
            version: 1,
            id: kek.id.clone(),
            argon2id,
            previous: None,
        };
        Ok((kek, description))
    }

    /// The secret bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    fn of_key(key: &Secret<Vec<u8>>) -> Result<Self, KeyProviderError> {
        let bytes = <[u8; KEK_BYTES]>::try_from(key.expose().as_slice())
            .map_err(|_| wrong("a key file has 32 bytes"))?;
        Ok(Self::new(Zeroizing::new(bytes)))
    }

    fn derive(passphrase: &Secret<Vec<u8>>, cost: &Argon2Cost) -> Result<Self, KeyProviderError> {
        let salt = STANDARD
            .decode(&cost.salt)
            .ok()
            .filter(|salt| salt.len() == 16)
            .ok_or_else(|| wrong("kek.json has no salt of 16 bytes"))?;
        if cost.memory_kib > MAX_MEMORY_KIB || cost.passes > MAX_PASSES {
            return Err(wrong(
                "kek.json asks for more memory or time than this program gives",
            ));
        }
        let params = Params::new(cost.memory_kib, cost.passes, 1, Some(KEK_BYTES))
            .map_err(|error| wrong(&format!("kek.json: {error}")))?;
        let mut bytes = Zeroizing::new([0; KEK_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose(), &salt, bytes.as_mut())
            .map_err(|error| wrong(&format!("Argon2id: {error}")))?;
        Ok(Self::new(bytes))
    }

    fn new(bytes: Zeroizing<[u8; KEK_BYTES]>) -> Self {
        let mac = hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice());
        let tag = hmac::sign(&mac, b"provost: id of a key encryption key");
        let id = tag.as_ref().iter().take(8).map(|byte| format!("{byte:02x}"));
        Self {
            id: id.collect(),
            bytes,
        }
    }
}
