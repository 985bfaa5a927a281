use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use const_oid::ObjectIdentifier;
use provost_model::{Timestamp, UpperHex};

use crate::extensions::{Extensions, RawExtension, raw_extensions};
use crate::frame::{Frame, Spki};
use crate::{CertificateError, ChainError, PublicKeyInfo, Sha1Thumbprint, Sha256Thumbprint, name};

/// The largest certificate read, in bytes of DER.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;

/// A parsed X.509 certificate of version 1 to 3.
///
/// Parsed is not verified: nothing here says that a signature is right or that anybody trusts
/// it. Keeps the sender's DER; a clone shares it. Two are equal when their DER is.
#[derive(Clone)]
pub struct Certificate(Arc<Parsed>);

struct Parsed {
    der: Box<[u8]>,
    sha256: Sha256Thumbprint,
    parts: Parts,
    common_name: Option<String>,
    not_before: Timestamp,
    not_after: Timestamp,
    version: u8,
    key: PublicKeyInfo,
    extensions: Extensions,
}

/// Where the raw parts lie in the DER.
struct Parts {
    tbs: Range<usize>,
    serial: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
    spki: Range<usize>,
    key_algorithm: Range<usize>,
    key: Range<usize>,
    extensions: Option<Range<usize>>,
    signature_algorithm: Range<usize>,
    signature: Range<usize>,
}

