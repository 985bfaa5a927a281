use rustls_pki_types::SignatureVerificationAlgorithm;

use crate::frame::Frame;
use crate::signature::fits;

/// Why the signature over a TLS handshake was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The certificate cannot be read.
    #[error("certificate cannot be read")]
    Malformed,
    /// None of the algorithms is for the certificate's key.
    #[error("no algorithm fits the certificate's key")]
    UnsupportedAlgorithm,
    /// The peer does not own the certificate's key.
    #[error("handshake signature does not match the certificate's key")]
    BadSignature,
}

/// Verifies a TLS `CertificateVerify` (or TLS 1.2 equivalent) with the key of a certificate of
/// any version.
///
/// The stock helpers refuse X.509 version 1, which is what `openssl x509 -req` makes without an
/// extension file and what devices in the field have. `algorithms` are those the
/// provider lists for the scheme the peer named: all of them in TLS 1.2, only the first in
/// TLS 1.3, where the scheme names the curve; the caller refuses PKCS #1 1.5 schemes in TLS 1.3.
pub fn verify_handshake_signature(
    certificate_der: &[u8],
    message: &[u8],
    signature: &[u8],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Result<(), HandshakeError> {
    let frame = Frame::parse(certificate_der).map_err(|_| HandshakeError::Malformed)?;
    let mut error = HandshakeError::UnsupportedAlgorithm;
    for algorithm in algorithms
        .iter()
        .filter(|algorithm| fits(frame.spki, **algorithm))
    {
        match algorithm.verify_signature(frame.spki.key, message, signature) {
            Ok(()) => return Ok(()),
            Err(_) => error = HandshakeError::BadSignature,
        }
    }
    Err(error)
}
