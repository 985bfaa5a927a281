//! Attestation mechanisms as clients write them: the rules that keep what a GET hid
//! (dps-service-api.md 2.3, 2.8, 3.3, 3.11).

use provost_attestation::x509::has_thumbprint;
use provost_model::{
    CertificateDer, CertificateName, GroupMechanism, IndividualMechanism, KeyPair, Random, Slots,
    SymmetricKey,
};
use provost_pki::Certificate;
use provost_store::{AnchorIndex, CertificateIndex, Slot};
use provost_wire::dps::CertificateInfo;
use provost_wire::dps::service::{AttestationInput, CertificateInput, X509Input};
use provost_wire::keys::KeysInput;

use crate::ProvisioningError;

/// The text clients know for an attestation that is not there.
const REQUIRED: &str = "TPM or X509 attestation is required.";

/// The mechanism of an individual enrollment after a write.
pub(crate) fn individual(
    input: &AttestationInput,
    stored: Option<&IndividualMechanism>,
    random: &dyn Random,
) -> Result<IndividualMechanism, ProvisioningError> {
    match input {
        AttestationInput::SymmetricKey(keys) => {
            let stored = match stored {
                Some(IndividualMechanism::SymmetricKey(pair)) => Some(pair),
                _ => None,
            };
            Ok(IndividualMechanism::SymmetricKey(merged_keys(
                keys, stored, random,
            )))
        }
        AttestationInput::X509(x509) => match kind(x509)? {
            X509Kind::Client(slots) => {
                let stored = match stored {
                    Some(IndividualMechanism::ClientCertificates(slots)) => Some(slots),
                    _ => None,
                };
                merged_certificates(slots, stored).map(IndividualMechanism::ClientCertificates)
            }
            X509Kind::References(names) => Ok(IndividualMechanism::CaReferences(names.clone())),
            X509Kind::Signing(_) => Err(ProvisioningError::invalid(
                "`signingCertificates` are for enrollment groups; an enrollment takes `clientCertificates`",
            )),
        },
        AttestationInput::Absent => Err(ProvisioningError::invalid(REQUIRED)),
        AttestationInput::Tpm => Err(no_tpm()),
    }
}

/// The mechanism of an enrollment group after a write.
pub(crate) fn group(
    input: &AttestationInput,
    stored: Option<&GroupMechanism>,
    random: &dyn Random,
) -> Result<GroupMechanism, ProvisioningError> {
    match input {
        AttestationInput::SymmetricKey(keys) => {
            let stored = match stored {
                Some(GroupMechanism::SymmetricKey(pair)) => Some(pair),
                _ => None,
            };
            Ok(GroupMechanism::SymmetricKey(merged_keys(keys, stored, random)))
        }
        AttestationInput::X509(x509) => match kind(x509)? {
            X509Kind::Signing(slots) => {
                let stored = match stored {
                    Some(GroupMechanism::SigningCertificates(slots)) => Some(slots),
                    _ => None,
                };
                merged_certificates(slots, stored).map(GroupMechanism::SigningCertificates)
            }
            X509Kind::References(names) => Ok(GroupMechanism::CaReferences(names.clone())),
            X509Kind::Client(_) => Err(ProvisioningError::invalid(
                "`clientCertificates` are for individual enrollments; a group takes `signingCertificates`",
            )),
        },
        AttestationInput::Absent => Err(ProvisioningError::invalid(REQUIRED)),
        AttestationInput::Tpm => Err(ProvisioningError::invalid(
            "TPM attestation is for individual enrollments",
        )),
    }
}

fn no_tpm() -> ProvisioningError {
    ProvisioningError::invalid("TPM attestation is not supported by this service")
}

/// The one kind of X.509 attestation that was given.
enum X509Kind<'a> {
    Client(&'a Slots<CertificateInput>),
    Signing(&'a Slots<CertificateInput>),
    References(&'a Slots<CertificateName>),
}

fn kind(x509: &X509Input) -> Result<X509Kind<'_>, ProvisioningError> {
    let client = filled(x509.client_certificates.as_ref()).map(X509Kind::Client);
    let signing = filled(x509.signing_certificates.as_ref()).map(X509Kind::Signing);
    let references = filled(x509.ca_references.as_ref()).map(X509Kind::References);
    let mut given = [client, signing, references].into_iter().flatten();
    match (given.next(), given.next()) {
        (None, _) => Err(ProvisioningError::invalid(REQUIRED)),
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(ProvisioningError::invalid(
            "`x509` takes one of `clientCertificates`, `signingCertificates` and `caReferences`",
        )),
    }
}

fn filled<T>(slots: Option<&Slots<T>>) -> Option<&Slots<T>> {
    slots.filter(|slots| !slots.is_empty())
}

/// A key that is missing or blank is kept, or made when there was none.
fn merged_keys(input: &KeysInput, stored: Option<&KeyPair>, random: &dyn Random) -> KeyPair {
    let key = |given: Option<&SymmetricKey>, stored: Option<&SymmetricKey>| {
        given
            .or(stored)
            .cloned()
            .unwrap_or_else(|| SymmetricKey::generate(random))
    };
    KeyPair {
        primary: key(input.primary.given(), stored.map(|pair| &pair.primary)),
        secondary: key(input.secondary.given(), stored.map(|pair| &pair.secondary)),
    }
}

fn merged_certificates(
    input: &Slots<CertificateInput>,
    stored: Option<&Slots<CertificateDer>>,
) -> Result<Slots<CertificateDer>, ProvisioningError> {
    let slot = |input: Option<&CertificateInput>, name: &'static str| {
        input
            .map(|input| merged_certificate(input, stored, name))
            .transpose()
    };
    Ok(Slots {
        primary: slot(input.primary.as_ref(), "primary")?,
        secondary: slot(input.secondary.as_ref(), "secondary")?,
    })
}

