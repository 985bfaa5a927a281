use std::error::Error;
use std::io;
use std::process::ExitCode;

use provost_device::DeviceError;
use provost_device::tls::TlsError;
use provost_keys::KeyProviderError;
use thiserror::Error;

use crate::client::ClientError;
use crate::output::say;

/// Why a verb did not do what it was asked.
#[derive(Debug, Error)]
pub enum Failure {
    /// The server was not reached or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Flags that contradict each other or a value that is not one: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Reading or writing on this machine failed.
    #[error("{0}")]
    Io(String, #[source] io::Error),
    /// A simulated device failed before it could say so in the report.
    #[error("simulated device failed")]
    Device(#[from] DeviceError),
    /// Certificates or keys that cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Done as far as it went, and the output says what failed.
    #[error("{0}")]
    Incomplete(String),
    /// Anything else, told by its own text.
    #[error("{0:#}")]
    Other(anyhow::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io("cannot write".to_owned(), error)
    }
}

impl Failure {
    /// A usage error.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// Tells the reason on stderr; the exit code for it.
    pub(super) fn report(&self) -> ExitCode {
        // Whoever reads has had enough: `provost hub monitor | head` succeeded.
        if matches!(self, Self::Io(_, error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        say(&format!("error: {}", chain(self)));
        if let Self::Client(error) = self
            && let Some(hint) = error.hint()
        {
            say(&format!("hint: {hint}"));
        }
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Other(error) if is_refused_by_keys(error) => ExitCode::from(KEYS_REFUSED),
            _ => ExitCode::FAILURE,
        }
    }
}

/// A PIN or passphrase that was refused, or keys nobody should use: starting again changes nothing, and with a
/// token it would use up the tries. Whoever starts programs again is told by an exit code of its own.
const KEYS_REFUSED: u8 = 3;

fn is_refused_by_keys(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| matches!(cause.downcast_ref(), Some(KeyProviderError::Refused(_))))
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_the_error() {
        let failure = Failure::Io(
            "cannot read x.pem".to_owned(),
            io::Error::new(io::ErrorKind::NotFound, "missing"),
        );
        assert_eq!(chain(&failure), "cannot read x.pem: missing");
    }

    #[test]
    fn refused_keys_have_an_exit_code_of_their_own() {
        let refused =
            anyhow::Error::from(KeyProviderError::Refused("the PIN".to_owned())).context("at the start");
        assert_eq!(Failure::Other(refused).report(), ExitCode::from(3));
        let away = anyhow::Error::from(KeyProviderError::Unavailable("away".to_owned()));
        assert_eq!(Failure::Other(away).report(), ExitCode::FAILURE);
    }

    #[test]
    fn a_reader_who_left_is_no_failure() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(gone.report(), ExitCode::SUCCESS);
        assert_eq!(Failure::usage("x").report(), ExitCode::from(2));
    }
}
