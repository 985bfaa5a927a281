//! Certificate revocation lists (RFC 5280 5): made for whoever trusts our CAs, read for people and tests.
//!
//! Nothing here decides whether a device gets in: hubs compare identifiers (certificate-management.md 3.2).

mod build;
mod error;
mod parts;
mod read;

pub use build::RevocationList;
pub use error::CrlError;
pub use read::{Crl, CrlEntry, MAX_CRL_BYTES};
