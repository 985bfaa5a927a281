use provost_model::{CertificateName, GroupMechanism, IndividualMechanism, KeyPair, Slots};
use serde::Serialize;

use crate::dps::CertificateInfo;
use crate::json;
use crate::keys::KeysOutput;

/// Whether an answer shows symmetric keys: PUT and `attestationmechanism` do, GET and query do not
/// (dps-service-api.md 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyVisibility {
    /// As they are.
    Shown,
    /// As empty texts.
    Hidden,
}

/// `AttestationMechanism` of an answer (dps-service-api.md 3.3): exactly the member of the type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationOutput {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    x509: Option<X509Output>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symmetric_key: Option<KeysOutput>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct X509Output {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificates: Option<CertificatesOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_certificates: Option<CertificatesOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_references: Option<ReferencesOutput>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct CertificatesOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    primary: Option<WithInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secondary: Option<WithInfo>,
}

/// Only `info`: the certificate itself is not echoed (dps-service-api.md 3.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct WithInfo {
    info: CertificateInfo,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ReferencesOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    primary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secondary: Option<String>,
}

impl AttestationOutput {
    /// The bytes to send: the answer of `attestationmechanism`.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_bytes(self)
    }

    fn x509(x509: X509Output) -> Self {
        Self {
            kind: "x509",
            x509: Some(x509),
            symmetric_key: None,
        }
    }

    fn keys(keys: &KeyPair, visibility: KeyVisibility) -> Self {
        Self {
            kind: "symmetricKey",
            x509: None,
            symmetric_key: Some(match visibility {
                KeyVisibility::Shown => KeysOutput::shown(keys),
                KeyVisibility::Hidden => KeysOutput::blank(),
            }),
        }
    }
}

/// The mechanism of an individual enrollment; `certificates` holds the facts of its client
/// certificates, slot by slot, and is ignored for other mechanisms.
pub fn individual_attestation(
    mechanism: &IndividualMechanism,
    certificates: &Slots<CertificateInfo>,
    visibility: KeyVisibility,
) -> AttestationOutput {
    match mechanism {
        IndividualMechanism::ClientCertificates(_) => AttestationOutput::x509(X509Output {
            client_certificates: Some(with_info(certificates)),
            ..X509Output::default()
        }),
        IndividualMechanism::CaReferences(names) => AttestationOutput::x509(references(names)),
        IndividualMechanism::SymmetricKey(keys) => AttestationOutput::keys(keys, visibility),
    }
}

/// The mechanism of an enrollment group; `certificates` holds the facts of its signing
/// certificates.
pub fn group_attestation(
    mechanism: &GroupMechanism,
    certificates: &Slots<CertificateInfo>,
    visibility: KeyVisibility,
) -> AttestationOutput {
    match mechanism {
        GroupMechanism::SigningCertificates(_) => AttestationOutput::x509(X509Output {
            signing_certificates: Some(with_info(certificates)),
            ..X509Output::default()
        }),
        GroupMechanism::CaReferences(names) => AttestationOutput::x509(references(names)),
        GroupMechanism::SymmetricKey(keys) => AttestationOutput::keys(keys, visibility),
    }
}

fn with_info(certificates: &Slots<CertificateInfo>) -> CertificatesOutput {
    let output = |info: &Option<CertificateInfo>| info.clone().map(|info| WithInfo { info });
    CertificatesOutput {
        primary: output(&certificates.primary),
        secondary: output(&certificates.secondary),
    }
}

fn references(names: &Slots<CertificateName>) -> X509Output {
    let output = |name: &Option<CertificateName>| name.as_ref().map(CertificateName::to_string);
    X509Output {
        ca_references: Some(ReferencesOutput {
            primary: output(&names.primary),
            secondary: output(&names.secondary),
        }),
        ..X509Output::default()
    }
}
