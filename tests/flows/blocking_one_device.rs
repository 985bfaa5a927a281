//! certificate-management.md 5.2: one device of a group is kept out, the others are not.

use provost_device::provisioning::RegistrationStatus;
use provost_model::ambient::SystemRandom;
use provost_model::{RegistrationState, SymmetricKey};
use provost_testkit::{
    Device, Enrollment, FixtureAuthority, Leaf, TestServer, Via, assigned, assigned_hub, clients,
    over_every_transport, refusal, signers,
};

/// A group under an authority, and a device with a leaf of it.
struct Line {
    server: TestServer,
    leaf: Leaf,
    device: Device,
}

impl Line {
    /// A group for the intermediate that signed the leaf.
    async fn under_intermediate() -> Self {
        let intermediate = FixtureAuthority::root("Line Root").intermediate("Line CA 1");
        Self::under(&intermediate, &intermediate).await
    }

    /// A group for the root above the intermediate that signed the leaf.
    async fn under_root() -> Self {
        let root = FixtureAuthority::root("Line Root");
        Self::under(&root, &root.intermediate("Line CA 1")).await
    }

    async fn under(signing: &FixtureAuthority, issuer: &FixtureAuthority) -> Self {
        let server = TestServer::start().await;
        let group = Enrollment::group("line").x509(&signers(signing));
        server.dps_api().put_enrollment(&group).await;
        let leaf = issuer.leaf("press-1");
        let device = Device::with_leaf(&leaf);
        Self { server, leaf, device }
    }

    async fn put(&self, enrollment: &Enrollment) {
        self.server.dps_api().put_enrollment(enrollment).await;
    }

    /// An enrollment of the device's own with its leaf.
    fn own(&self) -> Enrollment {
        Enrollment::individual("press-1").x509(&clients(&self.leaf, None))
    }

    async fn assert_disabled(&self, via: Via) {
        let outcome = self.device.register(&self.server, via).await.unwrap();
        assert_eq!(outcome.status, RegistrationStatus::Disabled, "{via:?}");
        let record = self.server.stored().registration("press-1").await.unwrap();
        assert_eq!(record.state, RegistrationState::Disabled);
        // One that leads to a hub still belongs to the entry that led there.
        assert_eq!(record.group.is_some(), record.kept.is_some(), "{via:?}");
    }

    async fn assert_admitted_by_group(&self, via: Via) {
        assigned(self.device.register(&self.server, via).await);
        let record = self.server.stored().registration("press-1").await.unwrap();
        assert_eq!(
            record.group.map(|group| group.to_string()),
            Some("line".to_owned())
        );
    }
}

#[tokio::test]
async fn r_020_the_devices_own_enrollment_goes_before_its_group() {
    over_every_transport(async |via| {
        let line = Line::under_intermediate().await;
        line.assert_admitted_by_group(via).await;
        line.put(&line.own().with("deviceId", "press-1-own")).await;

        let (_, device_id) = assigned_hub(line.device.register(&line.server, via).await);
        assert_eq!(device_id, "press-1-own", "{via:?}");
        let record = line.server.stored().registration("press-1").await.unwrap();
        assert_eq!(record.group, None);
    })
    .await;
}

#[tokio::test]
async fn r_021_the_enrollment_is_found_by_registration_id_whatever_its_attestation() {
    over_every_transport(async |via| {
        let line = Line::under_intermediate().await;
        let key = SymmetricKey::generate(&SystemRandom);
        // Another spelling is the same registration ID.
        line.put(&Enrollment::individual("PRESS-1").keys(Some(&key), None))
            .await;

        // The enrollment wants a key: the certificate that the group would take is no proof.
        assert_eq!(
            refusal(line.device.register(&line.server, via).await),
            (401, 401_002),
            "{via:?}"
        );
        assigned(
            Device::with_key("press-1", &key)
                .register(&line.server, via)
                .await,
        );
    })
    .await;
}

#[tokio::test]
async fn r_022_first_match_ends_the_search() {
    over_every_transport(async |via| {
        let line = Line::under_intermediate().await;
        line.put(&line.own().disabled()).await;
        line.assert_disabled(via).await;
        assert!(line.server.stored().identity("press-1").await.is_none());
    })
    .await;
}

#[tokio::test]
async fn r_023_disabled_individual_shadows_the_group_of_the_intermediate() {
    over_every_transport(async |via| {
        let line = Line::under_intermediate().await;
        line.assert_admitted_by_group(via).await;
        line.put(&line.own().disabled()).await;
        line.assert_disabled(via).await;
    })
    .await;
}

#[tokio::test]
async fn r_024_disabled_individual_shadows_the_group_of_the_root() {
    over_every_transport(async |via| {
        let line = Line::under_root().await;
        line.assert_admitted_by_group(via).await;
        line.put(&line.own().disabled()).await;
        line.assert_disabled(via).await;
    })
    .await;
}

