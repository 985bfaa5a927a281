use provost_keys::KeyProviderError;
use provost_model::ErrorKind;
use provost_pki::issue::IssueError;
use provost_pki::lint::{self, Finding};
use provost_pki::{Certificate, CertificateError};

/// Why something was not signed. No text holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The key could not be made, used or destroyed.
    #[error(transparent)]
    Keys(#[from] KeyProviderError),
    /// What was to be signed could not be written, or the signature could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// What was signed breaks a rule: it is not handed out.
    #[error("what was signed breaks a rule: {0}")]
    Lint(Finding),
    /// A certificate of a CA, as it is stored, cannot be read.
    #[error("a stored certificate of a CA cannot be read")]
    Stored(#[from] CertificateError),
}

impl CaError {
    /// The kind every protocol maps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Keys(error) => error.kind(),
            Self::Issue(_) | Self::Lint(_) | Self::Stored(_) => ErrorKind::Internal,
        }
    }
}

/// Looks once more at what was signed, before anybody gets it.
///
/// # Errors
/// [`CaError::Lint`] with the first broken rule.
pub(crate) fn linted(made: Certificate, issuer: &Certificate) -> Result<Certificate, CaError> {
    match lint::first_error(&lint::fresh(&made, issuer)) {
        None => Ok(made),
        Some(finding) => Err(CaError::Lint(*finding)),
    }
}