impl Certificate {
    /// Reads one DER certificate of at most [`MAX_CERTIFICATE_BYTES`], nothing after it.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`] and [`CertificateError::TooLarge`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE_BYTES {
            return Err(CertificateError::TooLarge {
                limit: MAX_CERTIFICATE_BYTES,
            });
        }
        let frame = Frame::parse(der)?;
        name::check(frame.issuer).map_err(|_| CertificateError::malformed("issuer name"))?;
        let common_name =
            name::common_name(frame.subject).map_err(|_| CertificateError::malformed("subject name"))?;
        Ok(Self(Arc::new(Parsed {
            der: der.into(),
            sha256: Sha256Thumbprint::of(der),
            parts: Parts::of(der, &frame),
            common_name,
            not_before: frame.not_before,
            not_after: frame.not_after,
            version: frame.version,
            key: PublicKeyInfo::of(frame.spki),
            extensions: Extensions::parse(frame.extensions)?,
        })))
    }

    /// The bytes as received.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The most specific common name of the subject.
    pub fn common_name(&self) -> Option<&str> {
        self.0.common_name.as_deref()
    }

    /// The subject for people: `CN=device-7, O=Contoso`, most specific first.
    pub fn subject_display(&self) -> String {
        name::display(self.subject_der())
    }

    /// The issuer for people.
    pub fn issuer_display(&self) -> String {
        name::display(self.issuer_der())
    }

    /// The subject Name's DER.
    pub fn subject_der(&self) -> &[u8] {
        self.part(&self.0.parts.subject)
    }

    /// The issuer Name's DER.
    pub fn issuer_der(&self) -> &[u8] {
        self.part(&self.0.parts.issuer)
    }

    /// SHA-256 over [`subject_der`](Self::subject_der): what issuers are looked up by.
    pub fn subject_hash(&self) -> [u8; 32] {
        sha256(self.subject_der())
    }

    /// SHA-256 over [`issuer_der`](Self::issuer_der).
    pub fn issuer_hash(&self) -> [u8; 32] {
        sha256(self.issuer_der())
    }

    /// First instant of validity, whole seconds.
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// Last second of validity, itself included (RFC 5280 4.1.2.5).
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Judges the dates alone.
    ///
    /// # Errors
    /// [`ChainError::NotYetValid`] and [`ChainError::Expired`].
    pub fn check_validity(&self, at: Timestamp) -> Result<(), ChainError> {
        let (not_before, not_after) = (self.0.not_before, self.0.not_after);
        // Both bounds are whole seconds and included (RFC 5280 4.1.2.5).
        if at.unix_seconds() < not_before.unix_seconds() {
            return Err(ChainError::NotYetValid {
                certificate: self.clone(),
                at,
                bound: not_before,
            });
        }
        if at.unix_seconds() > not_after.unix_seconds() {
            return Err(ChainError::Expired {
                certificate: self.clone(),
                at,
                bound: not_after,
            });
        }
        Ok(())
    }

    /// The serial number in upper-case hex, two digits a byte, no leading zero byte.
    pub fn serial_hex(&self) -> String {
        let serial = match self.part(&self.0.parts.serial) {
            [0, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        UpperHex(serial).to_string()
    }

    /// X.509 version: 1, 2 or 3.
    pub fn version(&self) -> u8 {
        self.0.version
    }

    /// SHA-1 over the DER, computed at each call.
    pub fn sha1_thumbprint(&self) -> Sha1Thumbprint {
        Sha1Thumbprint::of(self.der())
    }

    /// SHA-256 over the DER, computed once.
    pub fn sha256_thumbprint(&self) -> Sha256Thumbprint {
        self.0.sha256
    }

    /// Subject and issuer are the same name; says nothing about who signed.
    pub fn is_self_issued(&self) -> bool {
        self.subject_der() == self.issuer_der()
    }

    /// Whether basic constraints say CA. `None` when there are none (RFC 5280 4.2.1.9).
    pub fn basic_constraints_ca(&self) -> Option<bool> {
        self.0
            .extensions
            .basic_constraints
            .map(|constraints| constraints.ca)
    }

    /// Basic constraints are there and say CA.
    pub fn is_ca(&self) -> bool {
        self.basic_constraints_ca() == Some(true)
    }

    /// How many CA certificates that are not self-issued may stand between this one and a leaf.
    pub fn path_len(&self) -> Option<u8> {
        self.0
            .extensions
            .basic_constraints
            .and_then(|constraints| constraints.path_len)
    }

    /// The subject key identifier.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.subject_key_id.as_deref()
    }

    /// The key identifier of the issuer, when the certificate names one.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.authority_key_id.as_deref()
    }

    /// Kind and size of the public key.
    pub fn public_key(&self) -> PublicKeyInfo {
        self.0.key
    }

    /// The `SubjectPublicKeyInfo`'s DER.
    pub fn spki_der(&self) -> &[u8] {
        self.part(&self.0.parts.spki)
    }

    /// The value of an extension by object identifier.
    pub fn extension(&self, oid: ObjectIdentifier) -> Option<&[u8]> {
        let der = self.part(self.0.parts.extensions.as_ref()?);
        let extensions = raw_extensions(der).ok()?;
        extensions
            .into_iter()
            .find(|raw| raw.oid == oid)
            .map(|raw| raw.value)
    }

    /// The object identifiers of its extensions in their order, dotted; critical ones end with `!`.
    pub fn extension_names(&self) -> Vec<String> {
        let name = |raw: &RawExtension<'_>| format!("{}{}", raw.oid, if raw.critical { "!" } else { "" });
        self.raw_extensions().iter().map(name).collect()
    }

    /// Every extension as it stands.
    pub(crate) fn raw_extensions(&self) -> Vec<RawExtension<'_>> {
        let der = self.0.parts.extensions.as_ref().map(|range| self.part(range));
        // They were read once already.
        der.map_or(Ok(Vec::new()), raw_extensions).unwrap_or_default()
    }

    /// Content of the serial INTEGER.
    pub(crate) fn serial(&self) -> &[u8] {
        self.part(&self.0.parts.serial)
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    pub(crate) fn tbs(&self) -> &[u8] {
        self.part(&self.0.parts.tbs)
    }

    pub(crate) fn signature_algorithm(&self) -> &[u8] {
        self.part(&self.0.parts.signature_algorithm)
    }

    pub(crate) fn signature(&self) -> &[u8] {
        self.part(&self.0.parts.signature)
    }

    pub(crate) fn spki(&self) -> Spki<'_> {
        Spki {
            der: self.spki_der(),
            algorithm: self.part(&self.0.parts.key_algorithm),
            key: self.part(&self.0.parts.key),
        }
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        // The ranges were cut from these very bytes.
        self.0.der.get(range.clone()).unwrap_or_default()
    }
}

impl Parts {
    fn of(der: &[u8], frame: &Frame<'_>) -> Self {
        let range = |part: &[u8]| {
            let start = part.as_ptr().addr().saturating_sub(der.as_ptr().addr());
            start..start + part.len()
        };
        Self {
            tbs: range(frame.tbs),
            serial: range(frame.serial),
            issuer: range(frame.issuer),
            subject: range(frame.subject),
            spki: range(frame.spki.der),
            key_algorithm: range(frame.spki.algorithm),
            key: range(frame.spki.key),
            extensions: frame.extensions.map(range),
            signature_algorithm: range(frame.signature_algorithm),
            signature: range(frame.signature),
        }
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.sha256 == other.0.sha256
    }
}

impl Eq for Certificate {}

impl Hash for Certificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.sha256.hash(state);
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, {})", self.subject_display(), self.0.sha256)
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    *Sha256Thumbprint::of(bytes).as_bytes()
}