#[tokio::test]
async fn r_025_disabled_individual_with_the_current_leaf_rejects_it() {
    over_every_transport(async |via| {
        let line = Line::under_intermediate().await;
        line.put(&line.own().disabled()).await;
        line.assert_disabled(via).await;
        // A stranger's leaf under the same name proves nothing, so it is not even told "disabled".
        let stranger = Device::with_leaf(&Leaf::self_signed("press-1"));
        assert_eq!(
            refusal(stranger.register(&line.server, via).await),
            (401, 401_002),
            "{via:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn r_026_disabled_individual_with_generated_keys_blocks_the_certificate() {
    over_every_transport(async |via| {
        let line = Line::under_intermediate().await;
        line.assert_admitted_by_group(via).await;
        let blocked = Enrollment::individual("press-1").keys(None, None).disabled();
        let made = line
            .server
            .dps_api()
            .put(&blocked.path(), &blocked.body())
            .await
            .ok();
        let primary = made["attestation"]["symmetricKey"]["primaryKey"].as_str();
        assert!(
            primary.is_some_and(|key| !key.is_empty()),
            "keys are generated: {made}"
        );

        assert_eq!(
            refusal(line.device.register(&line.server, via).await),
            (401, 401_002),
            "{via:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn r_027_hub_device_id_and_common_name_both_name_the_device() {
    over_every_transport(async |via| {
        let line = Line::under_intermediate().await;
        let (_, device_id) = assigned_hub(line.device.register(&line.server, via).await);
        assert_eq!(device_id, line.leaf.common_name());
        let blocked = Enrollment::individual(&device_id)
            .x509(&clients(&line.leaf, None))
            .disabled();
        line.put(&blocked).await;
        line.assert_disabled(via).await;
    })
    .await;
}

#[tokio::test]
async fn r_028_the_other_devices_of_the_group_are_not_affected() {
    over_every_transport(async |via| {
        let intermediate = FixtureAuthority::root("Line Root").intermediate("Line CA 1");
        let line = Line::under(&intermediate, &intermediate).await;
        line.put(&line.own().disabled()).await;
        line.assert_disabled(via).await;
        let neighbour = Device::with_leaf(&intermediate.leaf("press-2"));
        assigned(neighbour.register(&line.server, via).await);
        assert!(line.server.stored().identity("press-2").await.is_some());
    })
    .await;
}

#[tokio::test]
async fn r_029_enabled_its_own_attestation_decides_and_deleted_the_group_does() {
    over_every_transport(async |via| {
        let line = Line::under_intermediate().await;
        let other = Leaf::self_signed("press-1");
        let own = Enrollment::individual("press-1").x509(&clients(&other, None));
        line.put(&own.clone().disabled()).await;
        line.put(&own).await;

        assigned(Device::with_leaf(&other).register(&line.server, via).await);
        assert_eq!(
            refusal(line.device.register(&line.server, via).await),
            (401, 401_002),
            "{via:?}"
        );
        line.server.dps_api().delete(&own.path()).await.no_content();
        line.assert_admitted_by_group(via).await;
        let stranger = Device::with_leaf(&other).register(&line.server, via).await;
        assert_eq!(refusal(stranger), (401, 401_002), "{via:?}");
    })
    .await;
}

#[tokio::test]
async fn r_030_an_enrollment_may_be_created_disabled() {
    let line = Line::under_intermediate().await;
    let blocked = line.own().disabled();
    let made = line
        .server
        .dps_api()
        .put(&blocked.path(), &blocked.body())
        .await
        .ok();
    assert_eq!(made["provisioningStatus"], "disabled");
    for via in Via::ALL {
        line.assert_disabled(via).await;
    }
}

#[tokio::test]
async fn r_031_a_hub_device_id_is_accepted_and_returned() {
    over_every_transport(async |via| {
        let line = Line::under_intermediate().await;
        let own = line.own().with("deviceId", "Hall7#press");
        let made = line.server.dps_api().put(&own.path(), &own.body()).await.ok();
        assert_eq!(made["deviceId"], "Hall7#press");
        let shown = line.server.dps_api().get(&own.path()).await.ok();
        assert_eq!(shown["deviceId"], "Hall7#press");

        let (_, device_id) = assigned_hub(line.device.register(&line.server, via).await);
        assert_eq!(device_id, "Hall7#press", "{via:?}");
        assert!(line.server.stored().identity("Hall7#press").await.is_some());
        assert!(line.server.stored().identity("press-1").await.is_none());
    })
    .await;
}

#[tokio::test]
async fn r_032_deleting_the_enrollment_of_a_group_member_is_not_a_block() {
    over_every_transport(async |via| {
        let line = Line::under_intermediate().await;
        let own = line.own();
        line.put(&own).await;
        assigned(line.device.register(&line.server, via).await);
        line.server.dps_api().delete(&own.path()).await.no_content();
        line.assert_admitted_by_group(via).await;
    })
    .await;
}
