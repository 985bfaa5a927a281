use std::time::Duration;

use provost_device::hub::{HubEvent, HubSession};
use provost_device::provisioning::RegistrationStatus;
use provost_testkit::{Via, assigned, connack_code};
use serde_json::json;

use super::Desk;

/// The README with the command line only; the Python device has its place in `tests/sdk`.
#[tokio::test]
async fn a_device_is_let_in_watched_refused_and_comes_back() {
    let desk = Desk::after_quickstart().await;
    let device = desk.device();
    assigned(device.register(&desk.server, Via::Mqtt).await);
    let mut session = device.connect(&desk.server).await.unwrap();
    session.subscribe().await.unwrap();
    session
        .send_telemetry(b"{\"temperature\":21}", &[])
        .await
        .unwrap();
    let seen = desk
        .provost(&["hub", "monitor", "--from-start", "--count", "1"])
        .await;
    assert!(
        seen.code == Some(0) && seen.stdout.contains("press-0001"),
        "{}{}",
        seen.stdout,
        seen.stderr
    );

    let set = "provost dps enrollment-group update --enrollment-group-id line-1 --provisioning-status";
    desk.shell(&format!("{set} disabled")).await.ok();
    let mut session = ask_to_reprovision(&desk, session).await;
    let outcome = device.register(&desk.server, Via::Mqtt).await.unwrap();
    assert_eq!(outcome.status, RegistrationStatus::Disabled);
    session
        .send_telemetry(b"{}", &[])
        .await
        .expect("the hub is left alone");

    desk.shell(&format!("{set} enabled")).await.ok();
    assigned(device.register(&desk.server, Via::Mqtt).await);

    let hub = "provost hub device update --device-id press-0001 --status";
    desk.shell(&format!("{hub} disabled")).await.ok();
    assert!(
        session.closed(Duration::from_secs(10)).await,
        "disabled at the hub it is thrown out"
    );
    assert_eq!(connack_code(device.connect(&desk.server).await), 3);
    desk.shell(&format!("{hub} enabled")).await.ok();
    device.connect(&desk.server).await.expect("it comes back");
}

/// A back end calls the method that asks the device to register again.
async fn ask_to_reprovision(desk: &Desk, mut session: HubSession) -> HubSession {
    let answering = tokio::spawn(async move {
        let event = session
            .next_event(Duration::from_secs(20))
            .await
            .unwrap()
            .expect("a method");
        let HubEvent::Method { name, rid, .. } = event else {
            panic!("{event:?}")
        };
        session.answer_method(&rid, 200, b"\"going\"").await.unwrap();
        (name, session)
    });
    let called = desk
        .provost(&[
            "hub",
            "method",
            "invoke",
            "--device-id",
            "press-0001",
            "--method-name",
            "reprovision",
        ])
        .await;
    assert_eq!(called.ok(), json!({ "status": 200, "payload": "going" }));
    let (name, session) = answering.await.unwrap();
    assert_eq!(name, "reprovision");
    session
}

#[tokio::test]
async fn simulated_devices_are_there_until_they_are_cleaned_up() {
    let desk = Desk::new().await;
    let simulate = [
        "simulate",
        "--devices",
        "5",
        "--prefix",
        "kept",
        "--no-pause",
        "--messages",
        "2",
        "--interval",
        "0.01",
    ];
    desk.provost(&simulate).await.ok();
    let listed = desk.provost(&["hub", "device", "list"]).await.ok();
    assert_eq!(listed.as_array().unwrap().len(), 5);
    let seen = desk
        .provost(&["hub", "monitor", "--from-start", "--count", "10"])
        .await;
    assert_eq!(
        (seen.code, seen.stdout.lines().count()),
        (Some(0), 10),
        "{}",
        seen.stdout
    );
    let symmetric = [
        "simulate",
        "--devices",
        "4",
        "--prefix",
        "gone",
        "--attestation",
        "symmetric",
    ];
    let more = ["--protocol", "https", "--no-pause", "--cleanup"];
    desk.provost(&[&symmetric[..], &more].concat()).await.ok();
    let listed = desk.provost(&["hub", "device", "list"]).await.ok();
    assert_eq!(
        listed.as_array().unwrap().len(),
        5,
        "what was made is removed again: {listed}"
    );
}
