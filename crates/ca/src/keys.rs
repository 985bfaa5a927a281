mod health;

use std::sync::Arc;
use std::time::Instant;

use provost_keys::{KeyAlgorithm, KeyProvider, KeyProviderError, KeyPurpose};
use provost_model::registry::KeyRef;
use provost_pki::issue::{self, IssueError, Signer};

use tracing::debug;

use crate::signatures::Signatures;
use crate::{CaError, SignatureCounts};

use self::health::HeardHealth;

/// The keys of CAs, wherever they are. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct CaKeys {
    provider: Arc<dyn KeyProvider>,
    signatures: Arc<Signatures>,
    heard: Arc<HeardHealth>,
}

impl CaKeys {
    /// Keys that a provider looks after.
    pub fn new(provider: Arc<dyn KeyProvider>) -> Self {
        Self {
            provider,
            signatures: Arc::default(),
            heard: Arc::default(),
        }
    }

    /// Makes a P-384 key for a CA of which nothing is written down; it is durable when this returns.
    ///
    /// # Errors
    /// [`CaError::Keys`].
    pub fn make(&self, label: &str) -> Result<CaSigner, CaError> {
        let key = self.reserve(label)?;
        self.make_reserved(&key, label)
    }

    /// Chooses where a CA's P-384 key is going to be; no key is made. Write it down before it is.
    ///
    /// # Errors
    /// [`CaError::Keys`].
    pub fn reserve(&self, label: &str) -> Result<KeyRef, CaError> {
        Ok(self.provider.reserve(&purpose(label, KeyAlgorithm::P384))?)
    }

    /// Makes the key where [`Self::reserve`] chose, with the same label; it is durable when this returns. There
    /// may be one also when it fails.
    ///
    /// # Errors
    /// [`CaError::Keys`].
    pub fn make_reserved(&self, key: &KeyRef, label: &str) -> Result<CaSigner, CaError> {
        self.provider.make(key, &purpose(label, KeyAlgorithm::P384))?;
        self.signer(key)
    }

    /// The same as [`Self::reserve`] for a P-256 key of what belongs to a CA.
    pub(crate) fn reserve_p256(&self, label: &str) -> Result<KeyRef, CaError> {
        Ok(self.provider.reserve(&purpose(label, KeyAlgorithm::P256))?)
    }

    /// Makes that one.
    pub(crate) fn make_reserved_p256(&self, key: &KeyRef, label: &str) -> Result<CaSigner, CaError> {
        self.provider.make(key, &purpose(label, KeyAlgorithm::P256))?;
        self.signer(key)
    }

    /// A key that is there, to sign with. Asks the provider for its public half.
    ///
    /// # Errors
    /// [`CaError::Keys`].
    pub fn signer(&self, key: &KeyRef) -> Result<CaSigner, CaError> {
        let (public_key_der, algorithm) = self.provider.public(key)?;
        Ok(CaSigner {
            provider: Arc::clone(&self.provider),
            signatures: Arc::clone(&self.signatures),
            key: key.clone(),
            public_key_der: public_key_der.into(),
            algorithm: match algorithm {
                KeyAlgorithm::P256 => issue::KeyAlgorithm::P256,
                KeyAlgorithm::P384 => issue::KeyAlgorithm::P384,
            },
        })
    }

    /// Destroys a key for ever; one that is gone already is no error.
    ///
    /// # Errors
    /// [`CaError::Keys`].
    pub fn destroy(&self, key: &KeyRef) -> Result<(), CaError> {
        Ok(self.provider.destroy(key)?)
    }

    /// Whether keys can be used now.
    ///
    /// # Errors
    /// [`CaError::Keys`].
    pub fn health(&self) -> Result<(), CaError> {
        Ok(self.provider.health()?)
    }

    /// Whether keys could be used a moment ago: for whoever may ask as often as he likes. Answers within a second
    /// or so also when the keys do not: then they cannot be used. Blocks; call it where a thread may.
    pub fn were_usable(&self) -> bool {
        let provider = Arc::clone(&self.provider);
        self.heard.ask(move || provider.health().is_ok())
    }

    /// How often each key was used since the program started.
    pub fn signature_counts(&self) -> Vec<(KeyRef, SignatureCounts)> {
        self.signatures.all()
    }
}

fn purpose(label: &str, algorithm: KeyAlgorithm) -> KeyPurpose {
    KeyPurpose {
        label: label.to_owned(),
        algorithm,
    }
}

/// A CA's key as something that signs: the private half stays where it is.
#[derive(Clone)]
pub struct CaSigner {
    provider: Arc<dyn KeyProvider>,
    signatures: Arc<Signatures>,
    key: KeyRef,
    public_key_der: Arc<[u8]>,
    algorithm: issue::KeyAlgorithm,
}

impl CaSigner {
    /// Where the key is.
    pub fn key(&self) -> &KeyRef {
        &self.key
    }

    /// Begins a signature that no thread waits for; `None` where the keys do not sign like that, or not now.
    pub(crate) fn begin(
        &self,
        message: &[u8],
    ) -> Option<impl Future<Output = Result<Vec<u8>, IssueError>> + Send + use<>> {
        let begun = Instant::now();
        let mut pending = self.provider.begin_signing(&self.key, message)?;
        let mut asked = Asked {
            signer: self.clone(),
            begun,
            is_counted: false,
        };
        Some(async move {
            let signed = match tokio::time::timeout(pending.patience(), &mut pending).await {
                Ok(signed) => signed,
                Err(_) => Err(pending.too_late()),
            };
            asked.is_counted = true;
            asked.signer.counted(begun, signed)
        })
    }

    fn counted(
        &self,
        begun: Instant,
        signed: Result<Vec<u8>, KeyProviderError>,
    ) -> Result<Vec<u8>, IssueError> {
        let took = begun.elapsed();
        self.signatures.count(&self.key, signed.is_ok(), took);
        debug!(
            key = self.key.0,
            done = signed.is_ok(),
            ?took,
            "asked for a signature"
        );
        signed.map_err(|error| IssueError::Signer {
            kind: error.kind(),
            reason: error.to_string(),
        })
    }
}

/// A signature under way; counted as one that did not come about when who asked goes away before.
struct Asked {
    signer: CaSigner,
    begun: Instant,
    is_counted: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_counted {
            let took = self.begun.elapsed();
            self.signer.signatures.count(&self.signer.key, false, took);
        }
    }
}

impl Signer for CaSigner {
    fn public_key_der(&self) -> Result<Vec<u8>, IssueError> {
        Ok(self.public_key_der.to_vec())
    }

    fn algorithm(&self) -> issue::KeyAlgorithm {
        self.algorithm
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        let begun = Instant::now();
        self.counted(begun, self.provider.sign(&self.key, message))
    }
}
