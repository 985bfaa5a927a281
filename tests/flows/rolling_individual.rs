//! certificate-management.md 5.5: rolling the certificates of an individual enrollment.

use std::time::Duration;

use provost_testkit::{
    Device, Enrollment, Leaf, TestServer, Via, client_slots, clients, over_every_transport,
};

const SLOTS: [&str; 2] = ["primary", "secondary"];

/// An enrollment of the leaf's device with these certificates.
fn individual(primary: &Leaf, secondary: Option<&Leaf>) -> Enrollment {
    Enrollment::individual(primary.common_name()).x509(&clients(primary, secondary))
}

fn device(leaf: &Leaf) -> Device {
    Device::with_leaf(leaf)
}

#[tokio::test]
async fn r_080_after_a_breach_the_primary_is_replaced_in_one_update() {
    over_every_transport(async |via| {
        let (stolen, new) = (Leaf::self_signed("press-80"), Leaf::self_signed("press-80"));
        let enrollment = individual(&stolen, None);
        let server = TestServer::with_entry(&enrollment).await;
        device(&stolen).is_assigned(&server, via).await;

        server
            .dps_api()
            .fill(&enrollment, "primary", Some(new.slot()))
            .await;
        device(&stolen).is_unauthorized(&server, via).await;
        device(&new).is_assigned(&server, via).await;
        device(&stolen).is_unauthorized(&server, via).await;
    })
    .await;
}

#[tokio::test]
async fn r_081_after_a_breach_the_secondary_is_replaced_or_both_together() {
    over_every_transport(async |via| {
        let [first, stolen, new, third, fourth] = std::array::from_fn(|_| Leaf::self_signed("press-81"));
        let enrollment = individual(&first, Some(&stolen));
        let server = TestServer::with_entry(&enrollment).await;
        device(&stolen).is_assigned(&server, via).await;

        server
            .dps_api()
            .fill(&enrollment, "secondary", Some(new.slot()))
            .await;
        device(&stolen).is_unauthorized(&server, via).await;
        device(&new).is_assigned(&server, via).await;
        device(&first).is_assigned(&server, via).await;

        server
            .dps_api()
            .put_enrollment(&individual(&third, Some(&fourth)))
            .await;
        for lost in [&first, &new, &stolen] {
            device(lost).is_unauthorized(&server, via).await;
        }
        device(&third).is_assigned(&server, via).await;
        device(&fourth).is_assigned(&server, via).await;
    })
    .await;
}

#[tokio::test]
async fn r_082_after_a_breach_the_old_leaf_connects_until_its_hub_registration_is_removed() {
    over_every_transport(async |via| {
        let (stolen, new) = (Leaf::self_signed("press-82"), Leaf::self_signed("press-82"));
        let enrollment = individual(&stolen, None);
        let server = TestServer::with_entry(&enrollment).await;
        device(&stolen).is_assigned(&server, via).await;
        server
            .dps_api()
            .fill(&enrollment, "primary", Some(new.slot()))
            .await;
        device(&stolen).is_unauthorized(&server, via).await;
        let mut thief = device(&stolen).is_let_in(&server).await;

        server.hub_api().delete("/devices/press-82").await.no_content();
        assert!(thief.closed(Duration::from_secs(10)).await, "{via:?}");
        device(&stolen).is_turned_away(&server).await;
        device(&new).is_assigned(&server, via).await;
        device(&new).is_let_in(&server).await;
        device(&stolen).is_turned_away(&server).await;
    })
    .await;
}

#[tokio::test]
async fn r_083_before_expiry_a_secondary_is_added_and_both_register() {
    over_every_transport(async |via| {
        let (old, new) = (Leaf::self_signed("press-83"), Leaf::self_signed("press-83"));
        let enrollment = individual(&old, None);
        let server = TestServer::with_entry(&enrollment).await;
        device(&new).is_unauthorized(&server, via).await;
        server
            .dps_api()
            .fill(&enrollment, "secondary", Some(new.slot()))
            .await;
        for leaf in [&old, &new, &new, &old, &new] {
            device(leaf).is_assigned(&server, via).await;
            device(leaf).is_let_in(&server).await;
        }
        assert_eq!(server.stored().registrations().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn r_084_an_expired_primary_is_refused_and_the_secondary_works_alone() {
    for via in Via::ALL {
        let (server, clock) = TestServer::start_with_clock().await;
        let last = clock.in_an_hour();
        let (begin, end) = (
            last.before(Duration::from_hours(2)),
            last.after(Duration::from_hours(2)),
        );
        let old = Leaf::self_signed_between("press-84", (begin, last));
        let new = Leaf::self_signed_between("press-84", (last, end));
        let enrollment = individual(&old, Some(&new));
        server.dps_api().put_enrollment(&enrollment).await;

        clock.set(last.before(Duration::from_secs(1)));
        device(&old).is_assigned(&server, via).await;
        device(&new).is_unauthorized(&server, via).await;
        clock.set(last);
        device(&old).is_assigned(&server, via).await;
        device(&new).is_assigned(&server, via).await;
        clock.set(last.after(Duration::from_secs(1)));
        device(&old).is_unauthorized(&server, via).await;
        device(&new).is_assigned(&server, via).await;

        let left = server.dps_api().fill(&enrollment, "primary", None).await;
        let slots = &left["attestation"]["x509"]["clientCertificates"];
        assert!(
            slots["primary"].is_null() && slots["secondary"].is_object(),
            "{left}"
        );
        device(&new).is_assigned(&server, via).await;
        device(&old).is_unauthorized(&server, via).await;
    }
}

#[tokio::test]
async fn r_085_the_slots_take_turns_for_ever() {
    over_every_transport(async |via| {
        let mut old = Leaf::self_signed("press-85");
        let enrollment = individual(&old, None);
        let server = TestServer::with_entry(&enrollment).await;
        for turn in 1..6 {
            let new = Leaf::self_signed("press-85");
            let (free, taken) = (SLOTS[turn % 2], SLOTS[(turn + 1) % 2]);
            server.dps_api().fill(&enrollment, free, Some(new.slot())).await;
            device(&old).is_assigned(&server, via).await;
            device(&new).is_assigned(&server, via).await;
            server.dps_api().fill(&enrollment, taken, None).await;
            device(&old).is_unauthorized(&server, via).await;
            device(&new).is_assigned(&server, via).await;
            old = new;
        }
        // The same content in one slot only is the other way to write it.
        let alone = Enrollment::individual("press-85").x509(&client_slots(None, Some(&old)));
        server.dps_api().put_enrollment(&alone).await;
        device(&old).is_assigned(&server, via).await;
    })
    .await;
}
