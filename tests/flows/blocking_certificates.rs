//! certificate-management.md: a certificate of a disabled entry is refused
//! wherever it stands, and whoever else holds it.

use provost_device::provisioning::RegistrationStatus;
use provost_testkit::{
    Device, Enrollment, FixtureAuthority, Leaf, TestServer, Via, assigned, clients, over_every_transport,
    signers, with_other_signature,
};
use serde_json::json;

struct Plant {
    server: TestServer,
    root: FixtureAuthority,
    line: FixtureAuthority,
    leaf: Leaf,
}

impl Plant {
    /// A device whose chain goes over an intermediate to a root; no entries yet.
    async fn new() -> Self {
        let root = FixtureAuthority::root("Plant Root");
        let line = root.intermediate("Line CA 1");
        let leaf = line.leaf("press-1");
        Self {
            server: TestServer::start().await,
            root,
            line,
            leaf,
        }
    }

    async fn put(&self, enrollment: Enrollment) {
        self.server.dps_api().put_enrollment(&enrollment).await;
    }

    /// An enabled group of the intermediate below a disabled one that refers to the root, which is
    /// uploaded at the path that is answered.
    async fn block_by_reference(&self) -> String {
        let upload = json!({ "properties": { "certificate": self.root.pem(), "isVerified": true } });
        let path = self.server.authority_path("/plant-root");
        self.server.management().put(&path, &upload).await.ok();
        self.put(group("line", &self.line)).await;
        self.put(Enrollment::group("root").authority("plant-root").disabled())
            .await;
        path
    }

    async fn status(&self, via: Via) -> RegistrationStatus {
        let device = Device::with_leaf(&self.leaf);
        device.register(&self.server, via).await.unwrap().status
    }

    /// Refused as disabled; the hub hears nothing of it.
    async fn assert_blocked(&self, via: Via) {
        assert_eq!(self.status(via).await, RegistrationStatus::Disabled, "{via:?}");
        assert!(self.server.stored().identity("press-1").await.is_none());
    }

    async fn assert_admitted(&self, via: Via) {
        assigned(Device::with_leaf(&self.leaf).register(&self.server, via).await);
    }
}

/// Holding a certificate is enough to write it with another signature and thumbprint; it is blocked all the same.
#[tokio::test]
async fn r_033_a_certificate_with_another_signature_is_the_one_that_is_held() {
    over_every_transport(async |via| {
        let plant = Plant::new().await;
        plant.put(group("root", &plant.root)).await;
        let (leaf, line) = (plant.leaf.der(), plant.line.der());
        let shown = |leaf: &[u8], line: &[u8]| {
            Device::with_certificate("press-1", &plant.leaf, vec![leaf.to_vec(), line.to_vec()])
        };
        let forms = [
            shown(&with_other_signature(leaf), line),
            shown(leaf, &with_other_signature(line)),
        ];
        for device in &forms {
            assigned(device.register(&plant.server, via).await);
        }
        for block in [
            individual("quarantine", &plant.leaf),
            group("line-blocked", &plant.line),
        ] {
            plant.put(block.clone().disabled()).await;
            for device in &forms {
                let outcome = device.register(&plant.server, via).await.unwrap();
                assert_eq!(outcome.status, RegistrationStatus::Disabled, "{via:?}");
            }
            plant.put(block).await;
        }
    })
    .await;
}

fn group(id: &str, authority: &FixtureAuthority) -> Enrollment {
    Enrollment::group(id).x509(&signers(authority))
}

fn individual(id: &str, leaf: &Leaf) -> Enrollment {
    Enrollment::individual(id).x509(&clients(leaf, None))
}

#[tokio::test]
async fn r_033_a_leaf_in_another_devices_disabled_entry_is_refused_by_its_own_and_by_its_group() {
    over_every_transport(async |via| {
        let plant = Plant::new().await;
        plant.put(individual("quarantine", &plant.leaf).disabled()).await;
        plant.put(group("line", &plant.line)).await;
        plant.assert_blocked(via).await;
        plant.put(individual("press-1", &plant.leaf)).await;
        plant.assert_blocked(via).await;

        plant.put(individual("quarantine", &plant.leaf)).await;
        plant.assert_admitted(via).await;
    })
    .await;
}

