//! Requests of the server to others: webhooks, and hubs elsewhere.
//!
//! One connection for each request, over TLS unless allowed otherwise, to the address that was
//! checked. Bounded in time and in what is read; redirects are not followed, and no proxy is used.

mod address;
mod guard;
mod hubs;
mod trust;
mod url;
mod webhooks;

use std::time::Duration;

use bytes::Bytes;
use provost_device::DeviceError;
use provost_device::http::{HttpAnswer, HttpClient, Method};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use self::guard::{Guard, GuardError};
use self::trust::Trust;
use self::url::Url;

pub use self::address::is_public;
pub use self::hubs::RegistryClient;
pub use self::trust::TrustError;
pub use self::webhooks::WebhookClient;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum OutboundError {
    /// It is not asked.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// TCP or TLS.
    #[error("no connection: {0}")]
    Connect(#[source] std::io::Error),
    /// HTTP.
    #[error("no answer: {}", cause(.0))]
    Http(#[source] DeviceError),
    /// It took too long.
    #[error("no answer in {} s", .0.as_secs())]
    Timeout(Duration),
}

/// What lies under an error, where the error itself only says what was tried.
fn cause(error: &DeviceError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// A request to be sent.
struct Outgoing<'a> {
    url: &'a Url,
    method: Method,
    headers: &'a [(&'a str, &'a str)],
    body: Option<Bytes>,
}

/// How a request is sent.
struct Manner<'a> {
    guard: &'a Guard,
    trust: &'a Trust,
    timeout: Duration,
    max_answer: usize,
}

impl Manner<'_> {
    /// Sends one request over a connection of its own and reads the answer whole.
    async fn send(&self, request: Outgoing<'_>) -> Result<HttpAnswer, OutboundError> {
        timeout(self.timeout, Box::pin(self.exchange(request)))
            .await
            .map_err(|_elapsed| OutboundError::Timeout(self.timeout))?
    }

    async fn exchange(&self, request: Outgoing<'_>) -> Result<HttpAnswer, OutboundError> {
        let Outgoing {
            url,
            method,
            headers,
            body,
        } = request;
        let address = self.guard.address_of(url).await?;
        let stream = TcpStream::connect(address)
            .await
            .map_err(OutboundError::Connect)?;
        if !url.is_tls() {
            return self.ask(stream, url, method, headers, body).await;
        }
        let name = ServerName::try_from(url.bare_host().to_owned())
            .map_err(|error| OutboundError::Connect(std::io::Error::other(error)))?;
        let connector = TlsConnector::from(self.trust.config());
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(OutboundError::Connect)?;
        self.ask(stream, url, method, headers, body).await
    }

    async fn ask(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        url: &Url,
        method: Method,
        headers: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Result<HttpAnswer, OutboundError> {
        let mut client = HttpClient::over(stream, url.host_header())
            .await
            .map_err(OutboundError::Http)?;
        // The whole exchange is bounded already.
        client.set_timeout(self.timeout * 2);
        client.set_max_answer(self.max_answer);
        client
            .request(method, url.path(), headers, body)
            .await
            .map_err(OutboundError::Http)
    }
}
