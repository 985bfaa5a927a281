use provost_keys::KeyProviderError;
use provost_model::ErrorKind;
use provost_pki::CertificateError;
use provost_pki::issue::IssueError;
use provost_pki::lint::{Finding, Severity};

/// Why something was not signed. No text holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The key could not be made, used or destroyed.
    #[error(transparent)]
    Keys(#[from] KeyProviderError),
    /// What was to be signed could not be written, or the signature could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// What was signed breaks a rule, and is not handed out.
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
            // A key that was opened and went away before it signed is away all the same.
            Self::Issue(IssueError::Signer { kind, .. }) => *kind,
            Self::Issue(_) | Self::Lint(_) | Self::Stored(_) => ErrorKind::Internal,
        }
    }
}

/// Lets nothing through that breaks a rule; what is only unusual passes.
pub(crate) fn refuse_errors(findings: &[Finding]) -> Result<(), CaError> {
    let broken = findings
        .iter()
        .find(|finding| finding.severity == Severity::Error);
    broken.map_or(Ok(()), |finding| Err(CaError::Lint(*finding)))
}
