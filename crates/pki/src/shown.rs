//! What a certificate is recognised by when it is to be refused.
//!
//! Not its thumbprint: whoever holds a certificate can write it with other bytes, for of an ECDSA signature
//! (r, s) the pair (r, n - s) is one too. What was signed stays as it was.

use provost_model::registry::SerialNumber;

use crate::{Certificate, Sha256Thumbprint, VerifiedChain};

/// A CA as the certificates below it know it, by name and key, whoever signed its own certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CaIdentity {
    /// SHA-256 over its subject Name's DER.
    pub subject_hash: [u8; 32],
    /// SHA-256 over its `SubjectPublicKeyInfo`.
    pub key_sha256: [u8; 32],
}

/// A leaf that somebody showed, as its CA knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownLeaf {
    /// SHA-256 over the DER of the name it calls its issuer.
    pub issuer_hash: [u8; 32],
    /// Its serial number; `None` when it is one that no CA of the registry gives.
    pub serial: Option<SerialNumber>,
    /// SHA-256 over its `SubjectPublicKeyInfo`.
    pub key_sha256: [u8; 32],
    /// The CAs of its verified path, the one that signed it first; empty when no path was looked for.
    pub path: Vec<CaIdentity>,
}

impl Certificate {
    /// What certificates below know it by.
    pub fn ca_identity(&self) -> CaIdentity {
        CaIdentity {
            subject_hash: self.subject_hash(),
            key_sha256: key_sha256(self),
        }
    }

    /// SHA-256 over what was signed, the `TBSCertificate`: the same for everything a holder can make of it.
    pub fn content_sha256(&self) -> [u8; 32] {
        *Sha256Thumbprint::of(self.tbs()).as_bytes()
    }

    /// A leaf shown by itself.
    pub fn shown(&self) -> ShownLeaf {
        ShownLeaf {
            issuer_hash: self.issuer_hash(),
            serial: SerialNumber::parse(&self.serial_hex()),
            key_sha256: key_sha256(self),
            path: Vec::new(),
        }
    }
}

impl VerifiedChain {
    /// Its leaf with the CAs that lead to it.
    pub fn shown(&self) -> ShownLeaf {
        ShownLeaf {
            path: self.issuers().iter().map(Certificate::ca_identity).collect(),
            ..self.leaf().shown()
        }
    }
}

fn key_sha256(certificate: &Certificate) -> [u8; 32] {
    *Sha256Thumbprint::of(certificate.spki_der()).as_bytes()
}
