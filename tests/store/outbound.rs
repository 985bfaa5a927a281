use std::time::Duration;

use provost_model::{
    AllocationAnswer, AllocationCall, Assignment, CertificateDer, Clock, DeviceId, Etag, HostName, Hub,
    HubHealthState, HubName, HubRemoval, InitialTwin, KeptProof, Leased, OperationId, Origin,
    PendingRegistration, PolicyName, RegistrationId, RemoteHub, RemovalAction, Secret, SymmetricKey,
    Timestamp,
};
use provost_store::{AppendTx, Claim, Store, StoreError, WriteTx};
use provost_testkit::TestStore;
use serde_json::json;

use super::{dps, event, hub};

const LEASE: Duration = Duration::from_mins(1);

fn id() -> RegistrationId {
    RegistrationId::parse("Press-1").unwrap()
}

fn place(device: &str) -> Assignment {
    Assignment {
        hub: HubName::parse("far").unwrap(),
        device_id: DeviceId::parse(device).unwrap(),
    }
}

fn run(operation: &str, due_at: Timestamp) -> PendingRegistration {
    PendingRegistration {
        dps: dps(),
        registration_id: id(),
        operation: OperationId::parse(operation).unwrap(),
        proof: KeptProof {
            sas: Some(Secret::new("SharedAccessSignature sr=x".to_owned())),
            chain: vec![CertificateDer(vec![1, 2, 3]), CertificateDer(vec![4])],
        },
        judged_at: Timestamp::from_unix_seconds(5),
        origin: Origin::default(),
        payload: Some(json!({ "a": [1, null] })),
        csr: Some("MIIB".to_owned()),
        answer: None,
        made: None,
        attempts: 0,
        began_at: Timestamp::from_unix_seconds(6),
        due_at,
    }
}

async fn write<T: Send + 'static>(
    store: &Store,
    write: impl FnOnce(&WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    let written = store.write(move |tx| {
        let value = write(&tx)?;
        tx.record(&event("x"), value)
    });
    written.await.unwrap()
}

async fn append<T: Send + 'static>(
    store: &Store,
    append: impl FnOnce(&AppendTx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.append(append).await.unwrap()
}

async fn put(store: &Store, run: PendingRegistration) {
    write(store, move |tx| tx.put_pending_registration(&run)).await;
}

async fn lease(store: &Store, now: Timestamp, holder: &'static str) -> Vec<Leased<PendingRegistration>> {
    append(store, move |tx| {
        tx.lease_pending_registrations(now, now.after(LEASE), holder, 10)
    })
    .await
}

async fn stored(store: &Store) -> Option<PendingRegistration> {
    store
        .read(|tx| tx.pending_registration(&dps(), &id()))
        .await
        .unwrap()
}

