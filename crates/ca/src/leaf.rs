use provost_model::registry::{DeviceIdentifier, SerialNumber};
use provost_model::{CertificateDer, Timestamp};
use provost_pki::issue::{Issuance, Profile, Publication, SubjectName, ToBeSigned};
use provost_pki::{Certificate, IdentifierStyle, VerifiedCsr, lint};

use crate::error::refuse_errors;
use crate::{CaError, CaSigner};

/// What a leaf is to say: all of it decided, so that it can be written down before it is signed.
#[derive(Debug, Clone)]
pub struct LeafOrder {
    /// Its serial number.
    pub serial: SerialNumber,
    /// What it says of its device.
    pub identifier: DeviceIdentifier,
    /// How it says it.
    pub style: IdentifierStyle,
    /// First instant of its validity.
    pub not_before: Timestamp,
    /// Last instant of its validity, not after its issuer's.
    pub not_after: Timestamp,
    /// Where its issuer publishes.
    pub publication: Publication,
}

/// A leaf that was signed.
#[derive(Debug, Clone)]
pub struct SignedLeaf {
    /// The certificate.
    pub certificate: CertificateDer,
    /// When it expires, to the second.
    pub not_after: Timestamp,
}

/// A leaf before its signature.
pub struct LeafToSign(ToBeSigned);

impl LeafToSign {
    /// Puts together a leaf for the key and the common name of a request, and nothing else of it.
    ///
    /// # Errors
    /// [`CaError::Issue`].
    pub fn new(order: &LeafOrder, csr: &VerifiedCsr, issuer: &Certificate) -> Result<Self, CaError> {
        // The common name alone, written anew: whatever else the subject of the request says was not proven.
        let subject = SubjectName::common_name(csr.common_name())?;
        let profile = Profile::Device {
            identifier: order.identifier,
            style: order.style,
            publication: order.publication.clone(),
        };
        let issuance = Issuance {
            subject: &subject,
            public_key_der: csr.spki_der(),
            profile: &profile,
            not_before: order.not_before,
            not_after: order.not_after,
            serial: order.serial.as_bytes(),
        };
        Ok(Self(ToBeSigned::under(&issuance, issuer)?))
    }

    /// Has it signed and waits, on a thread that may block.
    ///
    /// # Errors
    /// [`CaError`].
    pub fn sign(&self, signer: &CaSigner) -> Result<SignedLeaf, CaError> {
        checked(&self.0.signed_with(signer)?)
    }

    /// Has it signed without a thread that waits; `None` where it has to be [`Self::sign`].
    ///
    /// # Errors
    /// [`CaError`].
    pub async fn sign_elsewhere(&self, signer: &CaSigner) -> Option<Result<SignedLeaf, CaError>> {
        if let Err(error) = self.0.check_signer(signer) {
            return Some(Err(error.into()));
        }
        let signature = signer.begin(self.0.message())?.await;
        Some(
            signature
                .and_then(|signature| self.0.with_signature(&signature))
                .map_err(CaError::from)
                .and_then(|certificate| checked(&certificate)),
        )
    }
}

/// Its bytes alone: verifying a signature just made costs as much as making it.
fn checked(certificate: &Certificate) -> Result<SignedLeaf, CaError> {
    refuse_errors(&lint::certificate(certificate))?;
    Ok(SignedLeaf {
        not_after: certificate.not_after(),
        certificate: CertificateDer(certificate.der().to_vec()),
    })
}
