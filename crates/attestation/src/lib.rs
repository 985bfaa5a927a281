//! Is this proof genuine?
//!
//! Pure functions from what a caller presented, what is registered and an instant, to a proof
//! value or a typed reason. Nothing here knows whom a proof belongs to, and nothing waits.
//!
//! - [`sas`]: SAS tokens of devices and of service policies.
//! - [`symmetric`]: keys derived from a group's key.
//! - [`x509`]: a leaf against pinned certificates, thumbprints and names.
//! - [`possession`]: a CA certificate's proof of possession.
//! - [`admin`]: bearer tokens of the house's own administration.

pub mod admin;
#[cfg(test)]
mod fixture;
mod percent;
pub mod possession;
pub mod sas;
pub mod symmetric;
pub mod x509;

pub use provost_pki::{ChainError, VerifiedChain};
