use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::{Certificate, CertificateError, MAX_CERTIFICATE_BYTES};

/// The longest text or file read: a few dozen certificates in PEM, wrapped once in base64.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;

/// What an uploaded text held.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// The first certificate.
    pub certificate: Certificate,
    /// How many there were; all but the first are ignored, which a caller may want to say
    /// (dps-service-api.md 4.4).
    pub count: usize,
}

/// Senders drop or keep the padding; both are read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

impl Certificate {
    /// Reads a certificate in any spelling clients upload (dps-service-api.md 3.4, 4.4): PEM,
    /// base64 of DER, base64 of PEM; any line ends, text around the PEM blocks ignored.
    ///
    /// # Errors
    /// [`CertificateError::PrivateKey`] when a private key is anywhere in the text.
    pub fn from_text(text: &str) -> Result<Uploaded, CertificateError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(CertificateError::TooLarge {
                limit: MAX_TEXT_BYTES,
            });
        }
        if text.contains(BEGIN) {
            return from_pem(text);
        }
        from_decoded(&decode(text)?)
    }

    /// Reads a file's content: DER, or any spelling [`Certificate::from_text`] reads.
    pub fn from_file_bytes(bytes: &[u8]) -> Result<Uploaded, CertificateError> {
        match std::str::from_utf8(bytes) {
            Ok(text) if !bytes.starts_with(&[SEQUENCE]) => Self::from_text(text),
            // '0' is 0x30: base64 text may start with it and DER always does.
            Ok(text) => Self::from_text(text).or_else(|_| from_decoded(bytes)),
            Err(_) => from_decoded(bytes),
        }
    }

    /// The certificate as PEM with a trailing line feed.
    pub fn to_pem(&self) -> String {
        provost_model::pem("CERTIFICATE", self.der())
    }
}

/// First byte of every DER certificate.
const SEQUENCE: u8 = 0x30;

fn from_decoded(bytes: &[u8]) -> Result<Uploaded, CertificateError> {
    if bytes.first() == Some(&SEQUENCE) {
        return Ok(Uploaded {
            certificate: Certificate::from_der(bytes)?,
            count: 1,
        });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains(BEGIN) => from_pem(text),
        _ if bytes.is_empty() => Err(CertificateError::Empty),
        _ => Err(CertificateError::NotText),
    }
}

fn from_pem(text: &str) -> Result<Uploaded, CertificateError> {
    let bodies = certificate_bodies(text)?;
    let body = bodies.first().ok_or(CertificateError::Empty)?;
    Ok(Uploaded {
        certificate: Certificate::from_der(&decode(body)?)?,
        count: bodies.len(),
    })
}

/// The base64 of every certificate in a PEM text.
///
/// # Errors
/// [`CertificateError::PrivateKey`] when a private key is anywhere in it.
pub(crate) fn certificate_bodies(text: &str) -> Result<Vec<&str>, CertificateError> {
    if text.contains("PRIVATE KEY-----") {
        return Err(CertificateError::PrivateKey);
    }
    let mut bodies = Vec::new();
    for block in PemBlocks(text) {
        let (label, body) = block?;
        if matches!(label, "CERTIFICATE" | "X509 CERTIFICATE") {
            bodies.push(body);
        }
    }
    Ok(bodies)
}

/// The PEM blocks of a text: label and base64 body.
pub(crate) struct PemBlocks<'a>(pub(crate) &'a str);

impl<'a> Iterator for PemBlocks<'a> {
    type Item = Result<(&'a str, &'a str), CertificateError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (_, after) = self.0.split_once(BEGIN)?;
        let block = (|| {
            let (label, after) = after.split_once(DASHES)?;
            let (body, after) = after.split_once("-----END ")?;
            let (end, after) = after.split_once(DASHES)?;
            (label == end).then_some((label, body, after))
        })();
        if let Some((label, body, after)) = block {
            self.0 = after;
            Some(Ok((label, body)))
        } else {
            self.0 = "";
            Some(Err(CertificateError::malformed("PEM lines")))
        }
    }
}

/// Base64 with any white space in it.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, CertificateError> {
    let dense: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if dense.is_empty() {
        return Err(CertificateError::Empty);
    }
    // What does not decode to a certificate may still be a PEM file of several, so the limit
    // here is the text's.
    BASE64.decode(dense).map_err(|_| CertificateError::NotText)
}

const _: () = assert!(MAX_CERTIFICATE_BYTES * 2 < MAX_TEXT_BYTES);
