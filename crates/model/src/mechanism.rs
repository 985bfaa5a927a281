use crate::{CertificateName, SymmetricKey};

/// The DER bytes of one X.509 certificate, not yet looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateDer(pub Vec<u8>);

/// A primary and a secondary place for a credential, so that one can be rolled while the other
/// lives. Either may be empty; an entry with both empty admits nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots<T> {
    /// The primary place.
    pub primary: Option<T>,
    /// The secondary place.
    pub secondary: Option<T>,
}

impl<T> Slots<T> {
    /// The filled places, primary first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.primary.iter().chain(self.secondary.iter())
    }

    /// Whether both places are empty.
    pub fn is_empty(&self) -> bool {
        self.primary.is_none() && self.secondary.is_none()
    }
}

/// Two symmetric keys; either proves the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The primary key.
    pub primary: SymmetricKey,
    /// The secondary key.
    pub secondary: SymmetricKey,
}

/// How a device with its own enrollment proves itself (dps-service-api.md 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndividualMechanism {
    /// The leaf is one of these certificates.
    ClientCertificates(Slots<CertificateDer>),
    /// The leaf chains to one of these CA certificates of the instance.
    CaReferences(Slots<CertificateName>),
    /// The device signs its SAS token with one of these keys.
    SymmetricKey(KeyPair),
}

/// How the devices of a group prove themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupMechanism {
    /// The chain passes through one of these certificates.
    SigningCertificates(Slots<CertificateDer>),
    /// The chain passes through one of these CA certificates of the instance.
    CaReferences(Slots<CertificateName>),
    /// The device signs with a key derived from one of these and its registration ID.
    SymmetricKey(KeyPair),
}

impl IndividualMechanism {
    /// Whether the device proves itself with a certificate.
    pub fn is_x509(&self) -> bool {
        !matches!(self, Self::SymmetricKey(_))
    }
}

impl GroupMechanism {
    /// Whether devices prove themselves with a certificate.
    pub fn is_x509(&self) -> bool {
        !matches!(self, Self::SymmetricKey(_))
    }
}
