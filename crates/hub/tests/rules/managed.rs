//! Devices of the Device Registry: the identifier in the leaf decides.

use std::time::Duration;

use provost_hub::{CloseReason, ConnectRefusal, ConnectRequest, DeviceSession, SessionEvent};
use provost_model::ambient::SystemRandom;
use provost_model::registry::{
    CaId, DeviceIdentifier, NamespaceLink, RegistryDevice, Revocation, RevocationReason, RevokedEntry,
    SerialNumber,
};
use provost_model::{
    CertificateDer, Change, CredentialPolicyName, DeviceAuthKind, Etag, IfMatch, NamespaceName,
    RegistryDeviceName, SynchronizedCa,
};
use provost_pki::PresentedChain;
use provost_store::{CrlPart, NewIntent, StoreError};
use provost_wire::ApiVersion;
use provost_wire::hub::service::{AuthInput, DeviceInput};

use crate::certificates::{Made, root};
use crate::house::{HOST, House, device, event, identity, keys, made, reason};

pub(crate) struct Plant {
    pub(crate) house: House,
    root: Made,
    issuing: Made,
    ca: CaId,
}

fn namespace() -> NamespaceName {
    NamespaceName::parse("plant").unwrap()
}

impl Plant {
    /// A hub that is linked and synchronized.
    async fn over(house: House) -> Self {
        let root = root("root", house.now());
        let issuing = root.intermediate("ica", house.now());
        let ca = CaId::generate(&SystemRandom);
        let from = SynchronizedCa {
            ca: ca.clone(),
            namespace: namespace(),
            policy: CredentialPolicyName::parse("line-7").unwrap(),
        };
        house.synchronize_ca(&issuing, from).await;
        let link = NamespaceLink::Hub(house.hub.name.clone());
        let linked = house.store.write(move |tx| {
            tx.put_namespace_link(&link, &namespace())?;
            tx.record(&made("namespaceLink"), ())
        });
        linked.await.unwrap();
        Self {
            house,
            root,
            issuing,
            ca,
        }
    }

    pub(crate) async fn new() -> Self {
        Self::over(House::new().await).await
    }

    /// A device of hub and registry, whose certificates come from the policy.
    pub(crate) async fn onboard(&self, id: &str) -> DeviceIdentifier {
        let by_authority = DeviceInput {
            authentication: Some(AuthInput {
                kind: Some(DeviceAuthKind::CertificateAuthority),
                ..AuthInput::default()
            }),
            ..DeviceInput::default()
        };
        self.house.put(id, by_authority, IfMatch::Absent).await;
        self.enter_registry(id, true).await
    }

    async fn enter_registry(&self, id: &str, has_policy: bool) -> DeviceIdentifier {
        let identifier = DeviceIdentifier::generate(&SystemRandom);
        let now = self.house.now();
        let registered = RegistryDevice {
            namespace: namespace(),
            name: RegistryDeviceName::parse(id).unwrap(),
            identifier,
            external_device_id: device(id),
            enabled: true,
            policy: has_policy.then(|| CredentialPolicyName::parse("line-7").unwrap()),
            hub: Some(self.house.hub.name.clone()),
            document: serde_json::Map::new(),
            version: 1,
            etag: Etag::from_text("e"),
            created_at: now,
            updated_at: now,
            transition_at: now,
        };
        let written = self.house.store.write(move |tx| {
            tx.insert_registry_device(&registered)?;
            tx.record(&made("registryDevice"), ())
        });
        written.await.unwrap();
        identifier
    }

    /// Changes the device in the registry, as a revocation does.
    pub(crate) async fn change(&self, id: &str, change: impl Fn(&mut RegistryDevice) + Send + 'static) {
        let (name, hub, id) = (
            RegistryDeviceName::parse(id).unwrap(),
            self.house.hub.name.clone(),
            device(id),
        );
        let written = self.house.store.write(move |tx| {
            let mut registered = tx.registry_device(&namespace(), &name)?.unwrap();
            change(&mut registered);
            tx.update_registry_device(&registered)?;
            tx.announce(&Change::Device {
                hub: hub.clone(),
                device_id: id.clone(),
            })?;
            tx.record::<_>(&made("registryDevice"), ())
        });
        let written: Result<(), StoreError> = written.await;
        written.unwrap();
    }

