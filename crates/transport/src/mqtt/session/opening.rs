//! The first packet of a connection.

use std::time::Duration;

use provost_model::Secret;
use provost_wire::mqtt::{Username, parse_username};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::SessionLimits;
use super::idle::silence;
use super::will::Will;
use crate::mqtt::codec::{Connect, ConnectReturnCode, Packet};
use crate::mqtt::connection::{Connection, ReadError};

/// Longest CONNECT: a SAS token, the names and a will of moderate size.
const MAX_CONNECT: usize = 32 * 1024;

/// A readable CONNECT.
pub(super) struct Opening {
    pub(super) service: Service,
    pub(super) password: Option<Secret<String>>,
    /// Longest silence of this client.
    pub(super) keep_alive: Duration,
    /// The client keeps its session between connections.
    pub(super) is_kept: bool,
    /// What to say for it when it is lost.
    pub(super) will: Option<Box<Will>>,
}

/// Whom the client wants to talk to.
pub(super) enum Service {
    Dps(provost_wire::dps::device::Username),
    Hub(provost_wire::hub::device::Username),
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpeningError {
    #[error("no packet came in time")]
    Silent,
    #[error("the stream ended")]
    Ended,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the first packet is not a CONNECT")]
    NotConnect,
    #[error("protocol level {0} is not spoken here")]
    Protocol(u8),
    #[error("the user name has no known form")]
    Username,
    #[error("client id and user name differ")]
    ClientId,
    #[error("the will is refused: {0}")]
    Will(&'static str),
}

impl OpeningError {
    /// What to say before closing; `None` says nothing.
    pub(super) fn code(&self) -> Option<ConnectReturnCode> {
        match self {
            Self::Protocol(_) => Some(ConnectReturnCode::UnacceptableProtocolVersion),
            Self::Username | Self::ClientId | Self::Will(_) => Some(ConnectReturnCode::NotAuthorized),
            Self::Silent | Self::Ended | Self::Read(_) | Self::NotConnect => None,
        }
    }
}

/// Reads the CONNECT.
pub(super) async fn read<S>(
    connection: &mut Connection<S>,
    limits: SessionLimits,
) -> Result<Opening, OpeningError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    connection.set_max_remaining(MAX_CONNECT);
    let incoming = timeout(limits.connect_timeout, connection.next())
        .await
        .map_err(|_elapsed| OpeningError::Silent)??
        .ok_or(OpeningError::Ended)?;
    let opening = match incoming.packet {
        Packet::Connect(connect) => judge(&connect, limits)?,
        Packet::UnsupportedConnect(protocol) => return Err(OpeningError::Protocol(protocol.level)),
        _ => return Err(OpeningError::NotConnect),
    };
    connection.set_max_remaining(limits.connection.max_remaining);
    Ok(opening)
}

fn judge(connect: &Connect<'_>, limits: SessionLimits) -> Result<Opening, OpeningError> {
    let username = connect
        .username
        .and_then(parse_username)
        .ok_or(OpeningError::Username)?;
    // A device that is being provisioned has nothing to leave behind.
    let mut will = None;
    let service = match username {
        Username::Dps(username) => {
            // Ids of provisioning are compared without case (dps-device-api.md 1.3).
            if !connect
                .client_id
                .eq_ignore_ascii_case(username.registration_id.as_str())
            {
                return Err(OpeningError::ClientId);
            }
            Service::Dps(username)
        }
        Username::Hub(username) => {
            if connect.client_id != username.client_id() {
                return Err(OpeningError::ClientId);
            }
            if let Some(found) = &connect.will {
                let read = Will::read(found, &username.identity_id()).map_err(OpeningError::Will)?;
                will = Some(Box::new(read));
            }
            Service::Hub(username)
        }
    };
    let password = match connect.password {
        None | Some([]) => None,
        // A password that is not text is no token either: it is judged as a wrong one.
        Some(bytes) => Some(Secret::new(String::from_utf8_lossy(bytes).into_owned())),
    };
    Ok(Opening {
        service,
        password,
        keep_alive: silence(connect.keep_alive, limits.longest_silence),
        is_kept: !connect.clean_session,
        will,
    })
}
