//! certificate-management.md 5.6: devices that come back with another certificate.

use std::time::Duration;

use provost_device::DeviceError;
use provost_device::hub::{HubEvent, HubSession};
use provost_testkit::{
    Device, Endpoints, Enrollment, FixtureAuthority, Leaf, TestServer, Via, clients, over_every_transport,
    signers,
};
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);

fn individual(primary: &Leaf, secondary: Option<&Leaf>) -> Enrollment {
    Enrollment::individual(primary.common_name()).x509(&clients(primary, secondary))
}

/// What a device does on its own: connect, and when its hub refuses, register and connect again.
/// Gives the session and how often it had to register.
async fn come_in(device: &Device, endpoints: &Endpoints, via: Via) -> (HubSession, usize) {
    for registrations in 0..3 {
        match device.connect(endpoints).await {
            Ok(session) => return (session, registrations),
            Err(DeviceError::Refused(_)) => device.is_assigned(endpoints, via).await,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("{} does not come in over {via:?}", device.id)
}

#[tokio::test]
async fn r_100_refused_by_its_hub_a_device_registers_and_connects_with_its_new_leaf() {
    over_every_transport(async |via| {
        let (old, new) = (Leaf::self_signed("press-100"), Leaf::self_signed("press-100"));
        let enrollment = individual(&old, None);
        let server = TestServer::with_entry(&enrollment).await;
        let (_session, registrations) = come_in(&Device::with_leaf(&old), &server, via).await;
        assert_eq!(registrations, 1, "unknown to the hub at first");
        let (_session, registrations) = come_in(&Device::with_leaf(&old), &server, via).await;
        assert_eq!(registrations, 0);

        server
            .dps_api()
            .fill(&enrollment, "primary", Some(new.slot()))
            .await;
        let (mut session, registrations) = come_in(&Device::with_leaf(&new), &server, via).await;
        assert_eq!(registrations, 1, "{via:?}");
        session.send_telemetry(b"{}", &[]).await.unwrap();

        // Below a group nobody has to touch the entry.
        let line = FixtureAuthority::root("Root").intermediate("Line CA");
        let group = Enrollment::group("line").x509(&signers(&line));
        server.dps_api().put_enrollment(&group).await;
        for _ in 0..3 {
            let rolled = Device::with_leaf(&line.leaf("press-line"));
            assert_eq!(come_in(&rolled, &server, via).await.1, 1, "{via:?}");
        }
    })
    .await;
}

/// Answers the method that asks the device to register again, and gives its name.
async fn answer_method(session: &mut HubSession) -> String {
    let event = session.next_event(SOON).await.unwrap().expect("a method");
    let HubEvent::Method { name, rid, .. } = event else {
        panic!("{event:?}")
    };
    session.answer_method(&rid, 200, b"\"going\"").await.unwrap();
    name
}

#[tokio::test]
async fn r_101_in_the_overlap_the_back_end_calls_the_device_to_register_again() {
    over_every_transport(async |via| {
        let (old, new) = (Leaf::self_signed("press-101"), Leaf::self_signed("press-101"));
        let enrollment = individual(&old, Some(&new));
        let server = TestServer::with_entry(&enrollment).await;
        let (before, after) = (Device::with_leaf(&old), Device::with_leaf(&new));
        before.is_assigned(&server, via).await;
        let mut session = before.is_let_in(&server).await;
        session.subscribe().await.unwrap();

        let call = json!({ "methodName": "reprovision", "payload": null,
            "connectTimeoutInSeconds": 0, "responseTimeoutInSeconds": 20 });
        let api = server.hub_api();
        let (answer, name) = tokio::join!(
            api.post("/twins/press-101/methods", &call),
            answer_method(&mut session)
        );
        assert_eq!(
            (answer.ok(), name.as_str()),
            (json!({ "status": 200, "payload": "going" }), "reprovision")
        );
        after.is_assigned(&server, via).await;
        assert!(
            session.closed(SOON).await,
            "another credential, another session, {via:?}"
        );
        after.is_let_in(&server).await;
        server.dps_api().fill(&enrollment, "primary", None).await;
        before.is_unauthorized(&server, via).await;
        after.is_assigned(&server, via).await;
    })
    .await;
}

#[tokio::test]
async fn r_102_the_old_thumbprint_opens_nothing_unless_it_is_kept_as_secondary() {
    over_every_transport(async |via| {
        let (old, new) = (Leaf::self_signed("press-102"), Leaf::self_signed("press-102"));
        let server = TestServer::with_entry(&individual(&old, Some(&new))).await;
        let (before, after) = (Device::with_leaf(&old), Device::with_leaf(&new));
        before.is_assigned(&server, via).await;
        after.is_assigned(&server, via).await;
        before.is_turned_away(&server).await;
        after.is_let_in(&server).await;

        let path = "/devices/press-102";
        let mut shown = server.hub_api().get(path).await.ok();
        shown["authentication"]["x509Thumbprint"]["secondaryThumbprint"] = json!(old.sha256());
        server.hub_api().put_if(path, "*", &shown).await.ok();
        before.is_let_in(&server).await;
        after.is_let_in(&server).await;
    })
    .await;
}

#[tokio::test]
async fn r_103_a_certificate_is_blocked_by_disabling_the_entry_that_contains_it() {
    over_every_transport(async |via| {
        let line = FixtureAuthority::root("Root").intermediate("Line CA");
        let group = Enrollment::group("line").x509(&signers(&line));
        let [primary, secondary] = std::array::from_fn(|_| Leaf::self_signed("press-103"));
        let own = individual(&primary, Some(&secondary));
        let server = TestServer::with_entry(&own).await;
        server.dps_api().put_enrollment(&group).await;
        let of_line = Device::with_leaf(&line.leaf("press-line"));
        let holders = [Device::with_leaf(&primary), Device::with_leaf(&secondary)];

        server.dps_api().put_enrollment(&own.clone().disabled()).await;
        for holder in &holders {
            holder.is_disabled(&server, via).await;
        }
        of_line.is_assigned(&server, via).await;
        server.dps_api().put_enrollment(&group.clone().disabled()).await;
        server.dps_api().put_enrollment(&own).await;
        of_line.is_disabled(&server, via).await;
        for holder in &holders {
            holder.is_assigned(&server, via).await;
        }
    })
    .await;
}
