use std::time::Duration;

use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, UintRef, UtcTime};
use der::{DateTime, Decode, Encode, Sequence, Tag};
use provost_model::{ErrorKind, Timestamp};
use x509_cert::ext::Extension;
use x509_cert::time::Time;

use crate::frame::Spki;
use crate::issue::{KeyPair, Profile, SubjectName};
use crate::{Certificate, Sha256Thumbprint};

/// Why a certificate was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The subject is not a name that can be written.
    #[error("subject is not a valid name")]
    Subject,
    /// The private key cannot be read, made or used.
    #[error("private key cannot be used")]
    Key,
    /// The public key is not a `SubjectPublicKeyInfo`.
    #[error("public key cannot be read")]
    PublicKey,
    /// The issuer's certificate is for another key than the one given.
    #[error("issuer certificate and issuer key do not belong together")]
    KeyMismatch,
    /// The serial number is empty, zero or over 20 bytes.
    #[error("serial number must be 1 to 20 bytes and not zero")]
    Serial,
    /// The dates are reversed, before 1970 or after 9999.
    #[error("validity cannot be written")]
    Validity,
    /// An alternative name is not ASCII.
    #[error("certificate cannot be encoded")]
    Encoding,
}

impl IssueError {
    /// The kind every protocol maps.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

/// What a certificate is to say, whoever signs it.
#[derive(Debug, Clone)]
pub struct Issuance<'a> {
    /// The subject.
    pub subject: &'a SubjectName,
    /// The subject's `SubjectPublicKeyInfo` DER.
    pub public_key_der: &'a [u8],
    /// What it is for.
    pub profile: &'a Profile,
    /// First instant of validity, cut to the second.
    pub not_before: Timestamp,
    /// Last instant of validity, cut to the second.
    pub not_after: Timestamp,
    /// 1 to 20 random bytes, 16 or more for anything that leaves the house; the top bit is
    /// cleared to keep the number positive.
    pub serial: &'a [u8],
}

/// Makes a certificate signed by `issuer_key`, whose certificate is `issuer`.
pub fn issue(
    issuance: &Issuance<'_>,
    issuer: &Certificate,
    issuer_key: &KeyPair,
) -> Result<Certificate, IssueError> {
    if issuer_key.public_key_der()? != issuer.spki_der() {
        return Err(IssueError::KeyMismatch);
    }
    let computed;
    let authority_key_id = if let Some(id) = issuer.subject_key_id() {
        id
    } else {
        computed = key_id(issuer.spki_der())?;
        &computed
    };
    build(issuance, issuer.subject_der(), Some(authority_key_id), issuer_key)
}

/// Makes a certificate signed with the subject's own key.
pub fn self_signed(issuance: &Issuance<'_>, key: &KeyPair) -> Result<Certificate, IssueError> {
    if key.public_key_der()? != issuance.public_key_der {
        return Err(IssueError::KeyMismatch);
    }
    build(issuance, issuance.subject.der(), None, key)
}

/// `TBSCertificate` of version 3, names and key as raw DER (RFC 5280 4.1).
#[derive(Sequence)]
struct Tbs<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: u8,
    serial: UintRef<'a>,
    signature: AnyRef<'a>,
    issuer: AnyRef<'a>,
    validity: Validity,
    subject: AnyRef<'a>,
    public_key: AnyRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

#[derive(Sequence)]
struct Validity {
    not_before: Time,
    not_after: Time,
}

#[derive(Sequence)]
struct Signed<'a> {
    tbs: AnyRef<'a>,
    algorithm: AnyRef<'a>,
    signature: BitStringRef<'a>,
}

fn build(
    issuance: &Issuance<'_>,
    issuer_der: &[u8],
    authority_key_id: Option<&[u8]>,
    signer: &KeyPair,
) -> Result<Certificate, IssueError> {
    let subject_key_id = key_id(issuance.public_key_der)?;
    let extensions = issuance
        .profile
        .extensions(&subject_key_id, authority_key_id)
        .map_err(|_| IssueError::Encoding)?;
    if issuance.not_after < issuance.not_before {
        return Err(IssueError::Validity);
    }
    let validity = Validity {
        not_before: time(issuance.not_before)?,
        not_after: time(issuance.not_after)?,
    };
    let serial = positive(issuance.serial)?;
    let algorithm_id = signer.signature_algorithm();
    let encode = || -> der::Result<_> {
        let algorithm = AnyRef::new(Tag::Sequence, algorithm_id.as_ref())?;
        let tbs = Tbs {
            version: 2,
            serial: UintRef::new(&serial)?,
            signature: algorithm,
            issuer: AnyRef::from_der(issuer_der)?,
            validity,
            subject: AnyRef::from_der(issuance.subject.der())?,
            public_key: AnyRef::from_der(issuance.public_key_der)?,
            extensions,
        };
        Ok((tbs.to_der()?, algorithm))
    };
    let (tbs, algorithm) = encode().map_err(|_| IssueError::Encoding)?;
    let signature = signer.sign(&tbs)?;
    let assemble = || -> der::Result<_> {
        let signature = BitStringRef::from_bytes(&signature)?;
        Signed {
            tbs: AnyRef::from_der(&tbs)?,
            algorithm,
            signature,
        }
        .to_der()
    };
    let der = assemble().map_err(|_| IssueError::Encoding)?;
    Certificate::from_der(&der).map_err(|_| IssueError::Encoding)
}

/// The key identifier of RFC 7093 method 1: the leftmost 160 bits of SHA-256 over the key bits.
fn key_id(spki_der: &[u8]) -> Result<Vec<u8>, IssueError> {
    let spki = Spki::parse(spki_der).map_err(|_| IssueError::PublicKey)?;
    Ok(Sha256Thumbprint::of(spki.key)
        .as_bytes()
        .iter()
        .take(20)
        .copied()
        .collect())
}

fn positive(serial: &[u8]) -> Result<Vec<u8>, IssueError> {
    let mut serial = serial.to_vec();
    if let Some(first) = serial.first_mut() {
        *first &= 0x7f;
    }
    let is_zero = serial.iter().all(|byte| *byte == 0);
    if is_zero || serial.len() > 20 {
        Err(IssueError::Serial)
    } else {
        Ok(serial)
    }
}

/// `UTCTime` to 2049, `GeneralizedTime` after (RFC 5280 4.1.2.5).
fn time(at: Timestamp) -> Result<Time, IssueError> {
    let seconds = u64::try_from(at.unix_seconds()).map_err(|_| IssueError::Validity)?;
    let date =
        DateTime::from_unix_duration(Duration::from_secs(seconds)).map_err(|_| IssueError::Validity)?;
    Ok(match UtcTime::from_date_time(date) {
        Ok(utc) => Time::UtcTime(utc),
        Err(_) => Time::GeneralTime(GeneralizedTime::from_date_time(date)),
    })
}
