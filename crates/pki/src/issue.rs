//! Making certificates and signing requests: for our CAs, our own listeners, fixtures and simulated
//! devices.
//!
//! The to-be-signed part is put together here, so that the issuer's name is copied byte for byte
//! from its certificate: libraries that rebuild it lose repeated attributes and break the chain.
//! Times and serial numbers are arguments; only key generation uses the random source of the
//! cryptographic library.

pub(crate) mod build;
mod error;
mod key_pair;
pub(crate) mod profile;
pub(crate) mod publication;
pub(crate) mod request;
mod signer;
mod subject;

pub use build::{Issuance, ToBeSigned, issue, self_signed};
pub use error::IssueError;
pub use key_pair::{KeyAlgorithm, KeyPair};
pub use profile::Profile;
pub use publication::Publication;
pub use request::certification_request;
pub use signer::Signer;
pub use subject::SubjectName;
