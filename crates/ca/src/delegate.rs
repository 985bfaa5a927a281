use provost_model::registry::SerialNumber;
use provost_model::{CertificateDer, Timestamp};
use provost_pki::issue::{Issuance, Profile, Signer, SubjectName, issue};
use provost_pki::{Certificate, lint};

use crate::error::refuse_errors;
use crate::{CaError, CaSigner};

/// What the certificate of a delegated OCSP responder is to say.
#[derive(Debug, Clone)]
pub(crate) struct DelegateOrder {
    /// Its common name, e.g. `ocsp-3f…`.
    pub(crate) common_name: String,
    /// Its serial number.
    pub(crate) serial: SerialNumber,
    /// First instant of its validity.
    pub(crate) not_before: Timestamp,
    /// Last instant of its validity; cut to the end of the CA's.
    pub(crate) not_after: Timestamp,
}

/// Signs the certificate of a delegated OCSP responder (RFC 6960 4.2.2.2) with the key of the CA it answers
/// for.
pub(crate) fn sign_delegate(
    order: &DelegateOrder,
    subject_key: &CaSigner,
    issuer: &Certificate,
    issuer_key: &CaSigner,
) -> Result<CertificateDer, CaError> {
    let subject = SubjectName::common_name(&order.common_name)?;
    let issuance = Issuance {
        subject: &subject,
        public_key_der: &subject_key.public_key_der()?,
        profile: &Profile::OcspResponder,
        not_before: order.not_before,
        not_after: order.not_after.min(issuer.not_after()),
        serial: order.serial.as_bytes(),
    };
    let made = issue(&issuance, issuer, issuer_key)?;
    refuse_errors(&lint::issued(&made, issuer))?;
    Ok(CertificateDer(made.der().to_vec()))
}
