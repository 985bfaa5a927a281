use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use provost_keys::{KeyAlgorithm, KeyProvider, KeyPurpose};
use provost_model::registry::{
    Ca, CaState, DelegatedResponder, DeviceIdentifier, KeyRef, ResponderState, Revocation, RevocationReason,
    SerialNumber,
};
use provost_model::{
    Action, Actor, AuditEvent, CertificateDer, Clock, CredentialPolicyName, Random, RegistryDeviceName,
};
use provost_pki::Certificate;
use provost_pki::ocsp::CertId;
use provost_store::{NewIntent, Store, StoreAddress, StoreError, StoreOptions, WriteTx};

use super::{OcspAnswer, OcspDelegates, OcspResponder, OcspWord};
use crate::CaKeys;
use crate::fixture::{CountedKeys, HandClock, a_ca};

const START: i64 = 1_780_000_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Never the same twice.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        bytes.fill(0);
        for (byte, digit) in bytes.iter_mut().rev().zip(number.iter().rev()) {
            *byte = *digit;
        }
    }
}

struct House {
    store: Store,
    clock: Arc<HandClock>,
    keys: Arc<CountedKeys>,
    delegates: OcspDelegates,
    responder: OcspResponder,
    ca: Ca,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Ca)) -> Self {
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
        let random = Arc::new(Counting::default());
        let delegates = OcspDelegates::new(store.clone(), ca_keys.clone(), clock.clone(), random, true);
        let mut ca = a_ca(&ca_keys, clock.now(), 365);
        change(&mut ca);
        let house = Self {
            responder: OcspResponder::new(store.clone(), ca_keys, clock.clone()),
            store,
            clock,
            keys,
            delegates,
            ca,
            _folder: folder,
        };
        let ca = house.ca.clone();
        house.write(move |tx| tx.insert_ca(&ca)).await;
        house
    }

    /// With a responder that answers.
    async fn open() -> Self {
        let house = Self::new().await;
        house.delegates.make_due().await.unwrap();
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

    async fn intend(&self, number: u8) -> i64 {
        let intent = NewIntent {
            ca: self.ca.id.clone(),
            serial: serial(number),
            namespace: self.ca.namespace.clone(),
            device: RegistryDeviceName::parse("press").unwrap(),
            policy: CredentialPolicyName::parse("default").unwrap(),
            identifier: DeviceIdentifier::from_bytes(&[0x42; 32]).unwrap(),
            key_sha256: [number; 32],
            not_before: self.clock.now(),
            not_after: self.clock.now().after(Duration::from_hours(24 * 30)),
            shard: 0,
            created_at: self.clock.now(),
        };
        let intended = self.store.append(move |tx| tx.intend_certificate(&intent)).await;
        intended.unwrap_or_else(|error: StoreError| panic!("{error}"))
    }

    async fn issue(&self, number: u8) -> i64 {
        let intended = self.intend(number).await;
        self.write(move |tx| {
            let der = CertificateDer(vec![number]);
            assert!(tx.complete_issued(intended, &der, [number; 20], [number; 32])?);
            Ok(())
        })
        .await;
        intended
    }

    async fn revoke(&self, number: i64) {
        let revocation = Revocation {
            at: self.clock.now(),
            reason: RevocationReason::KeyCompromise,
        };
        self.write(move |tx| tx.revoke_leaf(number, revocation).map(|_| ()))
            .await;
    }

    async fn state(&self, state: CaState) {
        let id = self.ca.id.clone();
        self.write(move |tx| tx.set_ca_state(&id, state, tx.now()).map(|_| ()))
            .await;
    }

    fn later(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn ask(&self, number: u8, nonce: &[u8]) -> OcspAnswer {
        let der = self.ca.certificate.as_ref().unwrap();
        let issuer = Certificate::from_der(&der.0).unwrap();
        let id = CertId::of(&issuer, &serial(number));
        let answer = self.responder.answer(&self.ca.id, &request(&id, nonce)).await;
        answer.expect("the CA is there")
    }

    async fn in_state(&self, state: ResponderState) -> Vec<DelegatedResponder> {
        let found = self
            .store
            .read(move |tx| tx.ocsp_responders_in_state(state))
            .await;
        found.unwrap_or_else(|error: StoreError| panic!("{error}"))
    }

    async fn answering(&self) -> Option<DelegatedResponder> {
        let id = self.ca.id.clone();
        let found = self.store.read(move |tx| tx.ocsp_responder(&id)).await;
        found.unwrap_or_else(|error: StoreError| panic!("{error}"))
    }

    fn signatures(&self) -> usize {
        self.keys.signatures.load(Ordering::SeqCst)
    }
}

fn serial(number: u8) -> SerialNumber {
    SerialNumber::from_bytes(&[0x41, number]).unwrap()
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).expect("a short request");
    let head = if length < 0x80 {
        vec![tag, length]
    } else {
        vec![tag, 0x81, length]
    };
    [&head, value].concat()
}

