//! The client half of the baseline.

use std::sync::Arc;

use anyhow::{Result, bail};
use provost_device::Target;
use provost_device::tls::ClientTls;
use rustls_pki_types::ServerName;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Connects, shows the certificate, reads the one byte and the close.
pub(super) async fn handshake(target: &Target, tls: &ClientTls) -> Result<()> {
    let stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(target.server_name.clone())?;
    let connector = TlsConnector::from(Arc::clone(tls.config()));
    let mut stream = Box::pin(connector.connect(name, stream)).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    if answer != [1] {
        bail!("the baseline answered {} bytes", answer.len());
    }
    Ok(())
}
