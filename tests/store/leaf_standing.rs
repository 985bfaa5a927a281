//! What became of a leaf that somebody shows: found by CA and serial number, on each engine.

use provost_model::CertificateDer;
use provost_model::registry::{CaState, SerialNumber};
use provost_pki::{CaIdentity, Certificate, ShownLeaf};
use provost_store::{LeafStanding, Store};
use provost_testkit::{FixtureAuthority, TestStore};

use super::device_registry::{NOW, ca, ca_id, device, issue, name, plant, write};

/// The CA `a` with a certificate of its own, its device `x`, and the leaf with serial number 1.
async fn one_leaf() -> (TestStore, CaIdentity) {
    let test = TestStore::open().await;
    let authority = FixtureAuthority::root("ica-a");
    let identity = Certificate::from_der(authority.der()).unwrap().ca_identity();
    let mut issuer = ca('a', CaState::Pending);
    issuer.certificate = None;
    let mut activated = ca('a', CaState::Active);
    activated.certificate = Some(CertificateDer(authority.der().to_vec()));
    write(&test.store, move |tx| {
        tx.insert_ca(&issuer)?;
        // Its certificate comes later.
        tx.update_ca(&activated)?;
        tx.insert_registry_device(&device("x"))
    })
    .await;
    issue(&test.store, "x", 1, 'a', 30).await;
    (test, identity)
}

/// The leaf of that serial number, with the key it was issued for.
fn shown(serial: u8, issuer: CaIdentity, path: &[CaIdentity]) -> ShownLeaf {
    ShownLeaf {
        issuer_hash: issuer.subject_hash,
        serial: SerialNumber::from_bytes(&[serial]),
        key_sha256: [serial; 32],
        path: path.to_vec(),
    }
}

async fn standing(store: &Store, shown: ShownLeaf) -> Option<LeafStanding> {
    store.read(move |tx| tx.leaf_standing(&shown)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_is_known_by_ca_and_serial_number() {
    let (test, issuer) = one_leaf().await;
    let other_key = CaIdentity {
        key_sha256: [9; 32],
        ..issuer
    };
    let of = async |shown| standing(&test.store, shown).await;
    let alone = shown(1, issuer, &[]);
    let along = shown(1, issuer, &[issuer]);
    assert_eq!(of(along.clone()).await, Some(LeafStanding::Stands));
    assert_eq!(of(alone.clone()).await, Some(LeafStanding::Stands));
    // Another CA of the same name, another leaf, a leaf of another key that only names the CA.
    assert_eq!(of(shown(1, issuer, &[other_key])).await, None);
    assert_eq!(of(shown(2, issuer, &[issuer])).await, None);
    let named = ShownLeaf {
        key_sha256: [2; 32],
        ..alone.clone()
    };
    assert_eq!(of(named).await, None);
    write(&test.store, |tx| {
        tx.delete_registry_device(&plant(), &name("x")).map(|_| ())
    })
    .await;
    for shown in [along, alone] {
        assert_eq!(of(shown).await, Some(LeafStanding::Revoked));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_rests_on_a_revoked_ca_is_revoked_row_or_none() {
    let (test, issuer) = one_leaf().await;
    let above = CaIdentity {
        subject_hash: [3; 32],
        key_sha256: [4; 32],
    };
    let other_key = CaIdentity {
        key_sha256: [9; 32],
        ..issuer
    };
    let paths = [vec![issuer], vec![issuer, above], vec![above, issuer]];
    let of = async |shown| standing(&test.store, shown).await;
    for path in &paths {
        assert_eq!(of(shown(2, issuer, path)).await, None);
    }
    write(&test.store, |tx| {
        assert!(tx.set_ca_state(&ca_id('a'), CaState::Revoked, NOW)?);
        Ok(())
    })
    .await;
    for path in &paths {
        assert_eq!(of(shown(2, issuer, path)).await, Some(LeafStanding::Revoked));
    }
    assert_eq!(of(shown(1, issuer, &[])).await, Some(LeafStanding::Revoked));
    assert_eq!(of(shown(2, issuer, &[other_key, above])).await, None);
    // Nobody looked at who signed it: the name alone says nothing.
    assert_eq!(of(shown(2, issuer, &[])).await, None);
}

/// A policy that was deleted leaves what it issued as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_ca_revokes_nothing() {
    let (test, issuer) = one_leaf().await;
    write(&test.store, |tx| {
        assert!(tx.set_ca_state(&ca_id('a'), CaState::Closed, NOW)?);
        Ok(())
    })
    .await;
    let known = standing(&test.store, shown(1, issuer, &[issuer])).await;
    assert_eq!(known, Some(LeafStanding::Stands));
    assert_eq!(standing(&test.store, shown(2, issuer, &[issuer])).await, None);
}
