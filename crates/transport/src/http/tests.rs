//! Requests over an in-memory stream.

use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;
use crate::peer::Peer;
use crate::shutdown::{Shutdown, ShutdownTrigger};

const BODY_LIMIT: usize = 64;

/// Answers with the path and what became of the body.
async fn answer(request: Request<Incoming>, _peer: Peer) -> Response<ResponseBody> {
    let path = request.uri().path().to_owned();
    if path == "/large" {
        return Response::new(full_body(vec![b'a'; 1 << 20]));
    }
    let body = match read_body(request.into_body(), BODY_LIMIT, Duration::from_secs(5)).await {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => error.to_string(),
    };
    Response::new(full_body(format!("{path}={body}")))
}

fn start(limits: HttpLimits, buffer: usize) -> (DuplexStream, ShutdownTrigger, JoinHandle<()>) {
    let (near, far) = duplex(buffer);
    let (trigger, shutdown) = ShutdownTrigger::new();
    let serving = tokio::spawn(serving(near, limits, shutdown));
    (far, trigger, serving)
}

async fn serving(stream: DuplexStream, limits: HttpLimits, shutdown: Shutdown) {
    let peer = Peer {
        address: "127.0.0.1:1".parse().unwrap(),
        certificates: Arc::new([]),
    };
    serve(stream, peer, limits, shutdown, answer, |_, _| async {
        panic!("no websocket")
    })
    .await;
}

async fn exchange(request: &[u8]) -> String {
    let (mut client, _trigger, _serving) = start(HttpLimits::default(), 1 << 20);
    client.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(start_paused = true)]
async fn requests_share_a_connection() {
    let first = b"PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nhi";
    let last = b"GET /b HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    let answers = exchange(&[&first[..], last].concat()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert!(answers.contains("/a=hi") && answers.ends_with("/b="), "{answers}");
}

#[tokio::test(start_paused = true)]
async fn bodies_over_the_limit_are_refused_announced_or_not() {
    let announced = b"PUT /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 65\r\n\r\n";
    assert!(
        exchange(announced)
            .await
            .contains("/a=body is over the limit of 64 bytes")
    );
    let head = "PUT /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunked = format!("{head}21\r\n{0}\r\n21\r\n{0}\r\n0\r\n\r\n", "x".repeat(33));
    assert!(
        exchange(chunked.as_bytes())
            .await
            .contains("/a=body is over the limit of 64 bytes")
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_given_up() {
    let (started, request) = (
        Instant::now(),
        b"PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nab",
    );
    assert!(exchange(request).await.contains("/a=body did not arrive in time"));
    assert!(
        started.elapsed() < Duration::from_secs(70),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn heads_over_the_limits_are_refused() {
    let many = "x: 1\r\n".repeat(70);
    let answer = exchange(format!("GET / HTTP/1.1\r\nhost: h\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let long = format!("GET / HTTP/1.1\r\nhost: h\r\nx: {}\r\n\r\n", "a".repeat(20_000));
    let answer = exchange(long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(
        exchange(b"\x16\x03\x01 nonsense\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 400")
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_and_an_idle_connection_are_closed() {
    for request in [&b"GET / HT"[..], b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"] {
        let (mut client, _trigger, serving) = start(HttpLimits::default(), 1 << 20);
        client.write_all(request).await.unwrap();
        let started = Instant::now();
        serving.await.unwrap();
        assert_eq!(
            started.elapsed().as_secs(),
            HttpLimits::default().head_timeout.as_secs()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut() {
    let (mut client, _trigger, serving) = start(HttpLimits::default(), 1_024);
    client
        .write_all(b"GET /large HTTP/1.1\r\nhost: h\r\n\r\n")
        .await
        .unwrap();
    let started = Instant::now();
    serving.await.unwrap();
    assert_eq!(
        started.elapsed().as_secs(),
        HttpLimits::default().write_timeout.as_secs()
    );
}

#[tokio::test(start_paused = true)]
async fn shutdown_closes_an_idle_connection_at_once() {
    let (mut client, trigger, serving) = start(HttpLimits::default(), 1 << 20);
    client
        .write_all(b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n")
        .await
        .unwrap();
    client.read_exact(&mut [0; 10]).await.unwrap();
    trigger.request();
    timeout(Duration::from_secs(1), serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_at_the_limit_is_read() {
    let body = Full::new(Bytes::from_static(&[1; BODY_LIMIT]));
    let read = read_body(body, BODY_LIMIT, Duration::from_secs(1)).await.unwrap();
    assert_eq!(read.len(), BODY_LIMIT);
}
