//! The floor under every connection: the product's listener and TLS, and nothing above them.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use provost_transport::listener::{Listener, ListenerLimits};
use provost_transport::shutdown::ShutdownTrigger;
use provost_transport::tls::{ReloadingIdentity, handshake, server_config};
use tokio::io::AsyncWriteExt;

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Serves on a free port, printed as the first line, until standard input ends.
pub(crate) fn run(certificate: &Path, key: &Path) -> Result<()> {
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
                if let Ok(mut stream) = handshake(tls, stream, HANDSHAKE_LIMIT).await
                    && stream.write_all(&[1]).await.is_ok()
                {
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
