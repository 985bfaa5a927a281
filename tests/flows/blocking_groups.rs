//! certificate-management.md 5.3, 5.4: what blocking a group, or one certificate of it, leaves alone.

use provost_testkit::{
    Device, Enrollment, FixtureAuthority, TestServer, clients, over_every_transport, signers,
};

fn group(id: &str, authority: &FixtureAuthority) -> Enrollment {
    Enrollment::group(id).x509(&signers(authority))
}

/// The group a device came in by.
async fn group_of(server: &TestServer, id: &str) -> String {
    let record = server.stored().registration(id).await.expect("a record");
    record.group.expect("by a group").to_string()
}

#[tokio::test]
async fn r_044_the_group_of_a_certificate_higher_up_takes_over_when_a_group_is_deleted() {
    over_every_transport(async |via| {
        let root = FixtureAuthority::root("Root");
        let (middle, near) = (root.intermediate("Hall CA"), root.intermediate("Hall CA"));
        let line = middle.intermediate("Line CA");
        let server = TestServer::with_entry(&group("line", &line)).await;
        server.dps_api().put_enrollment(&group("hall", &middle)).await;
        server.dps_api().put_enrollment(&group("site", &root)).await;
        let device = Device::with_leaf(&line.leaf("press-44"));
        for decides in ["line", "hall", "site"] {
            device.is_assigned(&server, via).await;
            assert_eq!(group_of(&server, "press-44").await, decides, "{via:?}");
            let path = format!("/enrollmentGroups/{decides}");
            server.dps_api().delete(&path).await.no_content();
        }
        device.is_unauthorized(&server, via).await;
        // A group of a certificate beside the chain, of the same name and issuer, is no help.
        server.dps_api().put_enrollment(&group("beside", &near)).await;
        device.is_unauthorized(&server, via).await;
    })
    .await;
}

#[tokio::test]
async fn r_047_disabling_and_deleting_a_group_leaves_its_devices_at_the_hub() {
    over_every_transport(async |via| {
        let intermediate = FixtureAuthority::root("Root").intermediate("Line CA");
        let group = group("line", &intermediate);
        let server = TestServer::with_entry(&group).await;
        let device = Device::with_leaf(&intermediate.leaf("press-47"));
        device.is_assigned(&server, via).await;
        let before = server.stored().identity("press-47").await;
        let mut session = device.is_let_in(&server).await;

        server.dps_api().put_enrollment(&group.clone().disabled()).await;
        device.is_disabled(&server, via).await;
        session.send_telemetry(b"{}", &[]).await.expect("still connected");
        server.dps_api().delete(&group.path()).await.no_content();
        device.is_unauthorized(&server, via).await;
        session.send_telemetry(b"{}", &[]).await.expect("still connected");
        device.is_let_in(&server).await;
        let after = server.stored().identity("press-47").await;
        assert_eq!(
            after.map(|identity| (identity.etag, identity.auth, identity.status)),
            before.map(|identity| (identity.etag, identity.auth, identity.status)),
            "{via:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn r_067_one_stolen_leaf_of_a_group_is_blocked_while_the_group_stays_enabled() {
    over_every_transport(async |via| {
        let intermediate = FixtureAuthority::root("Root").intermediate("Line CA");
        let server = TestServer::with_entry(&group("line", &intermediate)).await;
        let (stolen, new) = (intermediate.leaf("press-67"), intermediate.leaf("press-67"));
        let (thief, renewed) = (Device::with_leaf(&stolen), Device::with_leaf(&new));
        let neighbour = Device::with_leaf(&intermediate.leaf("press-68"));
        thief.is_assigned(&server, via).await;

        let block = Enrollment::individual("press-67").x509(&clients(&stolen, None));
        server.dps_api().put_enrollment(&block.clone().disabled()).await;
        thief.is_disabled(&server, via).await;
        neighbour.is_assigned(&server, via).await;
        // Under another name a new leaf comes in by the group ...
        let renamed = Device::with_leaf(&intermediate.leaf("press-67b"));
        renamed.is_assigned(&server, via).await;
        assert_eq!(group_of(&server, "press-67b").await, "line");
        // ... under the same name by the enrollment that held the stolen one.
        renewed.is_unauthorized(&server, via).await;
        let own = Enrollment::individual("press-67").x509(&clients(&new, None));
        server.dps_api().put_enrollment(&own).await;
        renewed.is_assigned(&server, via).await;
        thief.is_unauthorized(&server, via).await;
    })
    .await;
}
