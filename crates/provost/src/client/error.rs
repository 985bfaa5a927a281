use std::path::PathBuf;

use provost_device::DeviceError;
use provost_device::tls::TlsError;
use provost_wire::ConnectionStringError;
use thiserror::Error;

use super::Refusal;

/// Why the server was not reached or did not do what was asked.
#[derive(Debug, Error)]
pub enum ClientError {
    /// `connection.json` is missing or not usable.
    #[error("the server is not known: {0}")]
    ConnectionFile(String),
    /// A file that is needed cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// `--login` is not a connection string.
    #[error("--login is not usable")]
    Login(#[from] ConnectionStringError),
    /// `--login` lacks what signs a request.
    #[error("--login needs SharedAccessKeyName and SharedAccessKey, or SharedAccessSignature")]
    LoginWithoutKey,
    /// The management plane takes no shared access policy.
    #[error("the management API of another server needs an admin token: give --token")]
    NoToken,
    /// Nothing of this name is known.
    #[error("there is no {kind} named {name}; known: {known}")]
    UnknownName {
        /// `hub`, `provisioning service` or `policy`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A key in `connection.json` is not one.
    #[error("the key of policy {0} cannot be read")]
    Key(String),
    /// No trust anchor for the server's certificate.
    #[error("no root certificate to trust: give --root-ca")]
    NoRoots,
    /// A trust anchor that cannot be used.
    #[error("root certificate is not usable")]
    Tls(#[from] TlsError),
    /// An address that is not `host:port`.
    #[error("{0} is not an address")]
    Address(String),
    /// The server is not there or closed the connection.
    #[error("cannot talk to {address}")]
    Connection {
        /// `host:port`.
        address: String,
        /// Why.
        #[source]
        source: DeviceError,
    },
    /// The server refused.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// An answer that is not what the contract says.
    #[error("unexpected answer: {0}")]
    Unexpected(&'static str),
}

impl ClientError {
    /// What the reader could do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::ConnectionFile(_) => {
                Some("start the server with `provost serve`, or give its folder with --data, or use --login")
            }
            Self::Connection {
                source: DeviceError::Connect(_),
                ..
            } => Some("is the server running? start it with `provost serve`"),
            Self::Connection {
                source: DeviceError::Handshake(_),
                ..
            } => Some(
                "--root-ca names the root certificate to trust; the server's must be made for the host name",
            ),
            _ => None,
        }
    }

    /// Whether the server answered with this HTTP status.
    pub fn is_status(&self, status: u16) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == status)
    }
}
