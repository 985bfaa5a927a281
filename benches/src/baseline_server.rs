//! The floors: the product's listener and TLS with nothing above them, or with its MQTT packets and
//! acknowledgements of messages that go nowhere.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use provost_transport::listener::{Listener, ListenerLimits};
use provost_transport::mqtt::codec::{Connack, ConnectReturnCode, Packet};
use provost_transport::mqtt::connection::{Connection, Incoming, Limits};
use provost_transport::shutdown::ShutdownTrigger;
use provost_transport::tls::{ReloadingIdentity, handshake, server_config};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Serves on a free port, printed as the first line, until standard input ends.
pub(crate) fn run(certificate: &Path, key: &Path, acknowledges: bool) -> Result<()> {
    let identity = Arc::new(ReloadingIdentity::from_pem_files(certificate, key)?);
    let tls = server_config(identity, &[])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = Listener::bind(address, ListenerLimits::default())?;
        writeln!(std::io::stdout(), "{}", listener.local_address().port())?;
        let (_trigger, shutdown) = ShutdownTrigger::new();
        let serve = listener.run(shutdown, move |stream, _peer| {
            let tls = Arc::clone(&tls);
            async move {
                // A client that breaks off reports it itself.
                let Ok(mut stream) = handshake(tls, stream, HANDSHAKE_LIMIT).await else {
                    return;
                };
                if acknowledges {
                    let _ = acknowledge(Connection::new(stream, Limits::default())).await;
                } else if stream.write_all(&[1]).await.is_ok() {
                    let _ = stream.shutdown().await;
                }
            }
        });
        let end_of_input = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        tokio::select! {
            () = serve => {}
            _ = end_of_input => {}
        }
        anyhow::Ok(())
    })
}

/// Takes every message and forgets it; what came together is acknowledged together.
async fn acknowledge<S: AsyncRead + AsyncWrite + Unpin>(mut connection: Connection<S>) -> Result<()> {
    while let Some(incoming) = connection.next().await? {
        answer(incoming);
        while let Some(incoming) = connection.buffered()? {
            answer(incoming);
        }
        connection.flush().await?;
    }
    Ok(())
}

fn answer(incoming: Incoming<'_>) {
    let Incoming { packet, outbox } = incoming;
    match packet {
        Packet::Connect(_) => outbox.connack(Connack {
            session_present: false,
            return_code: ConnectReturnCode::Accepted,
        }),
        Packet::Publish(message) => {
            if let Some(packet_id) = message.delivery.packet_id() {
                outbox.puback(packet_id);
            }
        }
        _ => {}
    }
}
