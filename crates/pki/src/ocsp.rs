//! OCSP (RFC 6960, lightweight profile RFC 5019, nonce RFC 9654): requests are read and responses made, for those
//! who ask; and the other way round, for those who ask others.
//!
//! What a certificate's status is, and that no serial number is called good that was not issued, is for
//! the caller to say.

mod address;
mod question;
mod reply;
mod reply_parts;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub use question::OcspQuestion;
pub use reply::{MAX_OCSP_REPLY_BYTES, OcspReply, OcspReplyError, Told, Verdict};
pub use request::{CertId, MAX_OCSP_REQUEST_BYTES, OcspRequest, OcspRequestError};
pub use response::{CertStatus, OcspRefusal, OcspResponse, SingleResponse};