    pub(crate) async fn revoke(&self, id: &str) {
        self.change(id, |device| {
            device.identifier = device.identifier.rotated(&SystemRandom);
        })
        .await;
    }

    pub(crate) fn leaf(&self, id: &str, identifier: DeviceIdentifier) -> PresentedChain {
        self.issuing
            .device(id, identifier, self.house.now())
            .presented(&[&self.issuing, &self.root])
    }

    pub(crate) async fn connect(
        &self,
        id: &str,
        chain: &PresentedChain,
    ) -> Result<DeviceSession, ConnectRefusal> {
        self.connect_kept(id, chain, false).await
    }

    /// The same with a session that outlives its connection, or goes on from one that did.
    pub(crate) async fn connect_kept(
        &self,
        id: &str,
        chain: &PresentedChain,
        is_kept: bool,
    ) -> Result<DeviceSession, ConnectRefusal> {
        let request = ConnectRequest {
            host: HOST,
            id: &identity(id),
            sas: None,
            certificates: Some(chain),
            is_kept,
        };
        let session = self.house.service.connect(request).await?;
        Ok(session.speaking(ApiVersion::new("2025-08-01-preview")))
    }

    pub(crate) async fn registered(&self, id: &str) -> DeviceIdentifier {
        let name = RegistryDeviceName::parse(id).unwrap();
        let read = self
            .house
            .store
            .read(move |tx| tx.registry_device(&namespace(), &name));
        read.await.unwrap().unwrap().identifier
    }

    async fn close_reason(&self, session: &DeviceSession) -> Option<CloseReason> {
        self.house
            .service
            .recheck_device(&self.house.hub.name, &device("press-1"))
            .await;
        match tokio::time::timeout(Duration::from_millis(50), session.next_event()).await {
            Ok(SessionEvent::Close(reason)) => Some(reason),
            Ok(other) => panic!("{other:?}"),
            Err(_elapsed) => None,
        }
    }
}

#[tokio::test]
async fn a_012_the_chain_may_be_long_or_short() {
    let plant = Plant::new().await;
    let identifier = plant.onboard("press-1").await;
    let leaf = plant.issuing.device("press-1", identifier, plant.house.now());
    for others in [vec![], vec![&plant.issuing], vec![&plant.issuing, &plant.root]] {
        let chain = leaf.presented(&others);
        assert!(plant.connect("press-1", &chain).await.is_ok(), "{}", others.len());
    }
}

#[tokio::test]
async fn a_014_no_leaf_from_before_a_revocation_counts_again() {
    let plant = Plant::new().await;
    let first = plant.onboard("press-1").await;
    let old: Vec<_> = (0..3).map(|_| plant.leaf("press-1", first)).collect();
    assert!(plant.connect("press-1", &old[0]).await.is_ok());
    for _ in 0..2 {
        plant.revoke("press-1").await;
        for chain in &old {
            assert_eq!(reason(plant.connect("press-1", chain).await), "revokedIdentifier");
        }
        let now = plant.registered("press-1").await;
        assert_ne!(now, first);
        assert!(
            plant
                .connect("press-1", &plant.leaf("press-1", now))
                .await
                .is_ok()
        );
    }
}

#[tokio::test]
async fn a_015_without_the_identifier_or_with_another_ones_it_is_refused() {
    let plant = Plant::new().await;
    plant.onboard("press-1").await;
    let other = plant.onboard("press-2").await;
    let bare = plant.issuing.leaf("press-1", plant.house.now()).presented(&[]);
    assert_eq!(reason(plant.connect("press-1", &bare).await), "noIdentifier");
    let chain = plant.leaf("press-1", other);
    assert_eq!(reason(plant.connect("press-1", &chain).await), "otherIdentifier");
    // Whose name it is counts too.
    let chain = plant.leaf("press-2", other);
    assert_eq!(
        reason(plant.connect("press-1", &chain).await),
        "commonNameMismatch"
    );
}

