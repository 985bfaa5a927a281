use std::path::{Path, PathBuf};

use provost_pki::crl::{Crl, MAX_CRL_BYTES};
use provost_pki::{Certificate, Csr, PresentedChain};

use crate::cli::Failure;

/// What a file held.
pub(super) enum Read {
    Certificate(Certificate),
    Request(Csr),
    List(Crl),
}

impl Read {
    /// What it is called: the subject, of a list its issuer.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Certificate(certificate) => certificate.subject_display(),
            Self::Request(request) => request.subject_display(),
            Self::List(list) => list.issuer_display(),
        }
    }
}

/// Reads files in their order; a PEM file may hold several certificates.
pub(super) fn read_all(paths: &[PathBuf]) -> Result<Vec<Read>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        let bytes = bytes(path)?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        if text.contains("CERTIFICATE REQUEST-----") {
            all.push(request(path, &bytes)?);
        } else if text.contains("-----BEGIN X509 CRL") {
            all.push(list(path, &bytes).map(Read::List)?);
        } else if text.contains("-----BEGIN") {
            all.extend(certificates_in(path, text)?.into_iter().map(Read::Certificate));
        } else {
            all.push(binary(path, &bytes)?);
        }
    }
    Ok(all)
}

/// The certificates of files, in their order; a PEM file may hold several.
pub(super) fn certificates(paths: &[PathBuf]) -> Result<Vec<Certificate>, Failure> {
    let only = |read| match read {
        Read::Certificate(certificate) => Ok(certificate),
        other => Err(Failure::usage(format!("{}: not a certificate", other.name()))),
    };
    read_all(paths)?.into_iter().map(only).collect()
}

/// The first certificate of a file.
pub(super) fn certificate(path: &Path) -> Result<Certificate, Failure> {
    let read = Certificate::from_file_bytes(&bytes(path)?);
    Ok(read.map_err(|error| unreadable(path, &error))?.certificate)
}

/// A revocation list.
pub(super) fn revocation_list(path: &Path) -> Result<Crl, Failure> {
    list(path, &bytes(path)?)
}

fn certificates_in(path: &Path, text: &str) -> Result<Vec<Certificate>, Failure> {
    let chain = PresentedChain::from_pem(text).map_err(|error| unreadable(path, &error))?;
    Ok(chain.iter().cloned().collect())
}

/// DER, or base64 of it: whichever of the three it is.
fn binary(path: &Path, bytes: &[u8]) -> Result<Read, Failure> {
    let first = match Certificate::from_file_bytes(bytes) {
        Ok(uploaded) => return Ok(Read::Certificate(uploaded.certificate)),
        Err(error) => error,
    };
    if let Ok(list) = Crl::from_file_bytes(bytes) {
        return Ok(Read::List(list));
    }
    match Csr::from_file_bytes(bytes) {
        Ok(request) => Ok(Read::Request(request)),
        Err(_) => Err(unreadable(path, &first)),
    }
}

fn request(path: &Path, bytes: &[u8]) -> Result<Read, Failure> {
    Csr::from_file_bytes(bytes)
        .map(Read::Request)
        .map_err(|error| unreadable(path, &error))
}

fn list(path: &Path, bytes: &[u8]) -> Result<Crl, Failure> {
    Crl::from_file_bytes(bytes).map_err(|error| unreadable(path, &error))
}

/// At most a large revocation list in PEM.
fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let cannot_read = |error| Failure::Io(format!("cannot read {}", path.display()), error);
    let length = std::fs::metadata(path).map_err(cannot_read)?.len();
    if length > MAX_CRL_BYTES as u64 * 3 / 2 {
        return Err(Failure::usage(format!(
            "{}: the file is too large",
            path.display()
        )));
    }
    std::fs::read(path).map_err(cannot_read)
}

fn unreadable(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::Incomplete(format!("{}: {error}", path.display()))
}
