//! A small HTTP/1.1 client over TLS that keeps its connection.

use std::time::Duration;

use ::http::{HeaderMap, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use provost_transport::http::read_body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::DeviceError;
use crate::connect::{Target, connect_tls};
use crate::tls::ClientTls;

pub use ::http::Method;

/// Longest answer that is read, bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// How long a request may take unless [`HttpClient::set_timeout`] says otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// Status code.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// One connection; requests go one after the other.
#[derive(Debug)]
pub struct HttpClient {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    timeout: Duration,
    max_answer: usize,
}

impl HttpClient {
    /// Connects.
    pub async fn connect(target: &Target, tls: &ClientTls) -> Result<Self, DeviceError> {
        let host = format!("{}:{}", target.server_name, target.port);
        Self::over(connect_tls(target, tls).await?, host).await
    }

    /// Speaks HTTP over a stream that is there already. `host` is sent as `Host`.
    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        host: String,
    ) -> Result<Self, DeviceError> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        // Ends when the sender is dropped or the server closes; the sender reports errors.
        tokio::spawn(connection);
        Ok(Self {
            sender,
            host,
            timeout: REQUEST_TIMEOUT,
            max_answer: MAX_ANSWER,
        })
    }

    /// Reads the next answers up to so many bytes.
    pub const fn set_max_answer(&mut self, bytes: usize) {
        self.max_answer = bytes;
    }

    /// Lets the next requests take this long, for answers that wait for something.
    pub const fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Sends one request with `Host` and, with a body, `Content-Type` of JSON unless `headers` name
    /// another, and reads the answer whole. `path` includes the query.
    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Result<HttpAnswer, DeviceError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host);
        let names_type = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(header::CONTENT_TYPE.as_str()));
        if body.is_some() && !names_type {
            request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(failed)?;
        let answering = async {
            self.sender.ready().await.map_err(failed)?;
            self.sender.send_request(request).await.map_err(failed)
        };
        let answer = timeout(self.timeout, answering)
            .await
            .map_err(|_elapsed| DeviceError::Timeout("http request"))??;
        let (head, body) = answer.into_parts();
        let body = read_body(body, self.max_answer, self.timeout)
            .await
            .map_err(failed)?;
        Ok(HttpAnswer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> DeviceError {
    DeviceError::Http(Box::new(error))
}
