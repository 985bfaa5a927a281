//! Signing requests (RFC 2986) of devices and of our own CAs.

mod error;
mod parts;
mod rules;
mod weak_key;

pub use error::CsrError;
pub use rules::{CsrKey, CsrRules};

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::csr::parts::Parts;
use crate::frame::Spki;
use crate::text::{PemBlocks, decode};
use crate::{PublicKeyInfo, Sha256Thumbprint, SignatureError, name, signature};

/// The longest signing request read in base64, in characters (certificate-management.md 1.13).
pub const MAX_CSR_TEXT_BYTES: usize = 8 * 1024;
/// The longest one read in DER.
const MAX_CSR_BYTES: usize = MAX_CSR_TEXT_BYTES / 4 * 3;

/// A parsed signing request.
///
/// Parsed is not verified: whether whoever made it has the key, and whether the key is one to
/// certify, says [`verify`](Self::verify).
#[derive(Clone)]
pub struct Csr {
    der: Vec<u8>,
    parts: Parts,
    common_names: Vec<Option<String>>,
}

impl Csr {
    /// Reads one request in DER, nothing after it, of version 0.
    ///
    /// # Errors
    /// [`CsrError::TooLarge`], [`CsrError::Malformed`], [`CsrError::Version`].
    pub fn from_der(der: &[u8]) -> Result<Self, CsrError> {
        if der.len() > MAX_CSR_BYTES {
            return Err(CsrError::TooLarge);
        }
        let parts = Parts::parse(der)?;
        let subject = parts.subject(der);
        let common_names = name::common_names(subject).map_err(|_| CsrError::Malformed("subject name"))?;
        Ok(Self {
            der: der.to_owned(),
            parts,
            common_names,
        })
    }

    /// Reads the spelling devices send: base64 of the DER with its padding, no armour, no line
    /// breaks (certificate-management.md 2.3).
    ///
    /// # Errors
    /// [`CsrError::TooLarge`] over [`MAX_CSR_TEXT_BYTES`], [`CsrError::Empty`],
    /// [`CsrError::NotBase64`], and those of [`from_der`](Self::from_der).
    pub fn from_base64(text: &str) -> Result<Self, CsrError> {
        if text.is_empty() {
            return Err(CsrError::Empty);
        }
        if text.len() > MAX_CSR_TEXT_BYTES {
            return Err(CsrError::TooLarge);
        }
        Self::from_der(&STANDARD.decode(text).map_err(|_| CsrError::NotBase64)?)
    }

    /// Reads a file of a person: PEM, base64 or DER.
    ///
    /// # Errors
    /// As [`from_base64`](Self::from_base64).
    pub fn from_file_bytes(bytes: &[u8]) -> Result<Self, CsrError> {
        let Some(text) = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| !text.starts_with('0'))
        else {
            return Self::from_der(bytes);
        };
        let body = PemBlocks(text)
            .filter_map(Result::ok)
            .find(|(label, _)| matches!(*label, "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST"))
            .map_or(text, |(_, body)| body);
        Self::from_der(&decode(body).map_err(|_| CsrError::NotBase64)?)
    }

    /// The bytes as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subject Name's DER.
    pub fn subject_der(&self) -> &[u8] {
        self.parts.subject(&self.der)
    }

    /// The subject for people.
    pub fn subject_display(&self) -> String {
        name::display(self.subject_der())
    }

    /// The common name, when there is exactly one and it is text.
    pub fn common_name(&self) -> Option<&str> {
        match self.common_names.as_slice() {
            [Some(name)] => Some(name),
            _ => None,
        }
    }

    /// The `SubjectPublicKeyInfo`'s DER.
    pub fn spki_der(&self) -> &[u8] {
        self.parts.spki(&self.der).der
    }

    /// Kind and size of the public key.
    pub fn public_key(&self) -> PublicKeyInfo {
        PublicKeyInfo::of(self.parts.spki(&self.der))
    }

    /// The extensions it asks for: object identifier and whether critical, as written. A CA of ours
    /// heeds none of them.
    pub fn requested_extensions(&self) -> &[(String, bool)] {
        &self.parts.requested
    }

    /// Judges it: its maker has the key, the key is one of those allowed and not known to be weak,
    /// and there is one common name.
    ///
    /// Whose name that may be, and whether the key is in use elsewhere, is for the caller to say.
    ///
    /// # Errors
    /// The first rule it breaks; see [`CsrError`].
    pub fn verify(self, rules: &CsrRules) -> Result<VerifiedCsr, CsrError> {
        let spki = self.spki();
        rules.check(spki)?;
        weak_key::check(spki)?;
        signature::verify(
            spki,
            self.parts.algorithm(&self.der),
            self.parts.info(&self.der),
            self.parts.signature(&self.der),
        )
        .map_err(|error| match error {
            SignatureError::UnsupportedAlgorithm => CsrError::SignatureAlgorithm,
            SignatureError::BadSignature => CsrError::Signature,
        })?;
        let common_name = match self.common_names.as_slice() {
            [Some(name)] if !name.is_empty() => name.clone(),
            [_] => return Err(CsrError::Malformed("common name")),
            others => return Err(CsrError::CommonNames(others.len())),
        };
        Ok(VerifiedCsr {
            csr: self,
            common_name,
        })
    }

    fn spki(&self) -> Spki<'_> {
        self.parts.spki(&self.der)
    }
}

impl fmt::Debug for Csr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Csr({}, {})", self.subject_display(), self.public_key())
    }
}

/// A signing request whose maker was proven to have its key; made only by [`Csr::verify`].
#[derive(Debug, Clone)]
pub struct VerifiedCsr {
    csr: Csr,
    common_name: String,
}

impl VerifiedCsr {
    /// The one common name of the subject.
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// The subject Name's DER, to be taken over into the certificate as it stands.
    pub fn subject_der(&self) -> &[u8] {
        self.csr.subject_der()
    }

    /// The `SubjectPublicKeyInfo`'s DER.
    pub fn spki_der(&self) -> &[u8] {
        self.csr.spki_der()
    }

    /// SHA-256 over the `SubjectPublicKeyInfo`: tells whether a key is in use already.
    pub fn key_sha256(&self) -> [u8; 32] {
        *Sha256Thumbprint::of(self.spki_der()).as_bytes()
    }

    /// The request.
    pub fn csr(&self) -> &Csr {
        &self.csr
    }
}

#[cfg(test)]
mod tests;