#[tokio::test]
async fn a_device_made_anew_by_the_same_name_is_another_one() {
    let plant = Plant::new().await;
    let before = plant.onboard("press-1").await;
    let deleted = plant.house.store.write(|tx| {
        tx.delete_registry_device(&namespace(), &RegistryDeviceName::parse("press-1").unwrap())?;
        tx.record(&made("registryDevice"), ())
    });
    deleted.await.unwrap();
    plant.enter_registry("press-1", true).await;
    let chain = plant.leaf("press-1", before);
    assert_eq!(reason(plant.connect("press-1", &chain).await), "otherIdentifier");
}

#[tokio::test]
async fn under_a_synchronized_ca_everybody_is_managed() {
    let plant = Plant::new().await;
    let by_authority = DeviceInput {
        authentication: Some(AuthInput {
            kind: Some(DeviceAuthKind::CertificateAuthority),
            ..AuthInput::default()
        }),
        ..DeviceInput::default()
    };
    plant.house.put("stray", by_authority, IfMatch::Absent).await;
    let chain = plant.leaf("stray", DeviceIdentifier::generate(&SystemRandom));
    assert_eq!(reason(plant.connect("stray", &chain).await), "notInRegistry");
    // Also one the registry has without a policy.
    let identifier = plant.enter_registry("stray", false).await;
    assert_eq!(reason(plant.connect("stray", &chain).await), "otherIdentifier");
    let own = plant.leaf("stray", identifier);
    assert!(plant.connect("stray", &own).await.is_ok());
}

#[tokio::test]
async fn a_managed_device_needs_a_synchronized_ca() {
    let plant = Plant::new().await;
    let identifier = plant.onboard("press-1").await;
    let own = root("own", plant.house.now());
    plant.house.remove_ca().await;
    plant.house.register_ca(&own, true).await;
    let chain = own
        .device("press-1", identifier, plant.house.now())
        .presented(&[]);
    assert_eq!(reason(plant.connect("press-1", &chain).await), "notSynchronized");
}

