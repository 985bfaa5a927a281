use std::time::Duration;

use provost_model::SymmetricKey;
use provost_model::ambient::SystemRandom;
use provost_testkit::{ChildServer, Device, Enrollment, RawStream, Via, assigned};

#[tokio::test]
async fn sigterm_with_live_sessions_ends_in_time_with_status_0() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = ChildServer::start(&data).await;
    let group_key = SymmetricKey::generate(&SystemRandom);
    server
        .dps_api()
        .put_enrollment(&Enrollment::group("line").keys(Some(&group_key), None))
        .await;
    let mut sessions = Vec::new();
    for number in 0..20 {
        let device = Device::of_group(&format!("press-{number}"), &group_key);
        assigned(device.register(&server, Via::Https).await);
        let mut session = device.connect_over(&server, number % 2 == 0).await.unwrap();
        session.send_telemetry(b"{}", &[]).await.unwrap();
        sessions.push(session);
    }
    // One that is in the middle of a request, one that has said nothing, one without a handshake.
    let mut asking = RawStream::https(&server).await;
    asking.send(b"GET /provost/health HTTP/1.1\r\nHost: local").await;
    let _silent = RawStream::mqtt(&server).await;
    let _plain = RawStream::plain(&server.connection.https).await;

    let status = server
        .terminate(Duration::from_secs(10))
        .await
        .expect("it ends within 10 s");
    assert_eq!(status.code(), Some(0));
    for session in &mut sessions {
        assert!(
            session.closed(Duration::from_secs(5)).await,
            "every session is closed"
        );
    }
    // What was answered is there after the next start.
    let server = ChildServer::start(&data).await;
    Device::of_group("press-0", &group_key)
        .connect(&server)
        .await
        .expect("the identity is stored");
    let path = format!("/provost/hubs/{}/telemetry?after=0&limit=100", server.hub().name);
    assert_eq!(
        server.hub_api().get(&path).await.ok()["value"]
            .as_array()
            .unwrap()
            .len(),
        20
    );
    assert!(
        server
            .terminate(Duration::from_secs(10))
            .await
            .expect("it ends again")
            .success()
    );
}
