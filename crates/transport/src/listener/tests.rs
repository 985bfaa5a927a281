//! The accept loop over loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::shutdown::ShutdownTrigger;

fn listener(limits: ListenerLimits) -> Listener {
    Listener::bind("127.0.0.1:0".parse().unwrap(), limits).unwrap()
}

async fn echo_one_byte(mut stream: TcpStream) {
    let mut byte = [0];
    if stream.read_exact(&mut byte).await.is_ok() {
        let _ = stream.write_all(&byte).await;
    }
}

async fn round_trip(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"x").await?;
    stream.read_exact(&mut [0]).await.map(|_| ())
}

#[tokio::test]
async fn connections_beyond_the_cap_are_closed() {
    let limits = ListenerLimits {
        max_connections: 1,
        ..ListenerLimits::default()
    };
    let listener = listener(limits);
    let address = listener.local_address();
    let (trigger, shutdown) = ShutdownTrigger::new();
    let serving = tokio::spawn(listener.run(shutdown, |stream, _| echo_one_byte(stream)));
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(
        second.read(&mut [0]).await.unwrap_or(0),
        0,
        "the second is closed"
    );
    first.write_all(b"x").await.unwrap();
    first.read_exact(&mut [0]).await.unwrap();
    assert_eq!(first.read(&mut [0]).await.unwrap(), 0, "the first is done");
    // Its place is free again once its task was reaped.
    let again = timeout(Duration::from_secs(5), async {
        while round_trip(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    });
    again.await.unwrap();
    trigger.request();
    serving.await.unwrap();
}

#[tokio::test]
async fn a_panicking_handler_ends_only_its_connection() {
    let listener = listener(ListenerLimits::default());
    let address = listener.local_address();
    let (trigger, shutdown) = ShutdownTrigger::new();
    let count = Arc::new(AtomicUsize::new(0));
    let handler = move |stream, _| {
        let is_first = count.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            assert!(!is_first, "on purpose");
            echo_one_byte(stream).await;
        }
    };
    let serving = tokio::spawn(listener.run(shutdown, handler));
    assert!(round_trip(address).await.is_err());
    round_trip(address).await.unwrap();
    trigger.request();
    serving.await.unwrap();
}

#[tokio::test]
async fn shutdown_waits_for_connections_and_cuts_the_stubborn() {
    let limits = ListenerLimits {
        drain_timeout: Duration::from_millis(50),
        ..ListenerLimits::default()
    };
    let listener = listener(limits);
    let address = listener.local_address();
    let (trigger, shutdown) = ShutdownTrigger::new();
    let token = shutdown.clone();
    let handler = move |mut stream: TcpStream, _| {
        let mut token = token.clone();
        async move {
            let byte = stream.read_u8().await.unwrap();
            stream.write_u8(byte).await.unwrap();
            if byte == b'p' {
                token.requested().await;
                stream.write_all(b"bye").await.unwrap();
            } else {
                std::future::pending::<()>().await;
            }
        }
    };
    let serving = tokio::spawn(listener.run(shutdown, handler));
    let mut polite = TcpStream::connect(address).await.unwrap();
    let mut stubborn = TcpStream::connect(address).await.unwrap();
    polite.write_all(b"p").await.unwrap();
    stubborn.write_all(b"s").await.unwrap();
    assert_eq!(
        (polite.read_u8().await.unwrap(), stubborn.read_u8().await.unwrap()),
        (b'p', b's')
    );
    trigger.request();
    let mut said = Vec::new();
    polite.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, b"bye");
    timeout(Duration::from_secs(5), serving).await.unwrap().unwrap();
    assert!(matches!(stubborn.read(&mut [0]).await, Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).await.is_err(), "the port is closed");
}

#[tokio::test]
async fn a_dropped_trigger_asks_for_the_end() {
    let (trigger, mut shutdown) = ShutdownTrigger::new();
    assert!(!shutdown.is_requested());
    drop(trigger);
    shutdown.requested().await;
    assert!(shutdown.is_requested());
}
