//! The rows of the Device Registry, on each engine.

use std::time::Duration;

use provost_model::registry::{
    Ca, CaId, CaRole, CaState, DeviceIdentifier, KeyRef, Namespace, NamespaceLink, OperationFailure,
    OperationState, RegistryDevice, RegistryOperation, Revocation, RevocationReason, SerialNumber,
};
use provost_model::{
    CertificateDer, CredentialPolicyName, DeviceId, Etag, HostName, LinkedHub, NamespaceName, PageSize,
    RegistryDeviceName, Timestamp, Uuid,
};
use provost_store::{CrlPart, IssuedAfter, NewIntent, Store, StoreError, WriteTx};
use provost_testkit::TestStore;
use serde_json::{Map, json};

use super::{dps, event, hub};

pub(super) const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);
const DAY: Duration = Duration::from_hours(24);

pub(super) fn plant() -> NamespaceName {
    NamespaceName::parse("plant").unwrap()
}

pub(super) fn line() -> CredentialPolicyName {
    CredentialPolicyName::parse("line-7").unwrap()
}

pub(super) fn name(text: &str) -> RegistryDeviceName {
    RegistryDeviceName::parse(text).unwrap()
}

pub(super) fn ca_id(digit: char) -> CaId {
    CaId::parse(&digit.to_string().repeat(32)).unwrap()
}

fn identifier(byte: u8) -> DeviceIdentifier {
    DeviceIdentifier {
        device: Uuid::from_bytes([byte; 16]),
        generation: Uuid::from_bytes([byte + 1; 16]),
    }
}

pub(super) fn ca(digit: char, state: CaState) -> Ca {
    Ca {
        id: ca_id(digit),
        namespace: plant(),
        policy: Some(line()),
        role: CaRole::Issuing,
        parent: Some(ca_id('f')),
        state,
        key: KeyRef("sealed:x".into()),
        subject: format!("CN=ica-{digit}"),
        signing_request: Some(vec![9]),
        certificate: Some(CertificateDer(vec![7, 7])),
        issuers: vec![CertificateDer(vec![8, 8, 8])],
        not_before: Some(NOW),
        not_after: Some(NOW.after(365 * DAY)),
        shards: 4,
        created_at: NOW,
        changed_at: NOW,
    }
}

pub(super) fn device(text: &str) -> RegistryDevice {
    RegistryDevice {
        namespace: plant(),
        name: name(text),
        identifier: identifier(1),
        external_device_id: DeviceId::parse(text).unwrap(),
        enabled: true,
        policy: Some(line()),
        hub: Some(hub()),
        document: json!({"tags": {"a": "b"}}).as_object().cloned().unwrap(),
        version: 1,
        etag: Etag::from_text("e"),
        created_at: NOW,
        updated_at: NOW,
        transition_at: NOW,
    }
}

