//! certificate-management.md 5.5: rolling the signing certificates of an enrollment group.

use std::time::Duration;

use provost_testkit::{
    Device, Enrollment, FixtureAuthority, TestServer, Via, over_every_transport, signer_slots, signers,
};
use serde_json::json;

fn line(primary: &FixtureAuthority) -> Enrollment {
    Enrollment::group("line").x509(&signers(primary))
}

/// A device with a new leaf of this authority.
fn device(id: &str, issuer: &FixtureAuthority) -> Device {
    Device::with_leaf(&issuer.leaf(id))
}

#[tokio::test]
async fn r_090_after_a_breach_signing_certificates_are_replaced_and_old_chains_fail_at_once() {
    over_every_transport(async |via| {
        let root = FixtureAuthority::root("Root");
        let [stolen, second, third, fourth] =
            ["CA 1", "CA 2", "CA 3", "CA 4"].map(|name| root.intermediate(name));
        let group = line(&stolen);
        let server = TestServer::with_entry(&group).await;
        let [old, beside, new] = [&stolen, &second, &third].map(|issuer| device("press-90", issuer));
        old.is_assigned(&server, via).await;

        server
            .dps_api()
            .fill(&group, "secondary", Some(second.slot()))
            .await;
        beside.is_assigned(&server, via).await;
        server.dps_api().fill(&group, "primary", Some(third.slot())).await;
        old.is_unauthorized(&server, via).await;
        new.is_assigned(&server, via).await;
        beside.is_assigned(&server, via).await;

        let both = Enrollment::group("line").x509(&signer_slots(Some(&fourth), None));
        server.dps_api().put_enrollment(&both).await;
        for lost in [&old, &beside, &new] {
            lost.is_unauthorized(&server, via).await;
        }
        device("press-90", &fourth).is_assigned(&server, via).await;
    })
    .await;
}

#[tokio::test]
async fn r_091_by_default_a_signing_certificate_needs_no_root_in_the_service() {
    over_every_transport(async |via| {
        let root = FixtureAuthority::root("Root");
        let group = line(&root.intermediate("CA 1"));
        let server = TestServer::with_entry(&group).await;
        let new = FixtureAuthority::root("Unknown Root").intermediate("CA 2");
        let device = device("press-91", &new);
        device.is_unauthorized(&server, via).await;
        server.dps_api().fill(&group, "primary", Some(new.slot())).await;
        device.is_assigned(&server, via).await;
    })
    .await;
}

#[tokio::test]
async fn r_091_when_configured_a_signing_certificate_needs_a_verified_root() {
    over_every_transport(async |via| {
        let root = FixtureAuthority::root("Root");
        let intermediate = root.intermediate("CA 1");
        let server = TestServer::start_configured(|config| {
            config.dps.signing_certificates_need_verified_ca = true;
        })
        .await;
        server.dps_api().put_enrollment(&line(&intermediate)).await;
        let device = device("press-91", &intermediate);
        device.is_unauthorized(&server, via).await;
        server.trust("other", &FixtureAuthority::root("Other Root")).await;
        device.is_unauthorized(&server, via).await;

        let unverified = json!({ "properties": { "certificate": root.pem(), "isVerified": false } });
        let path = server.authority_path("/root");
        server.management().put(&path, &unverified).await.ok();
        device.is_unauthorized(&server, via).await;
        server.distrust("root").await;
        server.trust("root", &root).await;
        device.is_assigned(&server, via).await;
        server.distrust("root").await;
        device.is_unauthorized(&server, via).await;
    })
    .await;
}

#[tokio::test]
async fn r_092_after_a_breach_old_devices_connect_until_their_hub_registrations_are_removed() {
    over_every_transport(async |via| {
        let root = FixtureAuthority::root("Root");
        let (stolen, new) = (root.intermediate("CA 1"), root.intermediate("CA 2"));
        let group = line(&stolen);
        let server = TestServer::with_entry(&group).await;
        let thieves = ["press-1", "press-2"].map(|id| device(id, &stolen));
        for thief in &thieves {
            thief.is_assigned(&server, via).await;
        }
        server.dps_api().fill(&group, "primary", Some(new.slot())).await;
        for thief in &thieves {
            thief.is_unauthorized(&server, via).await;
            let mut session = thief.is_let_in(&server).await;
            let path = format!("/devices/{}", thief.id);
            server.hub_api().delete(&path).await.no_content();
            assert!(session.closed(Duration::from_secs(10)).await, "{via:?}");
            thief.is_turned_away(&server).await;
            let renewed = device(&thief.id, &new);
            renewed.is_assigned(&server, via).await;
            renewed.is_let_in(&server).await;
            thief.is_turned_away(&server).await;
        }
    })
    .await;
}

#[tokio::test]
async fn r_095_before_expiry_a_second_intermediate_is_added_and_the_first_removed_later() {
    for via in Via::ALL {
        let (server, clock) = TestServer::start_with_clock().await;
        let last = clock.in_an_hour();
        let root = FixtureAuthority::root("Root");
        let old = root.intermediate_between("CA 1", (last.before(Duration::from_hours(2)), last));
        let new = root.intermediate("CA 2");
        let group = line(&old);
        server.dps_api().put_enrollment(&group).await;
        // The leaf itself outlives its issuer.
        let [early, late] = [&old, &new].map(|issuer| device("press-95", issuer));
        early.is_assigned(&server, via).await;
        late.is_unauthorized(&server, via).await;

        server.dps_api().fill(&group, "secondary", Some(new.slot())).await;
        early.is_assigned(&server, via).await;
        late.is_assigned(&server, via).await;
        clock.set(last);
        early.is_assigned(&server, via).await;
        clock.set(last.after(Duration::from_secs(1)));
        early.is_unauthorized(&server, via).await;
        late.is_assigned(&server, via).await;

        server.dps_api().fill(&group, "primary", None).await;
        late.is_assigned(&server, via).await;
        early.is_unauthorized(&server, via).await;
        let next = root.intermediate("CA 3");
        server.dps_api().fill(&group, "primary", Some(next.slot())).await;
        device("press-95", &next).is_assigned(&server, via).await;
        late.is_assigned(&server, via).await;
    }
}
