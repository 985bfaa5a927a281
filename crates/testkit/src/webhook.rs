use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use provost_transport::tls::{ServerIdentity, server_config};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::Leaf;

/// A small HTTP server that answers as it was told: a webhook, or whatever else answers badly.
pub struct Webhook {
    address: SocketAddr,
    is_tls: bool,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    /// Status, further head lines and body; the last one again and again.
    answers: Mutex<VecDeque<(u16, String, String)>>,
    asked: Mutex<Vec<(String, Value)>>,
    /// One is needed for each answer.
    gate: Semaphore,
}

impl Webhook {
    /// A server without TLS on loopback.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// A server with this certificate.
    pub async fn start_tls(leaf: &Leaf) -> Self {
        let chain = vec![CertificateDer::from(leaf.der().to_vec())];
        let key = PrivateKeyDer::from_pem_slice(leaf.key_pem().as_bytes()).expect("its key");
        let identity = ServerIdentity::new(chain, key).expect("an identity");
        let config = server_config(Arc::new(identity), &[]).expect("a configuration");
        Self::start_with(Some(TlsAcceptor::from(config))).await
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            answers: Mutex::default(),
            asked: Mutex::default(),
            gate: Semaphore::new(1_000),
        });
        let is_tls = tls.is_some();
        let accepting = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (tls, shared) = (tls.clone(), Arc::clone(&shared));
                    tokio::spawn(async move {
                        match tls {
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    shared.serve(stream).await;
                                }
                            }
                            None => shared.serve(stream).await,
                        }
                    });
                }
            }
        });
        Self {
            address,
            is_tls,
            shared,
            accepting,
        }
    }

    /// Its address, with a key in the query as such addresses have.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!(
            "{scheme}://localhost:{}/choose?code=topsecret",
            self.address.port()
        )
    }

    /// Answers so from now on, after what it was told before was answered once.
    pub fn answer(&self, status: u16, body: impl Into<String>) {
        self.answer_with(status, "", body);
    }

    /// The same with a line more in the head, which ends with CRLF.
    pub fn answer_with(&self, status: u16, head: &str, body: impl Into<String>) {
        let answer = (status, head.to_owned(), body.into());
        self.shared.answers.lock().expect("lock").push_back(answer);
    }

    /// Holds every answer back until [`Self::go_on`].
    pub async fn hold(&self) {
        let all = self.shared.gate.acquire_many(1_000).await.expect("gate");
        all.forget();
    }

    /// Answers again.
    pub fn go_on(&self) {
        self.shared.gate.add_permits(1_000);
    }

    /// Path and document of every request so far.
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.shared.asked.lock().expect("lock").clone()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Some((path, body)) = read(&mut stream).await else {
            return;
        };
        self.asked.lock().expect("lock").push((path, body));
        let Ok(_permit) = self.gate.acquire().await else {
            return;
        };
        let (status, head, body) = {
            let mut answers = self.answers.lock().expect("lock");
            match answers.len() {
                0 => (500, String::new(), String::new()),
                1 => answers[0].clone(),
                _ => answers.pop_front().expect("one"),
            }
        };
        let answer = format!(
            "HTTP/1.1 {status} So\r\n{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
        // The other side reads to the end before the connection goes.
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut [0; 16])).await;
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, value)| value.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if body.len() >= length {
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                return Some((path, serde_json::from_str(body).unwrap_or_default()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