pub(super) async fn write(
    store: &Store,
    work: impl FnOnce(&WriteTx<'_>) -> Result<(), StoreError> + Send + 'static,
) {
    let done: Result<(), StoreError> = store
        .write(move |tx| {
            work(&tx)?;
            tx.record(&event("x"), ())
        })
        .await;
    done.unwrap();
}

pub(super) fn intent(device: &str, serial: u8, ca: char, days: u32) -> NewIntent {
    NewIntent {
        ca: ca_id(ca),
        serial: SerialNumber::from_bytes(&[serial]).unwrap(),
        namespace: plant(),
        device: name(device),
        policy: line(),
        identifier: identifier(1),
        key_sha256: [serial; 32],
        not_before: NOW,
        not_after: NOW.after(days * DAY),
        shard: u32::from(serial % 2),
        created_at: NOW,
    }
}

/// Writes the row of an issued certificate; its thumbprints repeat the serial number.
pub(super) async fn issue(store: &Store, device: &str, serial: u8, ca: char, days: u32) -> i64 {
    let intent = intent(device, serial, ca, days);
    let number = store
        .append(move |tx| tx.intend_certificate(&intent))
        .await
        .unwrap();
    write(store, move |tx| {
        let der = CertificateDer(vec![serial]);
        assert!(tx.complete_issued(number, &der, [serial; 20], [serial; 32])?);
        assert!(!tx.complete_issued(number, &der, [serial; 20], [serial; 32])?);
        Ok(())
    })
    .await;
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_keeps_its_uuid_and_goes_with_its_devices_and_links() {
    let test = TestStore::open().await;
    let namespace = Namespace {
        name: plant(),
        uuid: Uuid::from_bytes([3; 16]),
        location: "here".into(),
        tags: Map::new(),
        document: json!({"properties": {}}).as_object().cloned().unwrap(),
        created_at: NOW,
        updated_at: NOW,
    };
    let first = namespace.clone();
    write(&test.store, move |tx| {
        tx.put_namespace(&first)?;
        tx.put_namespace(&Namespace {
            uuid: Uuid::from_bytes([4; 16]),
            location: "there".into(),
            ..first
        })?;
        tx.put_namespace_link(&NamespaceLink::Hub(hub()), &plant())?;
        tx.put_namespace_link(&NamespaceLink::Dps(dps()), &plant())?;
        tx.insert_registry_device(&device("press"))
    })
    .await;
    let read = test.store.read(|tx| {
        assert_eq!(tx.linked_registry_hubs(&plant())?, [hub()]);
        assert_eq!(tx.namespace_links(&plant())?.len(), 2);
        let page = PageSize::clamp(None, 10, 10);
        assert_eq!(tx.namespaces(None, page)?.len(), 1);
        assert!(tx.namespaces(Some(&plant()), page)?.is_empty());
        tx.namespace(&plant())
    });
    let found = read.await.unwrap().unwrap();
    assert_eq!(found.location, "there");
    assert_eq!(found.uuid, namespace.uuid);
    write(&test.store, |tx| {
        assert!(tx.delete_namespace(&plant())?);
        assert!(!tx.delete_namespace(&plant())?);
        assert_eq!(tx.registry_device(&plant(), &name("press"))?, None);
        assert_eq!(tx.linked_namespace(&NamespaceLink::Hub(hub()))?, None);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_reads_back_and_moves_only_where_it_may() {
    let test = TestStore::open().await;
    write(&test.store, |tx| {
        tx.insert_ca(&ca('a', CaState::Active))?;
        assert_eq!(tx.ca(&ca_id('a'))?, Some(ca('a', CaState::Active)));
        assert!(tx.set_ca_state(&ca_id('a'), CaState::Revoked, NOW)?);
        assert!(!tx.set_ca_state(&ca_id('a'), CaState::Active, NOW)?);
        assert!(!tx.set_ca_state(&ca_id('b'), CaState::Active, NOW)?);
        assert_eq!(tx.cas_in_state(CaState::Revoked)?.len(), 1);
        assert_eq!(tx.cas(&plant())?.len(), 1);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hubs_device_is_found_in_the_registry_through_the_link_alone_in_whatever_case() {
    let test = TestStore::open().await;
    let id = DeviceId::parse("Press").unwrap();
    let found = id.clone();
    write(&test.store, move |tx| {
        tx.insert_registry_device(&device("Press"))?;
        assert_eq!(tx.registry_identity(&hub(), &found)?, None);
        tx.put_namespace_link(&NamespaceLink::Hub(hub()), &plant())
    })
    .await;
    let read = test.store.read(move |tx| {
        let other_case = DeviceId::parse("pRESS").unwrap();
        let found = tx.registry_identity(&hub(), &id)?;
        assert_eq!(tx.registry_identity(&hub(), &other_case)?, found);
        Ok::<_, StoreError>(found)
    });
    let identity = read.await.unwrap().unwrap();
    assert_eq!(identity.identifier, identifier(1));
    assert_eq!(identity.name.as_str(), "Press");
    assert!(identity.enabled && identity.has_policy);
}

/// by the namespace of a provisioning service that assigns devices to the hub.
#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_device_is_so_at_the_hubs_of_the_services_of_its_namespace() {
    let test = TestStore::open().await;
    let id = DeviceId::parse("PRESS").unwrap();
    write(&test.store, move |tx| {
        let link = LinkedHub {
            hub: hub(),
            host: HostName::parse("hub.localhost").unwrap(),
            is_remote: false,
            apply_allocation_policy: true,
            allocation_weight: 1,
        };
        tx.put_linked_hub(&dps(), &link)?;
        tx.put_namespace_link(&NamespaceLink::Dps(dps()), &plant())?;
        assert_eq!(tx.hubs_of_registry_services(&plant())?, [hub()]);
        let mut press = device("Press");
        tx.insert_registry_device(&press)?;
        assert_eq!(
            tx.registry_identity(&hub(), &id)?,
            None,
            "enabled, it is not its business"
        );
        press.enabled = false;
        tx.update_registry_device(&press)?;
        let found = tx.registry_identity(&hub(), &id)?.unwrap();
        assert!(!found.enabled && !found.has_policy);
        // Also where the hub is linked to another namespace, which has the device too.
        let other = RegistryDevice {
            namespace: NamespaceName::parse("other").unwrap(),
            ..device("press")
        };
        tx.insert_registry_device(&other)?;
        tx.put_namespace_link(&NamespaceLink::Hub(hub()), &other.namespace)?;
        let found = tx.registry_identity(&hub(), &id)?.unwrap();
        assert_eq!(found.namespace, other.namespace);
        assert!(!found.enabled && found.has_policy);
        press.enabled = true;
        tx.update_registry_device(&press)?;
        assert!(tx.registry_identity(&hub(), &id)?.unwrap().enabled);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_changed_and_listed_by_name() {
    let test = TestStore::open().await;
    write(&test.store, |tx| {
        for text in ["c", "A", "b"] {
            tx.insert_registry_device(&device(text))?;
        }
        let mut changed = device("b");
        changed.policy = None;
        changed.version = 2;
        assert!(tx.update_registry_device(&changed)?);
        assert_eq!(tx.registry_device(&plant(), &name("B"))?, Some(changed));
        let page = PageSize::clamp(Some(2), 2, 2);
        let names = |devices: Vec<RegistryDevice>| -> Vec<String> {
            devices.iter().map(|device| device.name.to_string()).collect()
        };
        assert_eq!(names(tx.registry_devices(&plant(), None, page)?), ["A", "b"]);
        assert_eq!(
            names(tx.registry_devices(&plant(), Some(&name("b")), page)?),
            ["c"]
        );
        assert!(tx.delete_registry_device(&plant(), &name("a"))?);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_a_device_hits_every_leaf_that_has_not_expired_and_no_other_device() {
    let test = TestStore::open().await;
    for (who, serial, ca, days) in [
        ("x", 1, 'a', 30),
        ("x", 2, 'b', 30),
        ("x", 3, 'a', 0),
        ("y", 4, 'a', 30),
    ] {
        issue(&test.store, who, serial, ca, days).await;
    }
    let intended = intent("x", 5, 'a', 30);
    test.store
        .append(move |tx| tx.intend_certificate(&intended))
        .await
        .unwrap();
    let revocation = Revocation {
        at: NOW,
        reason: RevocationReason::KeyCompromise,
    };
    write(&test.store, move |tx| {
        assert_eq!(tx.revocable_leaves(&plant(), &name("X"), NOW)?, 2);
        let hit = tx.revoke_leaves_of_device(&plant(), &name("X"), revocation)?;
        assert_eq!((hit.count, hit.parts.len()), (2, 2));
        assert!(tx.is_revoked(
            &CrlPart {
                ca: ca_id('a'),
                shard: 1
            },
            &[1]
        )?);
        assert!(tx.is_revoked(
            &CrlPart {
                ca: ca_id('b'),
                shard: 0
            },
            &[2]
        )?);
        assert!(!tx.is_revoked(
            &CrlPart {
                ca: ca_id('a'),
                shard: 0
            },
            &[4]
        )?);
        let again = tx.revoke_leaves_of_device(&plant(), &name("X"), revocation)?;
        assert_eq!((again.count, again.parts.len()), (0, 0));
        let page = PageSize::clamp(None, 10, 10);
        let of_device = tx.issued_of_device(&plant(), &name("x"), None, page)?;
        assert_eq!(
            of_device
                .iter()
                .filter(|leaf| leaf.revoked == Some(revocation))
                .count(),
            2
        );
        assert_eq!(tx.standing_leaves(&ca_id('a'), NOW)?, 1);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leaf_is_revoked_once() {
    let test = TestStore::open().await;
    let number = issue(&test.store, "x", 1, 'a', 30).await;
    let revocation = Revocation {
        at: NOW,
        reason: RevocationReason::Unspecified,
    };
    write(&test.store, move |tx| {
        assert!(tx.revoke_leaf(number, revocation)?.is_some());
        assert_eq!(tx.revoke_leaf(number, revocation)?, None);
        assert_eq!(tx.revoke_leaf(number + 1000, revocation)?, None);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_issued_is_found_by_serial_thumbprint_key_and_expiry() {
    let test = TestStore::open().await;
    write(&test.store, |tx| {
        tx.insert_ca(&ca('a', CaState::Active))?;
        tx.insert_ca(&ca('b', CaState::Retired))
    })
    .await;
    for (serial, issuer, days) in [(1, 'a', 30), (2, 'a', 10), (3, 'b', 10), (4, 'a', 90)] {
        issue(&test.store, "x", serial, issuer, days).await;
    }
    let read = test.store.read(|tx| {
        let serial = SerialNumber::from_bytes(&[2]).unwrap();
        let found = tx.issued_by_serial(&ca_id('a'), &serial)?.unwrap();
        assert_eq!(tx.issued_by_thumbprint(&[2; 20])?, Some(found.clone()));
        assert_eq!(tx.issued_by_thumbprint(&[2; 32])?, Some(found));
        assert_eq!(tx.issued_by_thumbprint(&[2; 31])?, None);
        assert!(tx.key_of_another_device(&[2; 32], &plant(), &name("y"))?);
        assert!(!tx.key_of_another_device(&[2; 32], &plant(), &name("X"))?);
        let span = (NOW, NOW.after(60 * DAY));
        let two = PageSize::clamp(Some(2), 2, 2);
        let first = tx.issued_by_expiry(&plant(), span, None, two)?;
        let last = first.last().unwrap();
        let after = IssuedAfter {
            not_after: last.not_after,
            number: last.number,
        };
        let second = tx.issued_by_expiry(&plant(), span, Some(after), two)?;
        Ok([first, second]
            .concat()
            .iter()
            .map(|leaf| leaf.serial.to_string())
            .collect::<Vec<_>>())
    });
    let serials: Result<_, StoreError> = read.await;
    assert_eq!(serials.unwrap(), ["02", "03", "01"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_of_a_leaf_is_leaf_issuer_and_what_is_above() {
    let test = TestStore::open().await;
    let number = issue(&test.store, "x", 1, 'a', 30).await;
    let intended = intent("x", 2, 'a', 30);
    let open = test
        .store
        .append(move |tx| tx.intend_certificate(&intended))
        .await
        .unwrap();
    write(&test.store, move |tx| {
        tx.insert_ca(&ca('a', CaState::Active))?;
        tx.insert_registry_device(&device("x"))?;
        let chain = [vec![1], vec![7, 7], vec![8, 8, 8]].map(CertificateDer);
        assert_eq!(tx.issued_chain(number)?, chain);
        assert!(tx.issued_chain(open)?.is_empty());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_intended_and_never_completed_is_given_up() {
    let test = TestStore::open().await;
    issue(&test.store, "x", 1, 'a', 30).await;
    let intended = intent("x", 2, 'a', 30);
    let number = test
        .store
        .append(move |tx| tx.intend_certificate(&intended))
        .await
        .unwrap();
    let count = |before| test.store.append(move |tx| tx.orphan_intended(before));
    assert_eq!(count(NOW).await.unwrap(), 0);
    assert_eq!(count(NOW.after(DAY)).await.unwrap(), 1);
    assert_eq!(count(NOW.after(DAY)).await.unwrap(), 0);
    write(&test.store, move |tx| {
        assert!(!tx.complete_issued(number, &CertificateDer(vec![2]), [2; 20], [2; 32])?);
        assert!(!tx.key_of_another_device(&[2; 32], &plant(), &name("y"))?);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_runs_until_it_ends() {
    let test = TestStore::open().await;
    let running = RegistryOperation {
        id: "op-1".into(),
        namespace: plant(),
        kind: "revokeIssuer".into(),
        resource: "credentials/default/policies/line-7".into(),
        state: OperationState::Running,
        progress: "{}".into(),
        started_at: NOW,
        ended_at: None,
    };
    let failed = RegistryOperation {
        state: OperationState::Failed(OperationFailure {
            code: "KeysUnavailable".into(),
            message: "no keys".into(),
        }),
        ended_at: Some(NOW.after(DAY)),
        ..running.clone()
    };
    let (first, second) = (running.clone(), failed.clone());
    write(&test.store, move |tx| {
        tx.put_registry_operation(&first)?;
        assert_eq!(tx.running_registry_operations()?, [first]);
        tx.put_registry_operation(&second)?;
        assert!(tx.running_registry_operations()?.is_empty());
        assert_eq!(tx.registry_operation("op-1")?, Some(second));
        Ok(())
    })
    .await;
    let pruned = test
        .store
        .append(|tx| tx.prune_registry_operations(NOW.after(2 * DAY)))
        .await;
    assert_eq!(pruned.unwrap(), 1);
}
