use provost_model::Timestamp;
use provost_model::registry::SerialNumber;

use crate::encode::{self, SEQUENCE};
use crate::frame::Spki;
use crate::issue::{IssueError, KeyAlgorithm, Profile, Signer, SubjectName};
use crate::{Certificate, Sha256Thumbprint};

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
    issuer_key: &dyn Signer,
) -> Result<Certificate, IssueError> {
    ToBeSigned::under(issuance, issuer)?.signed_with(issuer_key)
}

/// Makes a certificate signed with the subject's own key.
pub fn self_signed(issuance: &Issuance<'_>, key: &dyn Signer) -> Result<Certificate, IssueError> {
    ToBeSigned::by_itself(issuance)?.signed_with(key)
}

/// A certificate before its signature: everything about it is decided, and can be written down.
pub struct ToBeSigned {
    tbs: Vec<u8>,
    serial: SerialNumber,
    signer_key_der: Vec<u8>,
    algorithm: KeyAlgorithm,
}

impl ToBeSigned {
    /// Decides a certificate that the key of `issuer` is to sign.
    ///
    /// # Errors
    /// What of the issuance cannot be written; [`IssueError::Key`] for an issuer whose key we
    /// could not sign with.
    pub fn under(issuance: &Issuance<'_>, issuer: &Certificate) -> Result<Self, IssueError> {
        let computed;
        let authority_key_id = if let Some(id) = issuer.subject_key_id() {
            id
        } else {
            computed = key_id(issuer.spki_der())?;
            &computed
        };
        let (name, key) = (issuer.subject_der(), issuer.spki_der());
        Self::new(issuance, name, key, Some(authority_key_id))
    }

    /// Decides a certificate that its own key is to sign.
    ///
    /// # Errors
    /// As [`under`](Self::under).
    pub fn by_itself(issuance: &Issuance<'_>) -> Result<Self, IssueError> {
        Self::new(issuance, issuance.subject.der(), issuance.public_key_der, None)
    }

    fn new(
        issuance: &Issuance<'_>,
        issuer_name: &[u8],
        signer_key_der: &[u8],
        authority_key_id: Option<&[u8]>,
    ) -> Result<Self, IssueError> {
        let algorithm = KeyAlgorithm::of_public_key(signer_key_der)?;
        let serial = positive(issuance.serial)?;
        let extensions = issuance
            .profile
            .extensions(&key_id(issuance.public_key_der)?, authority_key_id)?;
        let extensions = encode::tlv(SEQUENCE, &[&extensions]);
        let version = encode::tlv(encode::context(0), &[&encode::unsigned(&[2])]);
        let tbs = encode::tlv(
            SEQUENCE,
            &[
                &version,
                &encode::unsigned(serial.as_bytes()),
                &algorithm.identifier_der(),
                issuer_name,
                &validity(issuance.not_before, issuance.not_after)?,
                issuance.subject.der(),
                issuance.public_key_der,
                &encode::tlv(encode::context(3), &[&extensions]),
            ],
        );
        Ok(Self {
            tbs,
            serial,
            signer_key_der: signer_key_der.to_owned(),
            algorithm,
        })
    }

    /// The serial number the certificate will have.
    pub fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// The bytes the signature is made over.
    pub fn message(&self) -> &[u8] {
        &self.tbs
    }

    /// Signs it. The key must be the issuer's.
    ///
    /// # Errors
    /// [`IssueError::KeyMismatch`], and what the signer says.
    pub fn signed_with(&self, signer: &dyn Signer) -> Result<Certificate, IssueError> {
        self.check_signer(signer)?;
        self.with_signature(&signer.sign(&self.tbs)?)
    }

    /// Whether the key is the issuer's.
    ///
    /// # Errors
    /// [`IssueError::KeyMismatch`], and what the signer says.
    pub fn check_signer(&self, signer: &dyn Signer) -> Result<(), IssueError> {
        if signer.algorithm() != self.algorithm || signer.public_key_der()? != self.signer_key_der {
            return Err(IssueError::KeyMismatch);
        }
        Ok(())
    }

    /// The certificate with a signature over [`Self::message`] that a signer made which passed [`Self::check_signer`];
    /// the signature is not verified.
    ///
    /// # Errors
    /// [`IssueError::Encoding`].
    pub fn with_signature(&self, signature: &[u8]) -> Result<Certificate, IssueError> {
        let signature = encode::bit_string(signature);
        let der = encode::tlv(
            SEQUENCE,
            &[&self.tbs, &self.algorithm.identifier_der(), &signature],
        );
        Certificate::from_der(&der).map_err(|_| IssueError::Encoding)
    }
}

/// What is signed, the algorithm, the signature: the outer shape of certificates, CRLs and signing requests.
pub(crate) fn sealed(to_be_signed: &[u8], signer: &dyn Signer) -> Result<Vec<u8>, IssueError> {
    let signature = encode::bit_string(&signer.sign(to_be_signed)?);
    let algorithm = signer.algorithm().identifier_der();
    Ok(encode::tlv(SEQUENCE, &[to_be_signed, &algorithm, &signature]))
}

/// The key identifier of RFC 7093 method 1: the leftmost 160 bits of SHA-256 over the key bits.
pub(crate) fn key_id(spki_der: &[u8]) -> Result<Vec<u8>, IssueError> {
    let spki = Spki::parse(spki_der).map_err(|_| IssueError::PublicKey)?;
    Ok(Sha256Thumbprint::of(spki.key)
        .as_bytes()
        .iter()
        .take(20)
        .copied()
        .collect())
}

fn positive(serial: &[u8]) -> Result<SerialNumber, IssueError> {
    if serial.len() > 20 {
        return Err(IssueError::Serial);
    }
    let mut serial = serial.to_vec();
    if let Some(first) = serial.first_mut() {
        *first &= 0x7f;
    }
    SerialNumber::from_bytes(&serial).ok_or(IssueError::Serial)
}

fn validity(not_before: Timestamp, not_after: Timestamp) -> Result<Vec<u8>, IssueError> {
    if not_after < not_before {
        return Err(IssueError::Validity);
    }
    let begin = encode::time(not_before).ok_or(IssueError::Validity)?;
    let end = encode::time(not_after).ok_or(IssueError::Validity)?;
    Ok(encode::tlv(SEQUENCE, &[&begin, &end]))
}
