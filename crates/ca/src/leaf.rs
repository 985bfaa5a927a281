use provost_model::registry::{DeviceIdentifier, SerialNumber};
use provost_model::{CertificateDer, Timestamp};
use provost_pki::issue::{Issuance, Profile, Publication, SubjectName, issue};
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

/// Signs a leaf for the key and the subject of a request, and nothing else of it.
///
/// # Errors
/// [`CaError`].
pub fn sign_leaf(
    order: &LeafOrder,
    csr: &VerifiedCsr,
    issuer: &Certificate,
    signer: &CaSigner,
) -> Result<SignedLeaf, CaError> {
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
    let certificate = issue(&issuance, issuer, signer)?;
    // Its bytes alone: verifying a signature just made costs as much as making it.
    refuse_errors(&lint::certificate(&certificate))?;
    Ok(SignedLeaf {
        not_after: certificate.not_after(),
        certificate: CertificateDer(certificate.der().to_vec()),
    })
}
