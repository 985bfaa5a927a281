//! Serves one HTTP/1.1 connection, and the WebSocket it may turn into, in one task.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::websocket::{self, WebSocketIo, WebSocketLimits};
use super::{PatientStream, ResponseBody};
use crate::peer::Peer;
use crate::shutdown::Shutdown;

/// What one HTTP connection may take.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// How long a request head may take, counted from the end of the answer before it: this is
    /// also how long a kept-alive connection may rest.
    pub head_timeout: Duration,
    /// How long the client may take to accept a piece of an answer.
    pub write_timeout: Duration,
    /// Longest request head, bytes; at least 8,192.
    pub max_head_bytes: usize,
    /// Most header fields of a request.
    pub max_headers: usize,
    /// Limits once the connection is a WebSocket.
    pub websocket: WebSocketLimits,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_mins(1),
            write_timeout: Duration::from_secs(30),
            max_head_bytes: 16 * 1024,
            max_headers: 64,
            websocket: WebSocketLimits::default(),
        }
    }
}

/// The least hyper accepts as buffer size.
const MIN_HEAD_BYTES: usize = 8_192;

/// Serves a connection to its end.
///
/// `answer` gets every request but WebSocket upgrades. Those are answered here, on every path
/// (dps-device-api.md 3.8), and an accepted one is given to `session` in this same task, so that
/// whoever tracks the task tracks the WebSocket. When `shutdown` is requested the request at
/// hand is answered and the connection closed.
pub async fn serve<S, A, AF, W, WF>(
    stream: S,
    peer: Peer,
    limits: HttpLimits,
    shutdown: Shutdown,
    answer: A,
    session: W,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>, Peer) -> AF,
    AF: Future<Output = Response<ResponseBody>>,
    W: FnOnce(WebSocketIo<S>, Peer) -> WF,
    WF: Future<Output = ()>,
{
    let stream = PatientStream::new(stream, limits.write_timeout);
    // Boxed, so that a WebSocket session does not carry the memory of the HTTP part.
    let requests = Box::pin(serve_requests(stream, peer.clone(), limits, shutdown, answer));
    let Some(upgrade) = requests.await else {
        return;
    };
    match upgrade
        .await
        .map(hyper::upgrade::Upgraded::downcast::<TokioIo<PatientStream<S>>>)
    {
        Ok(Ok(parts)) => {
            let stream = parts.io.into_inner().into_inner();
            let io = WebSocketIo::server(stream, &parts.read_buf, limits.websocket).await;
            session(io, peer).await;
        }
        Ok(Err(_)) => tracing::error!("upgraded stream is of another type"),
        Err(error) => tracing::debug!(%error, "upgrade did not complete"),
    }
}

/// Answers requests until the connection ends or is upgraded.
async fn serve_requests<S, A, AF>(
    stream: PatientStream<S>,
    peer: Peer,
    limits: HttpLimits,
    mut shutdown: Shutdown,
    answer: A,
) -> Option<OnUpgrade>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>, Peer) -> AF,
    AF: Future<Output = Response<ResponseBody>>,
{
    let upgrade = Arc::new(Mutex::new(None));
    let address = peer.address;
    let service = service_fn(|mut request: Request<Incoming>| {
        let (answer, peer, upgrade) = (&answer, peer.clone(), Arc::clone(&upgrade));
        async move {
            if !websocket::is_upgrade(&request) {
                return Ok::<_, Infallible>(answer(request, peer).await);
            }
            Ok(match websocket::accept(&request) {
                Ok(response) => {
                    let pending = hyper::upgrade::on(&mut request);
                    *upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
                    response
                }
                Err(refusal) => refusal.response(),
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.max_head_bytes.max(MIN_HEAD_BYTES))
        .max_headers(limits.max_headers)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, peer = %address, "connection ended");
    }
    upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
}
