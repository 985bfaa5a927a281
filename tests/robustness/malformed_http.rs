use std::time::Instant;

use provost_testkit::RawStream;
use serde_json::Value;

use super::Witness;

/// Sends, and gives what comes back until the connection is closed.
async fn answer(witness: &Witness, request: &[u8]) -> String {
    let mut stream = RawStream::https(&witness.server).await;
    stream.send(request).await;
    String::from_utf8_lossy(&stream.read_to_close().await).into_owned()
}

#[tokio::test]
async fn malformed_requests_are_refused_and_closed() {
    let mut witness = Witness::new().await;
    let head = "POST /enrollments?api-version=2021-10-01 HTTP/1.1\r\nHost: localhost\r\n";
    let long_line = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(40_000));
    let many = "x-y: 1\r\n".repeat(200);
    let many = format!("GET /provost/health HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
    let requests: [Vec<u8>; 11] = [
        b"\x00\x01\x02 garbage\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET  /  HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        format!("{head}no colon\r\n\r\n").into_bytes(),
        format!("{head}x: \x00\r\n\r\n").into_bytes(),
        format!("{head}Content-Length: abc\r\n\r\n").into_bytes(),
        format!("{head}Content-Length: 99999999999999999999999\r\n\r\n").into_bytes(),
        format!("{head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello").into_bytes(),
        long_line.into_bytes(),
        many.into_bytes(),
    ];
    for request in requests {
        let said = answer(&witness, &request).await;
        let shown = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 4"),
            "{shown:?}: {said}"
        );
    }
    witness.is_unharmed().await;
}

#[tokio::test]
async fn too_many_header_fields_are_431() {
    let witness = Witness::new().await;
    let many = "x-y: 1\r\n".repeat(200);
    let said = answer(
        &witness,
        format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n").as_bytes(),
    )
    .await;
    assert!(said.starts_with("HTTP/1.1 431"), "{said}");
}

#[tokio::test]
async fn an_announced_body_over_the_limit_is_413_before_it_is_sent() {
    let mut witness = Witness::new().await;
    for length in [1024 * 1024 + 1, 1_u64 << 62] {
        let mut stream = RawStream::https(&witness.server).await;
        let request = format!(
            "PUT /enrollments/a?api-version=2021-10-01 HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.send(request.as_bytes()).await;
        let said = String::from_utf8(stream.read_to_close().await).unwrap();
        assert_413(&said);
    }
    witness.is_unharmed().await;
}

#[tokio::test]
async fn a_chunked_body_over_the_limit_is_413() {
    let mut witness = Witness::new().await;
    let mut stream = RawStream::https(&witness.server).await;
    let head = "PUT /enrollments/a?api-version=2021-10-01 HTTP/1.1\r\nHost: localhost\r\n\
                Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.send(head.as_bytes()).await;
    let chunk = [b"10000\r\n".as_slice(), " ".repeat(0x10000).as_bytes(), b"\r\n"].concat();
    for _ in 0..17 {
        stream.send(&chunk).await;
    }
    assert_413(&String::from_utf8(stream.read_to_close().await).unwrap());
    witness.is_unharmed().await;
}

#[track_caller]
fn assert_413(said: &str) {
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    let (_, body) = said.split_once("\r\n\r\n").expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["errorCode"], 413_001);
}

#[tokio::test]
async fn a_broken_chunk_ends_the_connection() {
    let mut witness = Witness::new().await;
    let request = "PUT /enrollments/a?api-version=2021-10-01 HTTP/1.1\r\nHost: localhost\r\n\
                   Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello";
    let said = answer(&witness, request.as_bytes()).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said}");
    witness.is_unharmed().await;
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off() {
    let mut witness = Witness::new().await;
    let began_at = Instant::now();
    let mut stream = RawStream::https(&witness.server).await;
    stream.send(b"GET / HTTP/1.1\r\n").await;
    // A byte now and then must not prolong it.
    let dripped = async {
        for _ in 0..1_000 {
            stream.send(b"x").await;
            if let Some(said) = stream
                .read_to_close_within(std::time::Duration::from_millis(100))
                .await
            {
                return said;
            }
        }
        panic!("still open after {:?}", began_at.elapsed());
    };
    let said = String::from_utf8(dripped.await).unwrap();
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    let after = began_at.elapsed();
    assert!(
        after.as_secs() >= 1 && after.as_secs() < 10,
        "closed after {after:?}, not 2 s"
    );
    witness.is_unharmed().await;
}
