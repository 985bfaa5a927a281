//! The client verifier: asks for a certificate, requires none, judges none.

use provost_pki::{HandshakeError, verify_handshake_signature};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};

/// Most certificates of a client chain that are taken in.
const MAX_CHAIN: usize = 16;

/// Accepts any client certificate whose key the client owns, of any X.509 version.
///
/// The list of acceptable issuers is empty, because a filled one makes some clients hold their
/// certificate back (iot-hub-device-api.md 1).
#[derive(Debug)]
pub struct ClientCertificates {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertificates {
    /// A verifier with the signature algorithms of `provider`.
    pub fn new(provider: &CryptoProvider) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn algorithms_of(
        &self,
        scheme: SignatureScheme,
    ) -> Result<&'static [&'static dyn SignatureVerificationAlgorithm], Error> {
        let entry = self.algorithms.mapping.iter().find(|(known, _)| *known == scheme);
        let refusal = PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme;
        entry
            .map(|(_, algorithms)| *algorithms)
            .ok_or_else(|| refusal.into())
    }
}

impl ClientCertVerifier for ClientCertificates {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if intermediates.len() >= MAX_CHAIN {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // In TLS 1.2 an ECDSA scheme names the hash only, so the curve is the certificate's.
        let algorithms = self.algorithms_of(signature.scheme)?;
        verify(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let is_pkcs1 = matches!(
            signature.scheme,
            SignatureScheme::RSA_PKCS1_SHA1
                | SignatureScheme::RSA_PKCS1_SHA256
                | SignatureScheme::RSA_PKCS1_SHA384
                | SignatureScheme::RSA_PKCS1_SHA512
        );
        if is_pkcs1 {
            // RFC 8446 4.2.3: only for signatures inside certificates.
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        let algorithms = self.algorithms_of(signature.scheme)?;
        let first = algorithms.get(..1).unwrap_or_default();
        verify(message, certificate, signature, first)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn verify(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Result<HandshakeSignatureValid, Error> {
    match verify_handshake_signature(certificate, message, signature.signature(), algorithms) {
        Ok(()) => Ok(HandshakeSignatureValid::assertion()),
        Err(HandshakeError::Malformed) => Err(CertificateError::BadEncoding.into()),
        Err(HandshakeError::UnsupportedAlgorithm) => {
            Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
        }
        Err(HandshakeError::BadSignature) => Err(CertificateError::BadSignature.into()),
    }
}
