//! OCSP (RFC 6960): for each CA a delegated responder with a key of its own, and answers about what the CA
//! signed (certificate-management.md 6.2). Off unless it is switched on; no hub asks.
//!
//! - [`OcspDelegates`] makes the keys and certificates that answer, replaces them at half of their life, and
//!   destroys what has served.
//! - [`OcspResponder`] answers requests.

mod answers;
mod certificates;
mod delegates;
mod due;
mod responder;
mod status;
#[cfg(test)]
mod tests;
mod voice;

pub use self::delegates::{DelegateError, OcspDelegates};
pub use self::responder::{OcspAnswer, OcspResponder, OcspStanding, OcspWord};
