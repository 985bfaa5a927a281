//! Telemetry as server-sent events.

use std::time::Duration;

use provost_testkit::{RawStream, TestServer, service_token};

use super::telemetry::{base, connected};

/// Asks for a stream; the head is read.
async fn follow(server: &TestServer, query: &str, last_event_id: Option<&str>) -> RawStream {
    let host = &server.hub().host;
    let key = server.hub_key("service");
    let token = service_token(host, "service", &key, &*server.clock);
    let last = last_event_id
        .map(|id| format!("Last-Event-ID: {id}\r\n"))
        .unwrap_or_default();
    let request = format!(
        "GET {}/telemetry/events?{query} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n\
         Accept: text/event-stream\r\n{last}\r\n",
        base(server)
    );
    let mut stream = RawStream::https(server).await;
    stream.send(request.as_bytes()).await;
    let head = stream.read_head().await.to_lowercase();
    assert!(
        head.starts_with("http/1.1 200") && head.contains("text/event-stream"),
        "{head}"
    );
    stream
}

/// The ids of the events said so far.
fn ids(said: &str) -> Vec<&str> {
    said.lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect()
}

#[tokio::test]
async fn a_stream_is_live_and_goes_on_from_the_last_event() {
    let server = TestServer::start().await;
    let mut session = connected(&server, "press-1").await;
    let mut stream = follow(&server, "", None).await;
    stream.read_until(": still here").await;
    // It begins with what comes from now on; what the first look found is settled by a first message.
    session.send_telemetry(b"1", &[]).await.unwrap();
    let first = stream.read_until("\"body\":\"MQ==\"").await;
    assert!(first.contains("event: telemetry\n"), "{first}");
    let id = ids(&first)[0].to_owned();
    session.send_telemetry(b"2", &[]).await.unwrap();
    session.send_telemetry(b"3", &[]).await.unwrap();
    stream.read_until("\"body\":\"Mw==\"").await;
    drop(stream);
    session.send_telemetry(b"4", &[]).await.unwrap();
    let mut resumed = follow(&server, "from=earliest", Some(&id)).await;
    let said = resumed.read_until("\"body\":\"NA==\"").await;
    assert_eq!(ids(&said).len(), 3, "2, 3 and 4, and 1 not again: {said}");
    assert!(!said.contains("\"body\":\"MQ==\""), "{said}");
}

#[tokio::test]
async fn a_stream_of_one_device_ends_when_told_to_be_content() {
    let server = TestServer::start().await;
    let (mut one, mut other) = (
        connected(&server, "press-1").await,
        connected(&server, "press-2").await,
    );
    one.send_telemetry(b"1", &[]).await.unwrap();
    other.send_telemetry(b"2", &[]).await.unwrap();
    let mut stream = follow(&server, "from=earliest&deviceId=press-2&wait=0", None).await;
    let said = stream.read_until("0\r\n\r\n").await;
    assert_eq!(ids(&said).len(), 1, "{said}");
    assert!(said.contains("\"body\":\"Mg==\""), "{said}");
    assert!(said.contains("\"deviceId\":\"press-2\""), "{said}");
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let (server, clock) = TestServer::start_with_clock().await;
    let mut stream = follow(&server, "", None).await;
    stream.read_until(": still here").await;
    clock.advance(Duration::from_hours(2));
    stream.read_until("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_stream_ends_with_the_server() {
    let mut server = TestServer::start().await;
    let mut stream = follow(&server, "", None).await;
    stream.read_until(": still here").await;
    server.stop().await;
    stream.read_to_close().await;
}

#[tokio::test]
async fn a_stream_tells_what_was_lost() {
    let server = TestServer::start_configured(|config| config.telemetry.bytes = 20_000).await;
    let mut session = connected(&server, "press-1").await;
    session.send_telemetry(b"first", &[]).await.unwrap();
    let mut stream = follow(&server, "from=earliest&wait=0", None).await;
    let said = stream.read_until("0\r\n\r\n").await;
    let id = ids(&said)[0].to_owned();
    for _ in 0..10 {
        session.send_telemetry_all(&[b'x'; 1000], 10, 10).await.unwrap();
    }
    provost_testkit::eventually("the buffer is cut", async || {
        let mut stream = follow(&server, "wait=0", Some(&id)).await;
        let said = stream.read_until("0\r\n\r\n").await;
        said.contains("event: lost\ndata: {\"partitionId\":")
            .then_some(())
    })
    .await;
}
