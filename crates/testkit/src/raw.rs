use std::sync::Arc;
use std::time::Duration;

use provost_transport::tls::provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{DEADLINE, Endpoints};

/// A TLS connection that says whatever it is told to.
pub struct RawStream(TlsStream<TcpStream>);

impl RawStream {
    /// Connects to the HTTPS listener.
    pub async fn https(endpoints: &Endpoints) -> Self {
        Self::open(endpoints, &endpoints.connection.https).await
    }

    /// Connects to the MQTT listener.
    pub async fn mqtt(endpoints: &Endpoints) -> Self {
        Self::open(endpoints, &endpoints.connection.mqtt).await
    }

    async fn open(endpoints: &Endpoints, listener: &str) -> Self {
        let stream = Self::plain(listener).await;
        let root = endpoints.connection.root_ca.as_ref().expect("a root of its own");
        let root = std::fs::read(root).expect("root certificate");
        Self(secured(stream, &root).await.expect("a handshake"))
    }

    /// Connects to a listener without TLS.
    pub async fn plain(listener: &str) -> TcpStream {
        let (_, port) = listener.rsplit_once(':').expect("host and port");
        let address = ("127.0.0.1", port.parse::<u16>().expect("a port"));
        TcpStream::connect(address).await.expect("the server accepts")
    }

    /// The certificate the HTTPS listener shows, DER; `None` when this root is not its.
    pub async fn certificate_shown(endpoints: &Endpoints, root_pem: &[u8]) -> Option<Vec<u8>> {
        let stream = Self::plain(&endpoints.connection.https).await;
        let stream = secured(stream, root_pem).await.ok()?;
        let shown = stream.get_ref().1.peer_certificates()?;
        shown.first().map(|leaf| leaf.to_vec())
    }

    /// Sends; that the peer has closed meanwhile is not an error here.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
        let _ = self.0.flush().await;
    }

    /// Everything the server says until it closes; fails when it does not close in time.
    pub async fn read_to_close(&mut self) -> Vec<u8> {
        self.read_to_close_within(DEADLINE)
            .await
            .expect("the server closes the connection")
    }

    /// Everything the server says until it closes; `None` when it does not in time.
    pub async fn read_to_close_within(&mut self, wait: Duration) -> Option<Vec<u8>> {
        let mut said = Vec::new();
        let reading = async {
            let mut buffer = [0; 4096];
            // A reset is a close as well.
            while let Ok(count @ 1..) = self.0.read(&mut buffer).await {
                said.extend_from_slice(&buffer[..count]);
            }
        };
        timeout(wait, reading).await.ok()?;
        Some(said)
    }

    /// One MQTT packet, whole.
    pub async fn read_packet(&mut self) -> Vec<u8> {
        let mut packet = vec![0; 1];
        let reading = async {
            self.0.read_exact(&mut packet).await?;
            let (mut length, mut shift) = (0, 0);
            loop {
                let digit = self.0.read_u8().await?;
                packet.push(digit);
                length |= usize::from(digit & 0x7f) << shift;
                shift += 7;
                if digit & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).await?;
            packet.extend_from_slice(&body);
            std::io::Result::Ok(())
        };
        timeout(DEADLINE, reading)
            .await
            .expect("a packet in time")
            .expect("a packet");
        packet
    }

    /// What the server says, up to where it said this.
    pub async fn read_until(&mut self, text: &str) -> String {
        let mut said = Vec::new();
        let reading = async {
            let mut buffer = [0; 4096];
            while !String::from_utf8_lossy(&said).contains(text) {
                match self.0.read(&mut buffer).await {
                    Ok(count @ 1..) => said.extend_from_slice(&buffer[..count]),
                    _ => break,
                }
            }
        };
        let is_in_time = timeout(DEADLINE, reading).await.is_ok();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(is_in_time && said.contains(text), "`{text}` is not in: {said}");
        said
    }

    /// The head of an HTTP answer.
    pub async fn read_head(&mut self) -> String {
        let mut said = Vec::new();
        let reading = async {
            let mut byte = [0; 1];
            while !said.ends_with(b"\r\n\r\n") {
                match self.0.read(&mut byte).await {
                    Ok(1) => said.push(byte[0]),
                    _ => break,
                }
            }
        };
        timeout(DEADLINE, reading).await.expect("an answer");
        String::from_utf8_lossy(&said).into_owned()
    }
}

async fn secured(stream: TcpStream, root_pem: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(root_pem) {
        roots.add(root.expect("a certificate")).expect("a usable root");
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}
