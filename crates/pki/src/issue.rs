//! Making certificates: for our own listeners, for fixtures and for simulated devices.
//!
//! The to-be-signed part is put together here, so that the issuer's name is copied byte for byte
//! from its certificate: libraries that rebuild it lose repeated attributes and break the chain.
//! Times and serial numbers are arguments; only key generation uses the random source of the
//! cryptographic library.

mod build;
mod key_pair;
mod profile;
mod subject;

pub use build::{Issuance, IssueError, issue, self_signed};
pub use key_pair::{KeyAlgorithm, KeyPair};
pub use profile::Profile;
pub use subject::SubjectName;