#[tokio::test]
async fn a_021_a_revocation_ends_the_sessions_of_its_device_alone() {
    let plant = Plant::new().await;
    let (one, two) = (plant.onboard("press-1").await, plant.onboard("press-2").await);
    let session = plant
        .connect("press-1", &plant.leaf("press-1", one))
        .await
        .unwrap();
    let other = plant
        .connect("press-2", &plant.leaf("press-2", two))
        .await
        .unwrap();
    assert_eq!(plant.close_reason(&session).await, None);
    plant.revoke("press-1").await;
    assert_eq!(plant.close_reason(&session).await, Some(CloseReason::Revoked));
    assert!(!other.is_closed());
    assert!(
        plant
            .connect("press-2", &plant.leaf("press-2", two))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_020_disabled_in_the_registry_is_disabled_and_comes_back_with_the_same_leaf() {
    let plant = Plant::new().await;
    let chain = plant.leaf("press-1", plant.onboard("press-1").await);
    let session = plant.connect("press-1", &chain).await.unwrap();
    plant.change("press-1", |device| device.enabled = false).await;
    assert_eq!(plant.close_reason(&session).await, Some(CloseReason::Disabled));
    assert_eq!(reason(plant.connect("press-1", &chain).await), "disabled");
    plant.change("press-1", |device| device.enabled = true).await;
    assert!(plant.connect("press-1", &chain).await.is_ok());
}

#[tokio::test]
async fn a_018_disabled_in_the_registry_no_credential_connects() {
    let plant = Plant::new().await;
    let key = keys(&plant.house.create("press-1").await).primary;
    plant.enter_registry("press-1", true).await;
    let session = plant.house.connect_with_key("press-1", &key).await.unwrap();
    plant.change("press-1", |device| device.enabled = false).await;
    assert_eq!(plant.close_reason(&session).await, Some(CloseReason::Disabled));
    assert_eq!(
        reason(plant.house.connect_with_key("press-1", &key).await),
        "disabled"
    );
}

#[tokio::test]
async fn a_revocation_during_the_judging_is_seen() {
    let plant = Plant::new().await;
    let chain = plant.leaf("press-1", plant.onboard("press-1").await);
    for _ in 0..8 {
        let (connected, ()) = tokio::join!(plant.connect("press-1", &chain), async {
            plant.revoke("press-1").await;
            plant
                .house
                .service
                .recheck_device(&plant.house.hub.name, &device("press-1"))
                .await;
        });
        if let Ok(session) = connected {
            let closed = event(&session).await;
            assert!(matches!(closed, SessionEvent::Close(CloseReason::Revoked)));
        }
        assert_eq!(
            reason(plant.connect("press-1", &chain).await),
            "revokedIdentifier"
        );
    }
}

/// Puts the leaf of a chain on the CRL of its CA, and changes nothing else.
async fn list(plant: &Plant, chain: &PresentedChain, identifier: DeviceIdentifier) {
    let serial = SerialNumber::parse(&chain.leaf().serial_hex()).unwrap();
    let now = plant.house.now();
    let intent = NewIntent {
        ca: plant.ca.clone(),
        serial: serial.clone(),
        namespace: namespace(),
        device: RegistryDeviceName::parse("press-1").unwrap(),
        policy: CredentialPolicyName::parse("line-7").unwrap(),
        identifier,
        key_sha256: [1; 32],
        not_before: now,
        not_after: now.after(Duration::from_hours(24)),
        shard: 3,
        created_at: now,
    };
    let intended = plant.house.store.append(move |tx| tx.intend_certificate(&intent));
    let number = intended.await.unwrap();
    let leaf = chain.leaf().clone();
    let entry = RevokedEntry {
        serial,
        revocation: Revocation {
            at: now,
            reason: RevocationReason::Unspecified,
        },
        not_after: now.after(Duration::from_hours(24)),
    };
    let part = CrlPart {
        ca: plant.ca.clone(),
        shard: 3,
    };
    let written = plant.house.store.write(move |tx| {
        let (sha1, sha256) = (leaf.sha1_thumbprint(), leaf.sha256_thumbprint());
        let certificate = CertificateDer(leaf.der().to_vec());
        assert!(tx.complete_issued(number, &certificate, *sha1.as_bytes(), *sha256.as_bytes())?);
        tx.insert_revoked(&part, &entry)?;
        tx.record(&made("certificate"), ())
    });
    written.await.unwrap();
}

#[tokio::test]
async fn a_010_a_certificate_on_the_crl_is_accepted_unless_the_hub_is_strict() {
    for (house, refusal) in [(House::new().await, None), (House::strict().await, Some("onCrl"))] {
        let plant = Plant::over(house).await;
        let identifier = plant.onboard("press-1").await;
        let chain = plant.leaf("press-1", identifier);
        assert!(plant.connect("press-1", &chain).await.is_ok());
        list(&plant, &chain, identifier).await;
        let outcome = plant.connect("press-1", &chain).await;
        assert_eq!(outcome.err().map(|refused| refused.as_str()), refusal);
    }
}

#[tokio::test]
async fn an_uploaded_copy_of_the_ca_does_not_stand_before_the_synchronized_one() {
    let plant = Plant::new().await;
    let identifier = plant.onboard("press-1").await;
    // The registry's is called `ca`: one before it, one after it.
    plant.house.upload_ca("a", &plant.issuing).await;
    plant.house.upload_ca("z", &plant.issuing).await;
    let session = plant.connect("press-1", &plant.leaf("press-1", identifier)).await;
    assert!(session.is_ok(), "{:?}", session.err());
}
