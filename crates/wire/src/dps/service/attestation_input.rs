use provost_model::{CertificateName, Slots};

use crate::json::{BodyError, Members};
use crate::keys::KeysInput;

/// `attestation` of a request (dps-service-api.md 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AttestationInput {
    /// Not there, null, or of type `none`. Legal in bulk deletes only.
    #[default]
    Absent,
    /// `tpm`.
    Tpm,
    /// `x509`.
    X509(Box<X509Input>),
    /// `symmetricKey`.
    SymmetricKey(KeysInput),
}

/// `x509` of a request: which of the three kinds were given. Exactly one makes sense, and not every
/// one for either kind of entry; that is judged by the service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct X509Input {
    /// `clientCertificates`.
    pub client_certificates: Option<Slots<CertificateInput>>,
    /// `signingCertificates`.
    pub signing_certificates: Option<Slots<CertificateInput>>,
    /// `caReferences`.
    pub ca_references: Option<Slots<CertificateName>>,
}

/// One `X509CertificateWithInfo` of a request; a slot that is missing or null is an empty slot, and
/// removes what was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateInput {
    /// `certificate`: PEM text, base64 of DER or base64 of PEM, as sent. Never empty.
    Text(String),
    /// Only `info`: the certificate stored under one of these thumbprints is kept. Upper-case
    /// hexadecimal.
    Known {
        /// 40 digits.
        sha1: Option<String>,
        /// 64 digits.
        sha256: Option<String>,
    },
    /// Neither: refused.
    Neither,
}

impl AttestationInput {
    /// Reads the member `attestation`.
    pub(super) fn read(entry: &Members<'_>) -> Result<Self, BodyError> {
        let Some(attestation) = entry.object("attestation")? else {
            return Ok(Self::Absent);
        };
        let kinds = [
            ("none", Kind::None),
            ("tpm", Kind::Tpm),
            ("x509", Kind::X509),
            ("symmetricKey", Kind::SymmetricKey),
        ];
        match attestation.word("type", &kinds)? {
            None => Err(attestation.shape("type", "is required")),
            Some(Kind::None) => Ok(Self::Absent),
            Some(Kind::Tpm) => Ok(Self::Tpm),
            Some(Kind::X509) => Ok(Self::X509(Box::new(match attestation.object("x509")? {
                Some(x509) => X509Input::read(&x509)?,
                None => X509Input::default(),
            }))),
            Some(Kind::SymmetricKey) => Ok(Self::SymmetricKey(match attestation.object("symmetricKey")? {
                Some(keys) => KeysInput::read(&keys)?,
                None => KeysInput::default(),
            })),
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    None,
    Tpm,
    X509,
    SymmetricKey,
}

impl X509Input {
    fn read(x509: &Members<'_>) -> Result<Self, BodyError> {
        Ok(Self {
            client_certificates: certificates(x509, "clientCertificates")?,
            signing_certificates: certificates(x509, "signingCertificates")?,
            ca_references: references(x509)?,
        })
    }
}

fn certificates(x509: &Members<'_>, name: &str) -> Result<Option<Slots<CertificateInput>>, BodyError> {
    let Some(slots) = x509.object(name)? else {
        return Ok(None);
    };
    let read = |slot: &str| -> Result<Option<CertificateInput>, BodyError> {
        slots
            .object(slot)?
            .map(|with_info| CertificateInput::read(&with_info))
            .transpose()
    };
    Ok(Some(Slots {
        primary: read("primary")?,
        secondary: read("secondary")?,
    }))
}

fn references(x509: &Members<'_>) -> Result<Option<Slots<CertificateName>>, BodyError> {
    let Some(names) = x509.object("caReferences")? else {
        return Ok(None);
    };
    Ok(Some(Slots {
        primary: names.parsed("primary", CertificateName::parse)?,
        secondary: names.parsed("secondary", CertificateName::parse)?,
    }))
}

impl CertificateInput {
    fn read(with_info: &Members<'_>) -> Result<Self, BodyError> {
        if let Some(text) = with_info
            .text("certificate")?
            .filter(|text| !text.trim().is_empty())
        {
            return Ok(Self::Text(text.to_owned()));
        }
        let Some(info) = with_info.object("info")? else {
            return Ok(Self::Neither);
        };
        let thumbprint = |name: &str| -> Result<Option<String>, BodyError> {
            Ok(info
                .text(name)?
                .filter(|text| !text.is_empty())
                .map(str::to_ascii_uppercase))
        };
        let (sha1, sha256) = (thumbprint("sha1Thumbprint")?, thumbprint("sha256Thumbprint")?);
        Ok(if sha1.is_none() && sha256.is_none() {
            Self::Neither
        } else {
            Self::Known { sha1, sha256 }
        })
    }
}
