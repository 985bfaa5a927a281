use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use provost_model::ambient::SystemRandom;
use provost_model::registry::{
    Ca, CaState, DeviceIdentifier, Revocation, RevocationReason, RevokedEntry, SerialNumber,
};
use provost_model::{CertificateDer, CredentialPolicyName, RegistryDeviceName};
use provost_pki::Certificate;
use provost_pki::crl::Crl;
use provost_store::{NewIntent, StoreAddress, StoreOptions, StoredCrl, WriteTx};

use super::*;
use crate::fixture::{CountedKeys, HandClock, a_ca};

const START: i64 = 1_780_000_000;
const DAY: i64 = 86_400;

struct House {
    store: Store,
    publisher: CrlPublisher,
    clock: Arc<HandClock>,
    keys: Arc<CountedKeys>,
    ca: Ca,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new(shards: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(START)));
        let options = StoreOptions {
            address: StoreAddress::Sqlite(folder.path().join("provost.db")),
            clock: clock.clone(),
            queue: 100,
        };
        let store = Store::open(options).await.unwrap();
        let keys = Arc::new(CountedKeys::default());
        let ca_keys = CaKeys::new(keys.clone());
        let addresses = PublicAddresses::new(["http://ca.example".to_owned()], false);
        let publisher = CrlPublisher::new(
            store.clone(),
            ca_keys.clone(),
            clock.clone(),
            addresses,
            CrlSchedule::default(),
        );
        let ca = Ca {
            shards,
            ..a_ca(&ca_keys, clock.now(), 3650)
        };
        let insert = ca.clone();
        let house = Self {
            store,
            publisher,
            clock,
            keys,
            ca,
            _folder: folder,
        };
        house
            .write(move |tx| {
                tx.insert_ca(&insert)?;
                (0..shards).try_for_each(|shard| tx.mark_crl_dirty(&insert.id, shard))
            })
            .await;
        house
    }

    async fn write(&self, write: impl FnOnce(&WriteTx<'_>) -> Result<(), StoreError> + Send + 'static) {
        let done: Result<(), StoreError> = self
            .store
            .write(move |tx| {
                write(&tx)?;
                let event = AuditEvent::new(Actor::System, Action::Update, "ca", "", "test");
                tx.record(&event, ())
            })
            .await;
        done.unwrap();
    }

    fn part(&self, shard: u32) -> CrlPart {
        CrlPart {
            ca: self.ca.id.clone(),
            shard,
        }
    }

    async fn revoke(&self, first: u8, count: u32, not_after: i64) {
        let part = self.part(0);
        self.write(move |tx| {
            for number in 0..count {
                let serial = [&[first, 0xee][..], &number.to_be_bytes(), &[7; 10]].concat();
                tx.insert_revoked(&part, &an_entry(&serial, not_after))?;
            }
            tx.mark_crl_dirty(&part.ca, 0)
        })
        .await;
    }

    /// Writes down a leaf of the CA that expires then.
    async fn issue(&self, serial: u8, not_after: i64) {
        let now = self.clock.now();
        let intent = NewIntent {
            ca: self.ca.id.clone(),
            serial: SerialNumber::from_bytes(&[serial; 16]).unwrap(),
            namespace: self.ca.namespace.clone(),
            device: RegistryDeviceName::parse("press-1").unwrap(),
            policy: CredentialPolicyName::parse("line-7").unwrap(),
            identifier: DeviceIdentifier::generate(&SystemRandom),
            key_sha256: [serial; 32],
            not_before: now,
            not_after: Timestamp::from_unix_seconds(not_after),
            shard: 0,
            created_at: now,
        };
        let intended = self.store.append(move |tx| tx.intend_certificate(&intent)).await;
        let number = intended.unwrap();
        self.write(move |tx| {
            let der = CertificateDer(vec![serial]);
            assert!(tx.complete_issued(number, &der, [serial; 20], [serial; 32])?);
            Ok(())
        })
        .await;
    }

    async fn state(&self, state: CaState) {
        let id = self.ca.id.clone();
        self.write(move |tx| {
            assert!(tx.set_ca_state(&id, state, tx.now())?);
            Ok(())
        })
        .await;
    }

    fn later(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn stored(&self, shard: u32) -> StoredCrl {
        let part = self.part(shard);
        self.store.read(move |tx| tx.crl(&part)).await.unwrap().unwrap()
    }

    /// The CRL that is out; its signature holds.
    async fn out(&self, shard: u32) -> Crl {
        let crl = Crl::from_der(&self.stored(shard).await.der.unwrap()).unwrap();
        let certificate = self.ca.certificate.as_ref().unwrap();
        crl.verify(&Certificate::from_der(&certificate.0).unwrap())
            .unwrap();
        crl
    }
}

fn an_entry(serial: &[u8], not_after: i64) -> RevokedEntry {
    RevokedEntry {
        serial: SerialNumber::from_bytes(serial).unwrap(),
        revocation: Revocation {
            at: Timestamp::from_unix_seconds(START),
            reason: RevocationReason::KeyCompromise,
        },
        not_after: Timestamp::from_unix_seconds(not_after),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_ca_has_an_empty_crl_and_each_revocation_makes_another_with_a_greater_number() {
    let house = House::new(1).await;
    assert_eq!(house.publisher.publish_due().await.unwrap(), 1);
    assert_eq!(house.publisher.publish_due().await.unwrap(), 0);
    let first = house.out(0).await;
    assert!(first.is_empty());
    let week = Duration::from_hours(24 * 7);
    assert_eq!(first.next_update(), Some(first.this_update().after(week)));
    // The clock stands still, or was put back: numbers grow all the same.
    house.later(-3600);
    house.revoke(0x11, 3, START + 90 * DAY).await;
    house.later(3600 + 60);
    house.publisher.publish_due().await.unwrap();
    let second = house.out(0).await;
    assert!(second.number() > first.number());
    assert_eq!((second.len(), house.stored(0).await.untold), (3, 0));
    let serial = an_entry(&[&[0x11, 0xee][..], &[0; 4], &[7; 10]].concat(), 0).serial;
    assert_eq!(second.entry(&serial).unwrap().reason, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crl_is_made_anew_every_day_and_forgets_what_expired_one_crl_later() {
    let house = House::new(1).await;
    house.revoke(0x11, 1, START + DAY / 2).await;
    house.revoke(0x12, 1, START + 90 * DAY).await;
    house.publisher.publish_due().await.unwrap();
    let mut lengths = vec![house.out(0).await.len()];
    house.later(DAY - 1);
    assert_eq!(house.publisher.publish_due().await.unwrap(), 0);
    for _ in 0..2 {
        house.later(DAY);
        assert_eq!(house.publisher.publish_due().await.unwrap(), 1);
        lengths.push(house.out(0).await.len());
    }
    assert_eq!(lengths, [2, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_says_which_it_is() {
    let house = House::new(4).await;
    assert_eq!(house.publisher.publish_due().await.unwrap(), 4);
    for shard in 0..4 {
        let crl = house.out(shard).await;
        let address = format!("http://ca.example/crl/{}/{shard}.crl", house.ca.id);
        assert_eq!(crl.part(), Some(address.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_ca_gets_a_last_crl_and_its_key_is_destroyed() {
    let house = House::new(1).await;
    house.publisher.publish_due().await.unwrap();
    house.later(60);
    house.state(CaState::Closed).await;
    house.publisher.end_closed().await.unwrap();
    let last = house.stored(0).await;
    assert!(last.is_last);
    assert!(house.keys.find(&house.ca.key).is_err());
    let events = house
        .store
        .read(|tx| tx.audit_events_after(0, 100))
        .await
        .unwrap();
    let destroyed = events.iter().filter(|event| event.kind == "caKey").count();
    assert_eq!(destroyed, 1);
    // Marked once more it stays what it is.
    house.revoke(0x11, 1, START + 90 * DAY).await;
    house.later(10 * DAY);
    assert_eq!(house.publisher.publish_due().await.unwrap(), 0);
    house.publisher.end_closed().await.unwrap();
    assert_eq!(house.stored(0).await.number, last.number);
}

/// A-008 after A-037: a leaf of a deleted policy can be revoked as long as it has not expired.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_ca_goes_on_with_its_crl_until_the_last_leaf_has_expired() {
    let house = House::new(1).await;
    house.issue(0x11, START + 30 * DAY).await;
    house.publisher.publish_due().await.unwrap();
    house.state(CaState::Closed).await;
    for day in 1..=2 {
        house.later(DAY);
        house.publisher.end_closed().await.unwrap();
        assert!(!house.stored(0).await.is_last, "day {day}");
    }
    assert_eq!(house.publisher.publish_due().await.unwrap(), 0);
    house.revoke(0x11, 1, START + 30 * DAY).await;
    house.later(60);
    house.publisher.end_closed().await.unwrap();
    assert_eq!(house.out(0).await.len(), 1);
    assert!(house.keys.find(&house.ca.key).is_ok());
    house.later(30 * DAY);
    house.publisher.end_closed().await.unwrap();
    assert!(house.stored(0).await.is_last);
    assert!(house.keys.find(&house.ca.key).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_ca_signs_nothing_more() {
    let house = House::new(1).await;
    house.publisher.publish_due().await.unwrap();
    let before = house.stored(0).await;
    house.later(60);
    house.state(CaState::Revoked).await;
    house.revoke(0x11, 1, START + 90 * DAY).await;
    house.publisher.end_closed().await.unwrap();
    let after = house.stored(0).await;
    assert_eq!((after.number, after.is_last), (before.number, true));
    assert_eq!(after.der, before.der);
    house.publisher.end_closed().await.unwrap();
    assert!(house.keys.find(&house.ca.key).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crl_that_cannot_be_signed_stays_out_and_is_tried_again() {
    let house = House::new(1).await;
    house.publisher.publish_due().await.unwrap();
    let before = house.stored(0).await;
    let key = house.keys.keys.lock().unwrap().remove(&house.ca.key.0).unwrap();
    house.later(60);
    house.revoke(0x11, 1, START + 90 * DAY).await;
    assert_eq!(house.publisher.publish_due().await.unwrap(), 1);
    assert_eq!(house.stored(0).await.number, before.number);
    house
        .keys
        .keys
        .lock()
        .unwrap()
        .insert(house.ca.key.0.clone(), key);
    assert_eq!(house.publisher.publish_due().await.unwrap(), 0, "not at once");
    house.later(60);
    assert_eq!(house.publisher.publish_due().await.unwrap(), 1);
    assert_eq!(house.out(0).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_verifies_a_crl_of_many_entries() {
    let house = House::new(1).await;
    house.revoke(0x11, 20_000, START + 90 * DAY).await;
    let begun = Instant::now();
    house.publisher.publish_due().await.unwrap();
    println!("20,000 entries: {:?}", begun.elapsed());
    let folder = tempfile::tempdir().unwrap();
    let (crl, root) = (folder.path().join("crl.der"), folder.path().join("root.pem"));
    std::fs::write(&crl, house.out(0).await.der()).unwrap();
    let certificate = &house.ca.certificate.as_ref().unwrap().0;
    std::fs::write(&root, Certificate::from_der(certificate).unwrap().to_pem()).unwrap();
    let output = Command::new("openssl")
        .args(["crl", "-inform", "DER", "-noout", "-text", "-in"])
        .arg(&crl)
        .arg("-CAfile")
        .arg(&root)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("verify OK"), "{said}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.matches("Key Compromise").count(), 20_000);
}