async fn next(store: &Store) -> Option<Timestamp> {
    let next = store.read(|tx| {
        let (run, removal) = (tx.next_pending_registration()?, tx.next_hub_removal()?);
        Ok::<_, StoreError>(run.into_iter().chain(removal).min())
    });
    next.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_run_comes_back_whole() {
    let test = TestStore::open().await;
    let mut whole = run("5.a.1", test.clock.now());
    whole.answer = Some(AllocationAnswer {
        entry: Etag::from_text("e"),
        hub: hub(),
        initial_twin: Some(InitialTwin {
            tags: json!({ "t": 1 }).as_object().cloned().unwrap(),
            desired: json!({ "d": 2 }).as_object().cloned().unwrap(),
        }),
        payload: Some(json!("text")),
    });
    whole.made = Some(place("Press-1"));
    whole.attempts = 2;
    whole.origin = Origin {
        address: Some("fd00::1".parse().unwrap()),
        is_before_reprovisioning: true,
    };
    put(&test.store, whole.clone()).await;
    assert_eq!(stored(&test.store).await, Some(whole.clone()));
    // A newer run takes the place of all that the device brought.
    let newer = run("5.a.2", test.clock.now());
    put(&test.store, newer.clone()).await;
    let made = whole.made;
    assert_eq!(
        stored(&test.store).await,
        Some(PendingRegistration { made, ..newer })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_held_by_one_worker_until_its_lease_is_over() {
    let test = TestStore::open().await;
    let now = test.clock.now();
    put(&test.store, run("5.a.1", now)).await;
    assert_eq!(next(&test.store).await, Some(now));
    let first = lease(&test.store, now, "first").await.remove(0);
    assert!(lease(&test.store, now, "second").await.is_empty());
    assert_eq!(next(&test.store).await, Some(now.after(LEASE)));
    // It is taken over, and the first worker can do nothing any more.
    let second = lease(&test.store, now.after(LEASE), "second").await.remove(0);
    let late = first.clone();
    let until = now.after(LEASE);
    assert!(
        !append(&test.store, move |tx| tx
            .advance_pending_registration(&late, until))
        .await
    );
    assert!(!write(&test.store, move |tx| tx.end_pending_registration(&first)).await);
    assert!(write(&test.store, move |tx| tx.end_pending_registration(&second)).await);
    assert_eq!((stored(&test.store).await, next(&test.store).await), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_run_waits_for_whoever_holds_the_older_one() {
    let test = TestStore::open().await;
    let now = test.clock.now();
    put(&test.store, run("5.a.1", now)).await;
    let mut older = lease(&test.store, now, "first").await.remove(0);
    older.work.made = Some(place("Press-1"));
    let advanced = older.clone();
    let until = now.after(LEASE);
    assert!(
        append(&test.store, move |tx| tx
            .advance_pending_registration(&advanced, until))
        .await
    );
    put(&test.store, run("5.a.2", now)).await;
    assert!(lease(&test.store, now, "second").await.is_empty());
    let (ended, released) = (older.clone(), older);
    assert!(!write(&test.store, move |tx| tx.end_pending_registration(&ended)).await);
    append(&test.store, move |tx| {
        tx.release_pending_registration(&released, now)
    })
    .await;
    let newer = lease(&test.store, now, "second").await.remove(0);
    assert_eq!(newer.work.operation.as_str(), "5.a.2");
    // What the older one may have made is not forgotten.
    assert_eq!(newer.work.made, Some(place("Press-1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_run_is_due_when_it_says() {
    let test = TestStore::open().await;
    let now = test.clock.now();
    put(&test.store, run("5.a.1", now)).await;
    let mut held = lease(&test.store, now, "first").await.remove(0);
    held.work.attempts = 1;
    held.work.due_at = now.after(Duration::from_secs(5));
    append(&test.store, move |tx| tx.release_pending_registration(&held, now)).await;
    assert!(lease(&test.store, now, "second").await.is_empty());
    let again = lease(&test.store, now.after(Duration::from_secs(5)), "third").await;
    assert_eq!(again[0].work.attempts, 1);
    append(&test.store, |tx| tx.forget_leases()).await;
    assert_eq!(lease(&test.store, now, "fourth").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn removals_are_held_and_replaced() {
    let test = TestStore::open().await;
    let (store, now) = (&test.store, test.clock.now());
    let removal = HubRemoval::delete(place("d").hub, place("d").device_id, now);
    let put = removal.clone();
    write(store, move |tx| tx.put_hub_removal(&put)).await;
    let lease = async |holder: &'static str, at: Timestamp| {
        append(store, move |tx| {
            tx.lease_hub_removals(at, at.after(LEASE), holder, 10)
        })
        .await
    };
    let held = lease("first", now).await.remove(0);
    assert_eq!(held.work.place, removal.place);
    // Another one is asked for: the first can neither end nor lose it. What was to be deleted still is.
    let later = now.after(Duration::from_secs(1));
    let disable = HubRemoval {
        action: RemovalAction::Disable,
        asked_at: later,
        ..removal
    };
    append(store, move |tx| tx.put_hub_removal(&disable)).await;
    let (ended, released) = (held.clone(), held);
    assert!(!write(store, move |tx| tx.end_hub_removal(&ended)).await);
    append(store, move |tx| tx.release_hub_removal(&released, later)).await;
    let second = lease("second", later).await.remove(0);
    assert_eq!(second.work.action, RemovalAction::Delete);
    assert!(write(store, move |tx| tx.end_hub_removal(&second)).await);
    assert_eq!(next(store).await, None);
}

/// Who makes a device where another one was to be removed, and when he may.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_claimed_after_who_is_at_its_removal() {
    let test = TestStore::open().await;
    let (store, now) = (&test.store, test.clock.now());
    put(store, run("5.a.1", now)).await;
    let held = lease(store, now, "run").await.remove(0);
    let until = now.after(LEASE);
    let claim = async |run: &Leased<PendingRegistration>, device: &'static str, is_there, at: Timestamp| {
        let mut run = run.clone();
        append(store, move |tx| {
            let claim = tx.claim_place(&mut run, &place(device), is_there, (at, until))?;
            Ok((claim, run.work.made))
        })
        .await
    };
    let remove = async |device: &'static str, action| {
        let removal = HubRemoval {
            action,
            ..HubRemoval::delete(place(device).hub, place(device).device_id, now)
        };
        append(store, move |tx| tx.put_hub_removal(&removal)).await;
    };
    let updated = claim(&held, "there", true, now).await;
    assert_eq!(updated, (Claim::Ours { is_new: false }, None));
    remove("old", RemovalAction::Delete).await;
    assert_eq!(claim(&held, "old", true, now).await, (Claim::Outdated, None));
    let anew = claim(&held, "old", false, now).await;
    assert_eq!(anew, (Claim::Ours { is_new: true }, Some(place("old"))));
    assert_eq!(next(store).await, Some(until), "the removal is given up");
    // What a try that was cut off may have made is its own.
    let mut cut = held.clone();
    cut.work.made = Some(place("half"));
    let whole = claim(&cut, "half", true, now).await;
    assert_eq!(whole, (Claim::Ours { is_new: true }, Some(place("half"))));
    remove("busy", RemovalAction::Delete).await;
    append(store, move |tx| tx.lease_hub_removals(now, until, "removal", 10)).await;
    assert_eq!(claim(&held, "busy", false, now).await.0, Claim::Busy);
    assert_eq!(
        claim(&held, "busy", false, until).await.0,
        Claim::Ours { is_new: true }
    );
    remove("bad", RemovalAction::Disable).await;
    assert_eq!(claim(&held, "bad", true, now).await.0, Claim::Busy);
    // Another place: the one before goes by itself.
    let mut moved = held.clone();
    moved.work.made = Some(place("before"));
    assert_eq!(claim(&moved, "new", false, now).await.1, Some(place("new")));
    let removals = store.read(|tx| tx.hub_removal(&place("before").hub, &place("before").device_id));
    assert!(removals.await.unwrap().is_some());
    put(store, run("5.a.2", now)).await;
    assert_eq!(claim(&held, "new", false, now).await.0, Claim::Replaced);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_elsewhere_and_its_health_come_back() {
    let test = TestStore::open().await;
    let (store, now) = (&test.store, test.clock.now());
    let remote = RemoteHub {
        name: HubName::parse("Far").unwrap(),
        host: HostName::parse("far.example").unwrap(),
        port: 8443,
        policy: PolicyName::parse("owner").unwrap(),
        key: SymmetricKey::from_bytes(vec![7; 32]).unwrap(),
        ca: Some("pem".to_owned()),
    };
    let put = remote.clone();
    write(store, move |tx| {
        tx.insert_hub(&Hub {
            name: put.name.clone(),
            host: put.host.clone(),
            is_remote: true,
            created_at: tx.now(),
        })?;
        tx.put_remote_hub(&put)
    })
    .await;
    let name = remote.name.clone();
    let found = store.read(move |tx| tx.remote_hub(&name)).await.unwrap();
    assert_eq!(found.as_ref(), Some(&remote));
    let health = async || {
        store
            .read(|tx| tx.remote_hubs())
            .await
            .map(|all| all[0].1.clone())
            .unwrap()
    };
    assert_eq!(health().await.state, HubHealthState::Unknown);
    let note = async |state, error: Option<&'static str>, at| {
        let name = HubName::parse("far").unwrap();
        append(store, move |tx| tx.note_hub_health(&name, state, error, at)).await;
    };
    note(HubHealthState::Unreachable, Some("gone"), now).await;
    let later = now.after(Duration::from_secs(30));
    note(HubHealthState::Unreachable, Some("gone"), later).await;
    let seen = health().await;
    assert_eq!(
        (seen.since, seen.checked_at, seen.error.as_deref()),
        (now, Some(later), Some("gone"))
    );
    note(HubHealthState::Healthy, None, later).await;
    let seen = health().await;
    assert_eq!(
        (seen.state, seen.since, seen.error),
        (HubHealthState::Healthy, later, None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_call_of_a_webhook_comes_back_and_goes_with_its_record() {
    let test = TestStore::open().await;
    let call = |attempt| AllocationCall {
        at: Timestamp::from_unix_seconds(9),
        attempt,
        url: "https://f.example/a?****".to_owned(),
        request: "{}".to_owned(),
        status: (attempt > 1).then_some(200),
        answer: (attempt > 1).then(|| "{}".to_owned()),
        error: (attempt == 1).then(|| "no answer".to_owned()),
    };
    for attempt in [1, 2] {
        let put = call(attempt);
        append(&test.store, move |tx| tx.put_allocation_call(&dps(), &id(), &put)).await;
        let found = test
            .store
            .read(|tx| tx.allocation_call(&dps(), &id()))
            .await
            .unwrap();
        assert_eq!(found, Some(call(attempt)));
    }
    write(&test.store, |tx| tx.delete_registration(&dps(), &id())).await;
    let found = test
        .store
        .read(|tx| tx.allocation_call(&dps(), &id()))
        .await
        .unwrap();
    assert_eq!(found, None);
}
