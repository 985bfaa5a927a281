//! Where private keys of CAs live. Knows nothing of certificates.

mod error;
mod provider;

pub use error::KeyProviderError;
pub use provider::{KeyAlgorithm, KeyProvider, KeyPurpose};