/// A request for one certificate; no nonce when it is empty.
fn request(id: &CertId, nonce: &[u8]) -> Vec<u8> {
    let list = tlv(0x30, &tlv(0x30, id.as_der()));
    let extensions = if nonce.is_empty() {
        Vec::new()
    } else {
        let oid = [6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2];
        let value = tlv(4, &tlv(4, nonce));
        tlv(0xa2, &tlv(0x30, &tlv(0x30, &[&oid[..], &value].concat())))
    };
    tlv(0x30, &tlv(0x30, &[list, extensions].concat()))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_nonce_an_answer_is_signed_once_until_half_of_its_day_is_over() {
    let house = House::open().await;
    house.issue(1).await;
    let before = house.signatures();
    let first = house.ask(1, &[]).await;
    assert_eq!(first.word, OcspWord::Good);
    house.later(12 * HOUR - 1);
    assert_eq!(house.ask(1, &[]).await.der, first.der);
    assert_eq!(house.signatures(), before + 1);
    house.later(1);
    let second = house.ask(1, &[]).await;
    assert!(second.der != first.der && house.signatures() == before + 2);
    assert!(second.standing.unwrap().this_update > first.standing.unwrap().this_update);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_told_by_the_next_answer() {
    let house = House::open().await;
    let leaf = house.issue(1).await;
    assert_eq!(house.ask(1, &[]).await.word, OcspWord::Good);
    house.revoke(leaf).await;
    assert_eq!(house.ask(1, &[]).await.word, OcspWord::Revoked);
    assert_eq!(house.ask(1, &[9; 32]).await.word, OcspWord::Revoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_is_signed_every_time_and_its_answer_kept_by_nobody() {
    let house = House::open().await;
    house.issue(1).await;
    let before = house.signatures();
    let [one, other] = [house.ask(1, &[9; 32]).await, house.ask(1, &[9; 32]).await];
    assert!(one.der != other.der && house.signatures() == before + 2);
    assert!(one.standing.is_none());
    assert!(
        one.der.windows(32).any(|bytes| bytes == [9; 32]),
        "it is repeated"
    );
    assert_eq!(house.ask(1, &[9; 128]).await.word, OcspWord::Good);
    assert_eq!(house.ask(1, &[9; 129]).await.word, OcspWord::MalformedRequest);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_intended_or_given_up_is_unknown_and_good_once_it_is_issued() {
    let house = House::open().await;
    let given_up = house.intend(1).await;
    let given_up = house
        .store
        .append(move |tx| tx.orphan_certificate(given_up))
        .await;
    assert!(given_up.unwrap_or_else(|error: StoreError| panic!("{error}")));
    let intended = house.intend(2).await;
    for number in [1, 2, 3] {
        let answer = house.ask(number, &[]).await;
        assert_eq!((answer.word, answer.standing), (OcspWord::Unknown, None));
    }
    house
        .write(move |tx| {
            let der = CertificateDer(vec![2]);
            tx.complete_issued(intended, &der, [2; 20], [2; 32]).map(|_| ())
        })
        .await;
    assert_eq!(house.ask(2, &[]).await.word, OcspWord::Good);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_when_too_many_wait_is_told_to_try_later() {
    let house = House::open().await;
    house.issue(1).await;
    house.issue(2).await;
    let kept = house.ask(1, &[]).await;
    let waiting = u32::try_from(super::responder::WAITING).unwrap();
    let all = house.responder.hold_waiting(waiting).await;
    assert_eq!(house.ask(2, &[]).await.word, OcspWord::TryLater);
    assert_eq!(house.ask(1, &[9; 32]).await.word, OcspWord::TryLater);
    assert_eq!(house.ask(1, &[]).await.der, kept.der, "what is signed is given");
    drop(all);
    assert_eq!(house.ask(2, &[]).await.word, OcspWord::Good);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_away_mean_later() {
    let house = House::open().await;
    house.issue(1).await;
    house.keys.is_away.store(true, Ordering::SeqCst);
    assert_eq!(house.ask(1, &[]).await.word, OcspWord::TryLater);
    house.keys.is_away.store(false, Ordering::SeqCst);
    assert_eq!(house.ask(1, &[]).await.word, OcspWord::Good);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_without_a_responder_says_later_and_one_that_was_revoked_nothing() {
    let house = House::new().await;
    house.issue(1).await;
    assert_eq!(house.ask(1, &[]).await.word, OcspWord::TryLater);
    house.delegates.make_due().await.unwrap();
    assert_eq!(house.ask(1, &[]).await.word, OcspWord::Good);
    house.state(CaState::Revoked).await;
    assert_eq!(house.ask(1, &[]).await.word, OcspWord::Unauthorized);
    house.delegates.end_served().await.unwrap();
    assert_eq!(house.keys.count(), 1, "that of the CA itself is ended elsewhere");
    house.delegates.make_due().await.unwrap();
    assert_eq!(house.answering().await, None, "none is made again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_whose_key_is_not_here_has_no_responder_and_says_nothing() {
    let house = House::with(|ca| ca.key = KeyRef::offline()).await;
    house.issue(1).await;
    house.delegates.make_due().await.unwrap();
    assert_eq!(house.answering().await, None);
    assert_eq!(house.keys.count(), 1, "no key is made for nothing");
    assert_eq!(house.ask(1, &[]).await.word, OcspWord::Unauthorized);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_makes_the_responder_and_no_key_is_left_over() {
    let house = House::new().await;
    let other = house.delegates.clone();
    let (one, two) = tokio::join!(house.delegates.make_due(), other.make_due());
    one.unwrap();
    two.unwrap();
    assert_eq!(house.in_state(ResponderState::Active).await.len(), 1);
    assert_eq!(house.in_state(ResponderState::Intended).await, []);
    assert_eq!(house.keys.count(), 2, "the CA's and the responder's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_responder_is_replaced_at_half_of_its_life_and_its_key_destroyed_after_a_while() {
    let house = House::open().await;
    house.issue(1).await;
    let first = house.answering().await.unwrap();
    house.later(3 * DAY);
    house.delegates.make_due().await.unwrap();
    assert_eq!(house.answering().await.unwrap(), first);
    let kept = house.ask(1, &[]).await;
    house.later(DAY / 2);
    house.delegates.make_due().await.unwrap();
    let second = house.answering().await.unwrap();
    assert!(second.not_after > first.not_after);
    assert_ne!(house.ask(1, &[]).await.der, kept.der, "the new one signs");
    house.delegates.end_served().await.unwrap();
    assert_eq!(house.keys.count(), 3, "somebody may be signing with the old one");
    house.later(6 * 60);
    house.delegates.end_served().await.unwrap();
    assert_eq!(house.keys.count(), 2);
    let ended = house.in_state(ResponderState::Ended).await;
    assert_eq!(
        ended.iter().map(|ended| &ended.serial).collect::<Vec<_>>(),
        [&first.serial]
    );
    house.later(8 * DAY);
    house.delegates.end_served().await.unwrap();
    assert!(
        !house
            .in_state(ResponderState::Ended)
            .await
            .iter()
            .any(|ended| ended.serial == first.serial)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_is_given_up_with_its_key_and_made_anew() {
    let house = House::new().await;
    let label = KeyPurpose {
        label: "left".to_owned(),
        algorithm: KeyAlgorithm::P256,
    };
    let left = DelegatedResponder {
        ca: house.ca.id.clone(),
        serial: serial(9),
        key: house.keys.generate(&label).unwrap(),
        state: ResponderState::Intended,
        certificate: None,
        not_before: house.clock.now(),
        not_after: house.clock.now().after(Duration::from_hours(24)),
        created_at: house.clock.now(),
    };
    let since = house.clock.now();
    let intended = house
        .store
        .append(move |tx| tx.intend_responder(&left, None, since))
        .await;
    assert!(intended.unwrap_or_else(|error: StoreError| panic!("{error}")));
    house.delegates.make_due().await.unwrap();
    assert_eq!(house.answering().await, None, "somebody may be at it");
    house.later(2 * 60);
    house.delegates.make_due().await.unwrap();
    assert!(house.answering().await.is_some());
    house.later(4 * 60);
    house.delegates.end_served().await.unwrap();
    assert_eq!(house.in_state(ResponderState::Intended).await, []);
    assert_eq!(house.keys.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_whose_key_cannot_be_used_is_left_alone_for_a_minute_and_tried_again() {
    let house = House::new().await;
    house.keys.is_away.store(true, Ordering::SeqCst);
    house.delegates.make_due().await.unwrap();
    house.keys.is_away.store(false, Ordering::SeqCst);
    house.later(30);
    house.delegates.make_due().await.unwrap();
    assert_eq!(house.answering().await, None);
    house.later(31);
    house.delegates.make_due().await.unwrap();
    assert!(house.answering().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_responder_whose_key_is_not_here_is_replaced_at_the_start() {
    let house = House::open().await;
    house.issue(1).await;
    let first = house.answering().await.unwrap();
    house.keys.destroy(&first.key).unwrap();
    assert_eq!(house.ask(1, &[]).await.word, OcspWord::InternalError);
    house.delegates.end_lost().await.unwrap();
    house.delegates.make_due().await.unwrap();
    assert_ne!(house.answering().await.unwrap().serial, first.serial);
    assert_eq!(house.ask(1, &[]).await.word, OcspWord::Good);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_ca_is_given_responders_while_its_leaves_are_valid() {
    let house = House::open().await;
    house.issue(1).await;
    house.state(CaState::Closed).await;
    for _ in 0..7 {
        house.later(4 * DAY);
        house.delegates.make_due().await.unwrap();
        assert_eq!(house.ask(1, &[]).await.word, OcspWord::Good);
    }
    let last = house.answering().await.unwrap();
    house.later(4 * DAY);
    house.delegates.make_due().await.unwrap();
    assert_eq!(house.answering().await.unwrap(), last, "its leaf has expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_ca_has_a_last_responder_for_as_long_as_its_leaves() {
    let house = House::open().await;
    house.issue(1).await;
    house.state(CaState::Closed).await;
    house.delegates.make_last(&house.ca.id).await.unwrap();
    let last = house.answering().await.unwrap();
    assert!(last.not_after >= house.clock.now().after(Duration::from_hours(24 * 30)));
    house.delegates.make_last(&house.ca.id).await.unwrap();
    assert_eq!(house.answering().await.unwrap(), last, "one is enough");
    house.keys.destroy(&house.ca.key).unwrap();
    house.later(20 * DAY);
    house.delegates.make_due().await.unwrap();
    house.delegates.end_served().await.unwrap();
    assert_eq!(house.ask(1, &[]).await.word, OcspWord::Good);
    house.later(12 * DAY);
    house.delegates.end_served().await.unwrap();
    assert_eq!(house.keys.count(), 0);
}