#[tokio::test]
async fn r_033_a_signing_certificate_in_a_disabled_group_is_refused_although_an_older_enabled_one_holds_it() {
    over_every_transport(async |via| {
        let plant = Plant::new().await;
        plant.put(group("line", &plant.line)).await;
        plant.put(group("line-blocked", &plant.line).disabled()).await;
        plant.assert_blocked(via).await;

        let deleted = plant
            .server
            .dps_api()
            .delete("/enrollmentGroups/line-blocked")
            .await;
        assert_eq!(deleted.status, 204);
        plant.assert_admitted(via).await;
    })
    .await;
}

#[tokio::test]
async fn r_045_a_disabled_group_of_the_intermediate_blocks_under_an_enabled_group_of_the_root() {
    over_every_transport(async |via| {
        let plant = Plant::new().await;
        plant.put(group("root", &plant.root)).await;
        plant.put(group("line", &plant.line).disabled()).await;
        plant.assert_blocked(via).await;

        plant.put(group("line", &plant.line)).await;
        plant.assert_admitted(via).await;
    })
    .await;
}

#[tokio::test]
async fn r_046_a_compromised_root_blocks_every_chain_that_contains_it() {
    over_every_transport(async |via| {
        let plant = Plant::new().await;
        plant.put(group("line", &plant.line)).await;
        plant.put(group("root", &plant.root).disabled()).await;
        plant.assert_blocked(via).await;
        // Leaving the root out of what is sent does not help: it is registered.
        let alone = Device::with_certificate(
            "press-1",
            &plant.leaf,
            vec![plant.leaf.der().to_vec(), plant.line.der().to_vec()],
        );
        let outcome = alone.register(&plant.server, via).await.unwrap();
        assert_eq!(outcome.status, RegistrationStatus::Disabled);

        let deleted = plant.server.dps_api().delete("/enrollmentGroups/root").await;
        assert_eq!(deleted.status, 204);
        plant.assert_admitted(via).await;
    })
    .await;
}

#[tokio::test]
async fn r_046_a_compromised_root_blocks_also_where_a_group_only_refers_to_it() {
    over_every_transport(async |via| {
        let plant = Plant::new().await;
        plant.block_by_reference().await;
        plant.assert_blocked(via).await;

        plant.put(Enrollment::group("root").authority("plant-root")).await;
        plant.assert_admitted(via).await;
    })
    .await;
}

#[tokio::test]
async fn r_086_deleting_a_blocked_root_does_not_lift_its_block() {
    over_every_transport(async |via| {
        let plant = Plant::new().await;
        let path = plant.block_by_reference().await;
        plant.assert_blocked(via).await;

        let any = [("if-match", "*")];
        let deleted = plant.server.management().send("DELETE", &path, &any, None).await;
        assert!(deleted.status < 300, "{}", deleted.status);
        // The device sends its whole chain, the root included.
        let chain = [plant.leaf.der(), plant.line.der(), plant.root.der()].map(<[u8]>::to_vec);
        let whole = Device::with_certificate("press-1", &plant.leaf, chain.to_vec());
        let outcome = whole.register(&plant.server, via).await.unwrap();
        assert_eq!(outcome.status, RegistrationStatus::Disabled, "{via:?}");
    })
    .await;
}

#[tokio::test]
async fn r_103_an_enrollment_of_its_own_lets_a_device_in_under_a_blocked_issuer() {
    over_every_transport(async |via| {
        let plant = Plant::new().await;
        plant.put(group("line", &plant.line).disabled()).await;
        plant.assert_blocked(via).await;
        // The operator vouches for exactly this leaf, whoever signed it.
        plant.put(individual("press-1", &plant.leaf)).await;
        plant.assert_admitted(via).await;
    })
    .await;
}
