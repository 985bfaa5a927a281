//! One key at rest: PKCS #8 under a key of its own (DEK), the DEK under the KEK, both with AES-256-GCM.
//!
//! What is readable in the file is bound to what is not: it is the additional data of both.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::{Random, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::kek::Kek;
use crate::private_key::PrivateKey;
use crate::{KeyAlgorithm, KeyProviderError, KeyPurpose};

const DEK_BYTES: usize = 32;

/// The file of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Envelope {
    version: u32,
    #[serde(flatten)]
    pub(crate) about: About,
    /// Which KEK wraps the DEK.
    pub(crate) kek: String,
    wrapped_dek: Sealed,
    private_key: Sealed,
}

/// What of a key is readable, and bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct About {
    /// Names the key and its file.
    pub(crate) id: String,
    /// What it was made for.
    pub(crate) label: String,
    /// `P-256` or `P-384`.
    pub(crate) algorithm: String,
    /// Microseconds since 1970.
    pub(crate) created_at: i64,
    /// `SubjectPublicKeyInfo`, base64.
    pub(crate) public_key: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    nonce: String,
    data: String,
}

impl About {
    /// Every field with its length before it, so that no two keys give the same bytes.
    fn bound(&self, what: &str, kek: &str) -> Vec<u8> {
        let created = self.created_at.to_string();
        let fields = [
            "provost sealed key 1",
            what,
            kek,
            &self.id,
            &self.label,
            &self.algorithm,
            &created,
            &self.public_key,
        ];
        let mut bytes = Vec::with_capacity(512);
        for field in fields {
            bytes.extend((field.len() as u64).to_be_bytes());
            bytes.extend(field.as_bytes());
        }
        bytes
    }

    fn for_dek(&self, kek: &str) -> Vec<u8> {
        self.bound("dek", kek)
    }

    /// Without the KEK: another one does not touch it.
    fn for_key(&self) -> Vec<u8> {
        self.bound("key", "")
    }

    /// The kind of key, as far as it is known.
    pub(crate) fn algorithm(&self) -> Option<KeyAlgorithm> {
        KeyAlgorithm::parse(&self.algorithm)
    }
}

impl Envelope {
    /// A fresh key of this ID, sealed.
    pub(crate) fn generate(
        id: &str,
        purpose: &KeyPurpose,
        kek: &Kek,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Self, KeyProviderError> {
        let key = PrivateKey::generate(purpose.algorithm)?;
        let about = About {
            id: id.to_owned(),
            label: purpose.label.clone(),
            algorithm: purpose.algorithm.as_str().to_owned(),
            created_at: now.as_micros(),
            public_key: STANDARD.encode(key.public_der()?),
        };
        let mut dek = Zeroizing::new([0; DEK_BYTES]);
        random.fill(dek.as_mut());
        Ok(Self {
            version: 1,
            private_key: Sealed::seal(dek.as_slice(), &about.for_key(), key.to_pkcs8()?.expose(), random)?,
            wrapped_dek: Sealed::seal(kek.bytes(), &about.for_dek(&kek.id), dek.as_slice(), random)?,
            kek: kek.id.clone(),
            about,
        })
    }

    /// Reads the file of the key with this ID.
    pub(crate) fn parse(id: &str, text: &[u8]) -> Result<Self, KeyProviderError> {
        let read: Self =
            serde_json::from_slice(text).map_err(|_| unusable(id, "its file is not what was written"))?;
        if read.version != 1 {
            return Err(unusable(id, "its file has a version this program does not know"));
        }
        if read.about.id != id {
            return Err(unusable(id, "its file is that of another key"));
        }
        Ok(read)
    }

    /// The text of the file.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, KeyProviderError> {
        serde_json::to_vec_pretty(self).map_err(|error| KeyProviderError::Unavailable(error.to_string()))
    }

    /// Opens the key.
    pub(crate) fn open(&self, kek: &Kek) -> Result<PrivateKey, KeyProviderError> {
        let id = &self.about.id;
        let algorithm = self
            .about
            .algorithm()
            .ok_or_else(|| unusable(id, "its kind is not known"))?;
        let dek = self.open_dek(kek)?;
        let der = self
            .private_key
            .open(dek.expose(), &self.about.for_key())
            .ok_or_else(|| unusable(id, "its file was altered"))?;
        PrivateKey::from_pkcs8(algorithm, der.expose()).ok_or_else(|| unusable(id, "it is not a private key"))
    }

    /// The same key under another KEK; the sealed key itself stays byte for byte.
    pub(crate) fn rewrapped(
        &self,
        from: &Kek,
        to: &Kek,
        random: &dyn Random,
    ) -> Result<Self, KeyProviderError> {
        // Opened whole: an altered file must not come out looking new.
        self.open(from)?;
        let dek = self.open_dek(from)?;
        Ok(Self {
            wrapped_dek: Sealed::seal(to.bytes(), &self.about.for_dek(&to.id), dek.expose(), random)?,
            kek: to.id.clone(),
            ..self.clone()
        })
    }

    fn open_dek(&self, kek: &Kek) -> Result<Secret<Vec<u8>>, KeyProviderError> {
        let id = &self.about.id;
        if self.kek != kek.id {
            return Err(unusable(id, "it is sealed under another passphrase or key file"));
        }
        self.wrapped_dek
            .open(kek.bytes(), &self.about.for_dek(&kek.id))
            .ok_or_else(|| unusable(id, "its file was altered"))
    }
}

impl Sealed {
    fn seal(key: &[u8], bound: &[u8], secret: &[u8], random: &dyn Random) -> Result<Self, KeyProviderError> {
        let failed = |_| KeyProviderError::Unavailable("the cryptographic library could not seal".into());
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).map_err(failed)?);
        // With room for the tag: a growing buffer would leave a copy behind.
        let mut data = Zeroizing::new(Vec::with_capacity(secret.len() + AES_256_GCM.tag_len()));
        data.extend_from_slice(secret);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut *data)
            .map_err(failed)?;
        Ok(Self {
            nonce: STANDARD.encode(nonce),
            data: STANDARD.encode(&*data),
        })
    }

    fn open(&self, key: &[u8], bound: &[u8]) -> Option<Secret<Vec<u8>>> {
        let nonce = STANDARD.decode(&self.nonce).ok()?;
        let nonce = Nonce::try_assume_unique_for_key(&nonce).ok()?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
        let mut data = Zeroizing::new(STANDARD.decode(&self.data).ok()?);
        let length = key.open_in_place(nonce, Aad::from(bound), &mut data).ok()?.len();
        data.truncate(length);
        Some(Secret::new(std::mem::take(&mut *data)))
    }
}

pub(crate) fn unusable(key: &str, reason: &str) -> KeyProviderError {
    KeyProviderError::Unusable {
        key: key.to_owned(),
        reason: reason.to_owned(),
    }
}
