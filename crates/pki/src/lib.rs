//! What the bytes of a certificate mean.
//!
//! Parsing, thumbprints, names, signatures, path building at a given instant, and issuing. No
//! I/O, no clock, no knowledge of devices or of HTTP: a caller brings bytes, registered
//! certificates and an instant, and receives a value or a typed reason.
//!
//! - [`Certificate`] is parsed and cheap to clone; it says nothing about trust.
//! - [`PresentedChain`] is what a TLS client sent, bounded, its order not trusted.
//! - [`ChainWalk`] climbs from the leaf one level at a time, for callers that look up registered
//!   certificates on the way (provisioning).
//! - [`verify_chain`] does the same against a fixed set of trust anchors (the hub).
//! - [`VerifiedChain`] is the proof both hand out; nothing else can make one.
//! - [`issue`] makes certificates and signing requests: for CAs, our own listeners, fixtures and
//!   simulators. A key is a [`issue::Signer`] there, wherever it lives.
//! - [`Csr`] is parsed, [`VerifiedCsr`] is one whose maker has the key and whose key may be certified.
//! - [`activation`] judges what a customer's CA made of an issuing CA's request.
//! - [`crl`] and [`ocsp`] say which certificates were revoked, to others.
//! - [`lint`] looks again at what is about to be handed out.
//!
//! Names are compared byte for byte, as TLS stacks do; certificates that differ only in string
//! type or case of a name do not chain.

pub mod activation;
mod certificate;
mod certificate_info;
mod chain_error;
mod chain_walk;
pub mod crl;
mod csr;
mod encode;
mod error;
mod extensions;
mod frame;
mod handshake;
mod identifier;
pub mod issue;
mod key_kind;
pub mod lint;
mod name;
pub mod ocsp;
mod path_rules;
mod presented;
mod shown;
mod signature;
mod signature_memo;
mod text;
mod thumbprint;
mod verified;

pub use certificate::{Certificate, MAX_CERTIFICATE_BYTES};
pub use certificate_info::CertificateInfo;
pub use chain_error::ChainError;
pub use chain_walk::{ChainWalk, Issuer, MAX_PATH_CERTIFICATES, MAX_SIGNATURES};
pub use csr::{Csr, CsrError, CsrKey, CsrRules, MAX_CSR_TEXT_BYTES, VerifiedCsr};
pub use error::CertificateError;
pub use handshake::{HandshakeError, verify_handshake_signature};
pub use identifier::{AZURE_DEVICE_IDENTIFIER_OID, DEVICE_IDENTIFIER_OID, IdentifierStyle};
pub use key_kind::{KeyKind, PublicKeyInfo};
pub use presented::{MAX_PRESENTED_CERTIFICATES, PresentedChain};
pub use shown::{CaIdentity, ShownLeaf};
pub use signature::{SignatureError, verify_signature};
pub use signature_memo::SignatureMemo;
pub use text::{MAX_TEXT_BYTES, Uploaded};
pub use thumbprint::{Sha1Thumbprint, Sha256Thumbprint, ThumbprintError};
pub use verified::{VerifiedChain, verify_chain};
