//! Refusals as CONNACK codes: the only place that knows them (iot-hub-device-api.md 4.1, 4.2).

use provost_hub::ConnectRefusal;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::mqtt::codec::{Connack, ConnectReturnCode};
use crate::mqtt::connection::Connection;

/// What a hub's refusal is told as.
///
/// 5 makes an SDK tell its application, which then provisions anew. 3 makes it wait and come back
/// by itself: right for a disabled device, which the operator may enable, and for our own trouble.
pub(super) fn connack_code(refusal: &ConnectRefusal) -> ConnectReturnCode {
    match refusal {
        ConnectRefusal::NotAuthorized(_) => ConnectReturnCode::NotAuthorized,
        ConnectRefusal::Disabled | ConnectRefusal::Unavailable(_) => ConnectReturnCode::ServerUnavailable,
    }
}

/// Says the code, when there is one to say, and closes.
pub(super) async fn refuse<S>(mut connection: Connection<S>, code: Option<ConnectReturnCode>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(return_code) = code {
        connection.outbox().connack(Connack {
            session_present: false,
            return_code,
        });
    }
    connection.close().await;
}
