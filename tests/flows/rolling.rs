//! certificate-management.md 5.4: a device's certificate changes.

use std::time::Duration;

use provost_model::DeviceAuth;
use provost_testkit::{
    Device, Enrollment, FixtureAuthority, Leaf, TestServer, Via, assigned, clients, connack_code,
    over_every_transport, refusal, signers,
};

/// CONNACK "not authorized".
const NOT_AUTHORIZED: u8 = 5;

async fn enrolled(leaf: &Leaf) -> (TestServer, Enrollment) {
    let enrollment = Enrollment::individual(leaf.common_name()).x509(&clients(leaf, None));
    (TestServer::with_entry(&enrollment).await, enrollment)
}

async fn grouped(authority: &FixtureAuthority) -> TestServer {
    TestServer::with_entry(&Enrollment::group("line").x509(&signers(authority))).await
}

/// The thumbprint the hub knows the device by.
async fn thumbprint(server: &TestServer, id: &str) -> String {
    match server.stored().identity(id).await.expect("an identity").auth {
        DeviceAuth::SelfSigned(slots) => slots.primary.expect("a thumbprint").to_ascii_uppercase(),
        other => panic!("not by thumbprint: {other:?}"),
    }
}

#[tokio::test]
async fn r_060_first_provisioning_proves_identity_and_gives_the_hub_the_thumbprint() {
    over_every_transport(async |via| {
        let leaf = Leaf::self_signed("press-60");
        let (server, _) = enrolled(&leaf).await;
        let impostor = Device::with_leaf(&Leaf::self_signed("press-60"));
        assert_eq!(
            refusal(impostor.register(&server, via).await),
            (401, 401_002),
            "{via:?}"
        );
        assert!(server.stored().identity("press-60").await.is_none());

        let device = Device::with_leaf(&leaf);
        let outcome = assigned(device.register(&server, via).await);
        assert_eq!(outcome.assigned_hub.as_deref(), Some(server.hub().host.as_str()));
        assert_eq!(thumbprint(&server, "press-60").await, leaf.sha256());
        device.connect(&server).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn r_061_a_swapped_leaf_is_refused_by_the_hub() {
    let leaf = Leaf::self_signed("press-61");
    let (server, _) = enrolled(&leaf).await;
    assigned(Device::with_leaf(&leaf).register(&server, Via::Mqtt).await);

    let swapped = Device::with_leaf(&Leaf::self_signed("press-61"));
    for websocket in [false, true] {
        let answer = swapped.connect_over(&server, websocket).await;
        assert_eq!(connack_code(answer), NOT_AUTHORIZED);
    }
    Device::with_leaf(&leaf).connect(&server).await.unwrap();
}

#[tokio::test]
async fn r_062_enrollment_updated_and_registered_again_the_new_leaf_connects() {
    over_every_transport(async |via| {
        let (old, new) = (Leaf::self_signed("press-62"), Leaf::self_signed("press-62"));
        let (server, _) = enrolled(&old).await;
        let device = Device::with_leaf(&new);
        assigned(Device::with_leaf(&old).register(&server, via).await);
        assert_eq!(
            refusal(device.register(&server, via).await),
            (401, 401_002),
            "{via:?}"
        );

        let updated = Enrollment::individual("press-62").x509(&clients(&new, None));
        server.dps_api().put_enrollment(&updated).await;
        assert_eq!(
            connack_code(device.connect(&server).await),
            NOT_AUTHORIZED,
            "the hub is not told yet"
        );
        assigned(device.register(&server, via).await);
        assert_eq!(thumbprint(&server, "press-62").await, new.sha256());
        device.connect(&server).await.unwrap();
        assert_eq!(
            connack_code(Device::with_leaf(&old).connect(&server).await),
            NOT_AUTHORIZED
        );
    })
    .await;
}

#[tokio::test]
async fn r_063_same_common_name_is_the_same_record_and_the_same_hub_device() {
    over_every_transport(async |via| {
        let (old, new) = (Leaf::self_signed("press-63"), Leaf::self_signed("press-63"));
        let (server, _) = enrolled(&old).await;
        assigned(Device::with_leaf(&old).register(&server, via).await);
        let before = server.stored().registration("press-63").await.unwrap();
        let identity = server.stored().identity("press-63").await.unwrap();
        let both = Enrollment::individual("press-63").x509(&clients(&old, Some(&new)));
        server.dps_api().put_enrollment(&both).await;
        assigned(Device::with_leaf(&new).register(&server, via).await);

        let after = server.stored().registrations().await;
        assert_eq!(after.len(), 1, "{via:?}");
        assert_eq!(after[0].created_at, before.created_at);
        assert!(after[0].updated_at > before.updated_at && after[0].etag != before.etag);
        let same = server.stored().identities().await;
        assert_eq!(same.len(), 1);
        assert_eq!(same[0].generation_id, identity.generation_id);
        assert_eq!(thumbprint(&server, "press-63").await, new.sha256());
    })
    .await;
}

#[tokio::test]
async fn r_064_another_common_name_is_a_second_record() {
    over_every_transport(async |via| {
        let intermediate = FixtureAuthority::root("Root").intermediate("Line CA");
        let server = grouped(&intermediate).await;
        assigned(
            Device::with_leaf(&intermediate.leaf("press-64"))
                .register(&server, via)
                .await,
        );
        assigned(
            Device::with_leaf(&intermediate.leaf("press-64b"))
                .register(&server, via)
                .await,
        );
        let records = server.stored().registrations().await;
        let ids: Vec<&str> = records
            .iter()
            .map(|record| record.registration_id.as_str())
            .collect();
        assert_eq!(ids, ["press-64", "press-64b"], "{via:?}");
        assert_eq!(server.stored().identities().await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn r_065_a_rolled_leaf_of_a_group_is_accepted_without_touching_the_group() {
    over_every_transport(async |via| {
        let intermediate = FixtureAuthority::root("Root").intermediate("Line CA");
        let server = grouped(&intermediate).await;
        assigned(
            Device::with_leaf(&intermediate.leaf("press-65"))
                .register(&server, via)
                .await,
        );
        let etag = server.dps_api().get("/enrollmentGroups/line").await.ok()["etag"].clone();

        assigned(
            Device::with_leaf(&intermediate.leaf("press-65"))
                .register(&server, via)
                .await,
        );
        assert_eq!(
            server.dps_api().get("/enrollmentGroups/line").await.ok()["etag"],
            etag,
            "{via:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn r_066_after_a_roll_in_a_group_the_hub_accepts_the_new_leaf() {
    over_every_transport(async |via| {
        let intermediate = FixtureAuthority::root("Root").intermediate("Line CA");
        let server = grouped(&intermediate).await;
        let (old, new) = (intermediate.leaf("press-66"), intermediate.leaf("press-66"));
        assigned(Device::with_leaf(&old).register(&server, via).await);
        Device::with_leaf(&old).connect(&server).await.unwrap();
        assert_eq!(
            connack_code(Device::with_leaf(&new).connect(&server).await),
            NOT_AUTHORIZED
        );

        assigned(Device::with_leaf(&new).register(&server, via).await);
        Device::with_leaf(&new).connect(&server).await.unwrap();
        assert_eq!(
            connack_code(Device::with_leaf(&old).connect(&server).await),
            NOT_AUTHORIZED
        );
    })
    .await;
}

#[tokio::test]
async fn r_068_two_rolls_on_one_day_and_one_after_years_are_alike() {
    for via in Via::ALL {
        let intermediate = FixtureAuthority::root("Root").intermediate("Line CA");
        let (server, clock) = TestServer::start_with_clock().await;
        let mut old = Leaf::self_signed("press-68");
        let own = Enrollment::individual("press-68").x509(&clients(&old, None));
        server.dps_api().put_enrollment(&own).await;
        let group = Enrollment::group("line").x509(&signers(&intermediate));
        server.dps_api().put_enrollment(&group).await;
        let mut of_group = intermediate.leaf("press-68g");
        for pause in [0, 1, 3, 24 * 365 * 4] {
            clock.advance(Duration::from_hours(pause));
            let (new, new_of_group) = (Leaf::self_signed("press-68"), intermediate.leaf("press-68g"));
            server.dps_api().fill(&own, "primary", Some(new.slot())).await;
            for (old, new) in [(&old, &new), (&of_group, &new_of_group)] {
                Device::with_leaf(new).is_assigned(&server, via).await;
                Device::with_leaf(new).is_let_in(&server).await;
                Device::with_leaf(old).is_turned_away(&server).await;
            }
            Device::with_leaf(&old).is_unauthorized(&server, via).await;
            (old, of_group) = (new, new_of_group);
        }
        assert_eq!(server.stored().registrations().await.len(), 2, "{via:?}");
        assert_eq!(server.stored().identities().await.len(), 2);
    }
}
