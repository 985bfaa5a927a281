use crate::text::{MAX_TEXT_BYTES, certificate_bodies, decode};
use crate::{Certificate, CertificateError};

/// The most certificates a client may send, leaf included.
pub const MAX_PRESENTED_CERTIFICATES: usize = 10;

/// The certificates a TLS client sent: the leaf, whose key the handshake proved, and whatever
/// else came with it, in an order nobody relies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedChain {
    leaf: Certificate,
    others: Vec<Certificate>,
}

impl PresentedChain {
    /// Parses what the handshake handed over, leaf first.
    ///
    /// # Errors
    /// [`CertificateError::Empty`], [`CertificateError::TooMany`] over
    /// [`MAX_PRESENTED_CERTIFICATES`], or what is wrong with one of them.
    pub fn from_der_list<'a, I>(list: I) -> Result<Self, CertificateError>
    where
        I: IntoIterator<Item = &'a [u8]>,
        I::IntoIter: ExactSizeIterator,
    {
        let mut list = list.into_iter();
        let count = list.len();
        if count > MAX_PRESENTED_CERTIFICATES {
            return Err(CertificateError::TooMany {
                count,
                limit: MAX_PRESENTED_CERTIFICATES,
            });
        }
        let leaf = Certificate::from_der(list.next().ok_or(CertificateError::Empty)?)?;
        let others = list.map(Certificate::from_der).collect::<Result<_, _>>()?;
        Ok(Self { leaf, others })
    }

    /// Reads the certificates of a PEM text, leaf first.
    ///
    /// # Errors
    /// As [`Self::from_der_list`]; [`CertificateError::PrivateKey`] when a private key is among them.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(CertificateError::TooLarge {
                limit: MAX_TEXT_BYTES,
            });
        }
        let bodies = certificate_bodies(text)?;
        let count = bodies.len();
        if count > MAX_PRESENTED_CERTIFICATES {
            return Err(CertificateError::TooMany {
                count,
                limit: MAX_PRESENTED_CERTIFICATES,
            });
        }
        let ders: Vec<Vec<u8>> = bodies.into_iter().map(decode).collect::<Result<_, _>>()?;
        Self::from_der_list(ders.iter().map(Vec::as_slice))
    }

    /// The same from parsed certificates.
    pub fn new(leaf: Certificate, others: Vec<Certificate>) -> Result<Self, CertificateError> {
        let count = others.len() + 1;
        if count > MAX_PRESENTED_CERTIFICATES {
            return Err(CertificateError::TooMany {
                count,
                limit: MAX_PRESENTED_CERTIFICATES,
            });
        }
        Ok(Self { leaf, others })
    }

    /// The certificate whose key the handshake proved.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The others, in the order they came.
    pub fn others(&self) -> &[Certificate] {
        &self.others
    }

    /// All of them, leaf first.
    pub fn iter(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.leaf).chain(&self.others)
    }
}
