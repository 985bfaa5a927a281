use provost_model::registry::{Ca, SerialNumber};
use provost_model::{CertificateDer, Timestamp};
use provost_pki::issue::{
    Issuance, Profile, Publication, Signer, SubjectName, certification_request, issue, self_signed,
};
use provost_pki::{Certificate, lint};

use crate::error::refuse_errors;
use crate::{CaError, CaSigner};

/// What a root is to say.
#[derive(Debug, Clone)]
pub struct RootOrder {
    /// Its common name, e.g. `rootca-3f…`.
    pub common_name: String,
    /// Its serial number.
    pub serial: SerialNumber,
    /// First instant of its validity.
    pub not_before: Timestamp,
    /// Last instant of its validity.
    pub not_after: Timestamp,
}

/// What an issuing CA is to say.
#[derive(Debug, Clone)]
pub struct IssuingOrder {
    /// Its common name, e.g. `ica-3f…`.
    pub common_name: String,
    /// Its serial number.
    pub serial: SerialNumber,
    /// First instant of its validity.
    pub not_before: Timestamp,
    /// Last instant of its validity; cut to the end of the root's.
    pub not_after: Timestamp,
    /// Where its root publishes.
    pub publication: Publication,
}

/// The certificate of a CA, and what to know of it.
#[derive(Debug, Clone)]
pub struct SignedCa {
    /// The certificate.
    pub certificate: CertificateDer,
    /// Its subject as shown.
    pub subject: String,
    /// First instant of its validity.
    pub not_before: Timestamp,
    /// Last instant of its validity.
    pub not_after: Timestamp,
}

impl SignedCa {
    fn of(certificate: &Certificate) -> Self {
        Self {
            certificate: CertificateDer(certificate.der().to_vec()),
            subject: certificate.subject_display(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        }
    }
}

/// Signs a namespace's root with its own key.
///
/// # Errors
/// [`CaError`].
pub fn sign_root(order: &RootOrder, signer: &CaSigner) -> Result<SignedCa, CaError> {
    let subject = SubjectName::common_name(&order.common_name)?;
    let issuance = Issuance {
        subject: &subject,
        public_key_der: &signer.public_key_der()?,
        profile: &Profile::NamespaceRoot,
        not_before: order.not_before,
        not_after: order.not_after,
        serial: order.serial.as_bytes(),
    };
    let root = self_signed(&issuance, signer)?;
    refuse_errors(&lint::certificate(&root))?;
    Ok(SignedCa::of(&root))
}

/// Signs a policy's issuing CA with the root of its namespace. It never outlives the root.
///
/// # Errors
/// [`CaError`].
pub fn sign_issuing_ca(
    order: &IssuingOrder,
    subject_key: &CaSigner,
    root: &Ca,
    root_signer: &CaSigner,
) -> Result<SignedCa, CaError> {
    let der = root.certificate.as_ref().map(|der| der.0.as_slice());
    let issuer = Certificate::from_der(der.unwrap_or_default())?;
    let subject = SubjectName::common_name(&order.common_name)?;
    let issuance = Issuance {
        subject: &subject,
        public_key_der: &subject_key.public_key_der()?,
        profile: &Profile::IssuingCa(order.publication.clone()),
        not_before: order.not_before,
        not_after: order.not_after.min(issuer.not_after()),
        serial: order.serial.as_bytes(),
    };
    let made = issue(&issuance, &issuer, root_signer)?;
    refuse_errors(&lint::issued(&made, &issuer))?;
    Ok(SignedCa::of(&made))
}

/// The signing request of an issuing CA whose root signs elsewhere, in DER: named curve, and the extensions
/// that are to be copied (certificate-management.md 2.4). `publication` is where the root publishes; empty
/// when that is a customer's to know.
///
/// # Errors
/// [`CaError`].
pub fn request_for_ca(
    common_name: &str,
    signer: &CaSigner,
    publication: Publication,
) -> Result<Vec<u8>, CaError> {
    let subject = SubjectName::common_name(common_name)?;
    let wanted = Profile::IssuingCa(publication);
    Ok(certification_request(&subject, signer, Some(&wanted))?)
}
