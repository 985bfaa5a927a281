use std::fmt;

use crate::registry::{CaId, DeviceIdentifier};
use crate::{CertificateDer, CredentialPolicyName, NamespaceName, RegistryDeviceName, Timestamp, UpperHex};

/// A serial number, big-endian without leading zeros; shown as upper-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SerialNumber(Vec<u8>);

impl SerialNumber {
    /// Takes 1 to 20 bytes that are not all zero; zeros before the first other byte are dropped.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let start = bytes.iter().position(|byte| *byte != 0)?;
        let digits = bytes.get(start..)?;
        (digits.len() <= 20).then(|| Self(digits.to_vec()))
    }

    /// Reads hexadecimal digits of any case, colons between pairs are allowed.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|digit| *digit != ':').collect();
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let padded = if digits.len() % 2 == 1 {
            format!("0{digits}")
        } else {
            digits
        };
        let pair = |index: usize| padded.get(index..index + 2);
        let bytes: Option<Vec<u8>> = (0..padded.len())
            .step_by(2)
            .map(|index| u8::from_str_radix(pair(index)?, 16).ok())
            .collect();
        Self::from_bytes(&bytes?)
    }

    /// The bytes, the first not zero.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        UpperHex(&self.0).fmt(f)
    }
}

/// How far the making of a certificate came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IssuedState {
    /// It is to be signed, or was; nobody has it.
    Intended,
    /// It was signed and written down.
    Issued,
    /// It was given up: whether it was signed is not known, and nobody was given it.
    Orphaned,
}

impl IssuedState {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Issued => "issued",
            Self::Orphaned => "orphaned",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Intended, Self::Issued, Self::Orphaned]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// Why a certificate was revoked (RFC 5280 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RevocationReason {
    /// No reason is given, and the CRL says none.
    #[default]
    Unspecified,
    /// Its key is known to others.
    KeyCompromise,
    /// The key of a CA is.
    CaCompromise,
    /// Its owner is another one now.
    AffiliationChanged,
    /// Another one took its place.
    Superseded,
    /// It is no longer needed.
    CessationOfOperation,
    /// Its owner lost a right.
    PrivilegeWithdrawn,
}

impl RevocationReason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// The word of RFC 5280.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
        }
    }

    /// Reads the word, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str().eq_ignore_ascii_case(text))
    }

    /// The number of RFC 5280.
    pub fn number(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::PrivilegeWithdrawn => 9,
        }
    }
}

/// That a certificate was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: RevocationReason,
}

/// One line of a CRL to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedEntry {
    /// Which certificate of the CA.
    pub serial: SerialNumber,
    /// When and why.
    pub revocation: Revocation,
    /// When it would have expired: it leaves the CRL one CRL after that.
    pub not_after: Timestamp,
}

/// A leaf a CA of ours signed or is about to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// Its place in the store; grows.
    pub number: i64,
    /// Who signs it.
    pub ca: CaId,
    /// Unique at that CA.
    pub serial: SerialNumber,
    /// Whose device.
    pub namespace: NamespaceName,
    /// Which device.
    pub device: RegistryDeviceName,
    /// By which policy.
    pub policy: CredentialPolicyName,
    /// What it says of the device.
    pub identifier: DeviceIdentifier,
    /// How far it came.
    pub state: IssuedState,
    /// SHA-256 over the `SubjectPublicKeyInfo` of its key.
    pub key_sha256: [u8; 32],
    /// First instant of its validity.
    pub not_before: Timestamp,
    /// Last instant of its validity.
    pub not_after: Timestamp,
    /// Which part of its CA's CRL it would stand in.
    pub shard: u32,
    /// The certificate, once it was written down.
    pub certificate: Option<CertificateDer>,
    /// SHA-1 over it, as Azure shows thumbprints.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256 over it.
    pub sha256: Option<[u8; 32]>,
    /// That it was revoked.
    pub revoked: Option<Revocation>,
    /// When its row was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_read_back() {
        let serial = SerialNumber::from_bytes(&[0, 0, 0x0a, 0xff]).unwrap();
        assert_eq!(serial.to_string(), "0AFF");
        for text in ["0aff", "AFF", "0A:FF", "000aff"] {
            assert_eq!(SerialNumber::parse(text).as_ref(), Some(&serial), "{text}");
        }
        for text in ["", "0", "xyz", "é1"] {
            assert_eq!(SerialNumber::parse(text), None, "{text}");
        }
        assert_eq!(SerialNumber::from_bytes(&[1; 21]), None);
    }

    #[test]
    fn reasons_read_back() {
        for reason in RevocationReason::ALL {
            assert_eq!(RevocationReason::parse(reason.as_str()), Some(reason));
        }
    }
}