/// A new certificate replaces; the facts of a stored one, in whichever slot, keep that one.
fn merged_certificate(
    input: &CertificateInput,
    stored: Option<&Slots<CertificateDer>>,
    member: &'static str,
) -> Result<CertificateDer, ProvisioningError> {
    match input {
        CertificateInput::Text(text) => {
            let uploaded = Certificate::from_text(text)
                .map_err(|error| ProvisioningError::Certificate { member, error })?;
            if uploaded.count > 1 {
                tracing::warn!(
                    member,
                    count = uploaded.count,
                    "only the first certificate of the text is used"
                );
            }
            Ok(CertificateDer(uploaded.certificate.der().to_vec()))
        }
        CertificateInput::Known { sha1, sha256 } => {
            let thumbprint = sha256.as_deref().or(sha1.as_deref()).unwrap_or_default();
            let kept = stored.and_then(|slots| slots.iter().find(|der| is_known(der, thumbprint)));
            kept.cloned().ok_or_else(|| {
                ProvisioningError::invalid(format!(
                    "`{member}` has no certificate, and none with the thumbprint of its info is stored"
                ))
            })
        }
        CertificateInput::Neither => Err(ProvisioningError::invalid(format!(
            "`{member}` needs a certificate"
        ))),
    }
}

fn is_known(der: &CertificateDer, thumbprint: &str) -> bool {
    Certificate::from_der(&der.0).is_ok_and(|certificate| has_thumbprint(&certificate, thumbprint))
}

/// What the store finds an individual enrollment by.
pub(crate) fn individual_anchors(mechanism: &IndividualMechanism) -> Vec<(Slot, AnchorIndex)> {
    match mechanism {
        IndividualMechanism::ClientCertificates(slots) => certificate_anchors(slots),
        IndividualMechanism::CaReferences(names) => reference_anchors(names),
        IndividualMechanism::SymmetricKey(_) => Vec::new(),
    }
}

/// What the store finds a group by.
pub(crate) fn group_anchors(mechanism: &GroupMechanism) -> Vec<(Slot, AnchorIndex)> {
    match mechanism {
        GroupMechanism::SigningCertificates(slots) => certificate_anchors(slots),
        GroupMechanism::CaReferences(names) => reference_anchors(names),
        GroupMechanism::SymmetricKey(_) => Vec::new(),
    }
}

fn certificate_anchors(slots: &Slots<CertificateDer>) -> Vec<(Slot, AnchorIndex)> {
    let index = |der: &CertificateDer| {
        let certificate = Certificate::from_der(&der.0).ok()?;
        Some(AnchorIndex::Certificate(CertificateIndex::of(&certificate)))
    };
    anchors(slots, index)
}

fn reference_anchors(names: &Slots<CertificateName>) -> Vec<(Slot, AnchorIndex)> {
    anchors(names, |name| Some(AnchorIndex::Reference(name.clone())))
}

fn anchors<T>(slots: &Slots<T>, index: impl Fn(&T) -> Option<AnchorIndex>) -> Vec<(Slot, AnchorIndex)> {
    let primary = slots.primary.as_ref().and_then(&index);
    let secondary = slots.secondary.as_ref().and_then(&index);
    let primary = primary.map(|index| (Slot::Primary, index));
    let secondary = secondary.map(|index| (Slot::Secondary, index));
    primary.into_iter().chain(secondary).collect()
}

/// The facts answers show of the certificates stored in an entry, slot by slot.
pub(crate) fn shown_certificates(slots: Option<&Slots<CertificateDer>>) -> Slots<CertificateInfo> {
    let shown = |der: Option<&CertificateDer>| {
        let certificate = Certificate::from_der(&der?.0).ok()?;
        Some(shown_certificate(&certificate))
    };
    Slots {
        primary: shown(slots.and_then(|slots| slots.primary.as_ref())),
        secondary: shown(slots.and_then(|slots| slots.secondary.as_ref())),
    }
}

pub(crate) fn shown_certificate(certificate: &Certificate) -> CertificateInfo {
    CertificateInfo {
        subject_name: certificate.subject_display(),
        sha1_thumbprint: certificate.sha1_thumbprint().to_string(),
        sha256_thumbprint: certificate.sha256_thumbprint().to_string(),
        issuer_name: certificate.issuer_display(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        serial_number: certificate.serial_hex(),
        version: u32::from(certificate.version()),
    }
}

#[cfg(test)]
mod tests;
