//! OCSP (RFC 6960, lightweight profile RFC 5019, nonce RFC 9654): requests are read, responses made.
//!
//! What a certificate's status is, and that no serial number is called good that was not issued, is for
//! the caller to say.

mod request;
mod response;

pub use request::{CertId, MAX_OCSP_REQUEST_BYTES, OcspRequest, OcspRequestError};
pub use response::{CertStatus, OcspRefusal, OcspResponse, SingleResponse};
