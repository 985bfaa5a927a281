use std::time::Duration;

use provost_model::{
    DeviceId, FailureLimit, JobId, Pace, PolicyName, Reprovision, ReprovisionCounts, ReprovisionEvent,
    ReprovisionPlan, ReprovisionState, ReprovisionStatus, Timestamp,
};
use provost_store::{AppendTx, ReprovisionNote, Store, StoreError};
use provost_testkit::TestStore;
use serde_json::json;

use super::{event, hub};

const LEASE: Duration = Duration::from_secs(15);

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_000)
}

fn plan() -> ReprovisionPlan {
    ReprovisionPlan {
        condition: "*".to_owned(),
        method: "reprovision".to_owned(),
        payload: Some(json!({ "a": 1 })),
        response_timeout: Duration::from_secs(30),
        pace: Pace::parse("50/s").unwrap(),
        return_within: Duration::from_mins(2),
        connect_within: Duration::from_mins(5),
        at_most_away: Some(7),
        pause_on: FailureLimit::parse("5%").ok(),
        accept_same_credential: false,
    }
}

fn run_id() -> JobId {
    JobId::parse("wave").unwrap()
}

fn device(number: usize) -> DeviceId {
    DeviceId::parse(&format!("d{number}")).unwrap()
}

async fn stored(store: &Store) -> Reprovision {
    let run = store.read(|tx| tx.reprovision(&hub(), &run_id())).await.unwrap();
    run.unwrap()
}

async fn append<T: Send + 'static>(
    store: &Store,
    append: impl FnOnce(&AppendTx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.append(append).await.unwrap()
}

async fn change(store: &Store, what: ReprovisionEvent, limit: Option<FailureLimit>) -> bool {
    let changed: Result<bool, StoreError> = store
        .write(move |tx| {
            let run = tx.reprovision(&hub(), &run_id())?.unwrap();
            let changed = tx.change_reprovision(&run, what, limit)?;
            tx.record(&event("run"), changed)
        })
        .await;
    changed.unwrap()
}

/// A run of four devices that `one` holds.
async fn begun(store: &Store) -> Reprovision {
    let inserted: Result<_, StoreError> = store
        .write(|tx| {
            let policy = PolicyName::parse("service").unwrap();
            tx.insert_reprovision(&hub(), &policy, &run_id(), &plan())?;
            tx.record(&event("run"), ())
        })
        .await;
    inserted.unwrap();
    let far = now().after(Duration::from_hours(1_000_000));
    let held = append(store, move |tx| {
        tx.lease_reprovisions(far, far.after(LEASE), "one", (10, &[]))
    })
    .await;
    let number = held[0].number;
    let devices: Vec<_> = (0..4).map(device).collect();
    let expanded = append(store, move |tx| {
        tx.expand_reprovision((number, "one"), &devices, None, true)
    });
    assert!(expanded.await);
    stored(store).await
}

async fn note(store: &Store, number: i64, notes: Vec<ReprovisionNote>) -> Vec<bool> {
    append(store, move |tx| tx.note_devices((number, "one"), &notes, now())).await
}

fn called(number: usize) -> ReprovisionNote {
    ReprovisionNote {
        until: Some(now().after(Duration::from_secs(9))),
        certificate: Some([7; 32]),
        ..ReprovisionNote::new(device(number), ReprovisionState::Called)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_read_back_as_it_was_asked_for() {
    let test = TestStore::open().await;
    let run = begun(&test.store).await;
    assert_eq!((run.plan, run.status), (plan(), ReprovisionStatus::Running));
    assert_eq!((run.counts.devices, run.counts.pending), (4, 4));
    let listed = test.store.read(|tx| tx.reprovisions(&hub(), 10)).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        test.store
            .read(|tx| tx.active_reprovisions())
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_move_devices_and_counts_and_nobody_is_called_twice() {
    let test = TestStore::open().await;
    let number = begun(&test.store).await.number;
    assert_eq!(
        note(&test.store, number, vec![called(0), called(1), called(2)]).await,
        [true; 3]
    );
    assert_eq!(note(&test.store, number, vec![called(0)]).await, [false]);
    let stranger = append(&test.store, move |tx| {
        tx.note_devices((number, "two"), &[called(3)], now())
    });
    assert_eq!(stranger.await, [false]);
    let of = |number: usize, state| ReprovisionNote::new(device(number), state);
    let notes = vec![
        of(0, ReprovisionState::Left),
        of(1, ReprovisionState::Failed).because("it answered 503"),
        of(2, ReprovisionState::Pending),
        of(3, ReprovisionState::Returned),
    ];
    assert_eq!(note(&test.store, number, notes).await, [true, true, true, false]);
    let counts = ReprovisionCounts {
        devices: 4,
        pending: 2,
        left: 1,
        failed: 1,
        ..ReprovisionCounts::default()
    };
    assert_eq!(stored(&test.store).await.counts, counts);
    let rows = test
        .store
        .read(move |tx| tx.reprovision_devices(number, None, None, 10))
        .await
        .unwrap();
    assert_eq!(
        (rows[0].certificate, rows[0].left_at),
        (Some([7; 32]), Some(now()))
    );
    assert_eq!(rows[1].reason.as_deref(), Some("it answered 503"));
    assert_eq!((rows[2].called_at, rows[2].certificate), (None, None));
    let failed = test
        .store
        .read(move |tx| tx.reprovision_devices(number, Some(ReprovisionState::Failed), None, 10))
        .await
        .unwrap();
    assert_eq!(failed.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_calls_nobody_and_counts_anew_when_it_goes_on() {
    let test = TestStore::open().await;
    let number = begun(&test.store).await.number;
    let failed = ReprovisionNote::new(device(0), ReprovisionState::Failed);
    note(&test.store, number, vec![called(0), failed]).await;
    assert!(
        append(&test.store, move |tx| tx
            .pause_reprovision(number, "one", "too many"))
        .await
    );
    assert_eq!(stored(&test.store).await.reason.as_deref(), Some("too many"));
    assert_eq!(note(&test.store, number, vec![called(1)]).await, [false]);
    assert!(
        change(
            &test.store,
            ReprovisionEvent::Resume,
            FailureLimit::parse("9").ok()
        )
        .await
    );
    let run = stored(&test.store).await;
    assert_eq!(
        (run.status, run.reason, run.since),
        (ReprovisionStatus::Running, None, (1, 1))
    );
    assert_eq!(run.plan.pause_on, Some(FailureLimit::Count(9)));
    assert_eq!(note(&test.store, number, vec![called(1)]).await, [true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_when_nothing_is_left_and_those_that_failed_are_tried_again() {
    let test = TestStore::open().await;
    let number = begun(&test.store).await.number;
    let complete = || {
        append(&test.store, move |tx| {
            tx.complete_reprovision(number, "one", now())
        })
    };
    assert!(!complete().await);
    note(&test.store, number, (0..4).map(called).collect()).await;
    let end = |number: usize, state| ReprovisionNote::new(device(number), state);
    let ends = vec![
        end(0, ReprovisionState::Returned),
        end(1, ReprovisionState::Returned),
        end(2, ReprovisionState::Failed),
        end(3, ReprovisionState::NotReturned),
    ];
    note(&test.store, number, ends).await;
    assert!(complete().await);
    assert!(!change(&test.store, ReprovisionEvent::Resume, None).await);
    assert!(change(&test.store, ReprovisionEvent::Retry, None).await);
    let run = stored(&test.store).await;
    assert_eq!((run.status, run.ended_at), (ReprovisionStatus::Running, None));
    assert_eq!(
        (run.counts.pending, run.counts.returned, run.counts.bad()),
        (2, 2, 0)
    );
    assert!(change(&test.store, ReprovisionEvent::Cancel, None).await);
    assert_eq!(test.store.read(|tx| tx.active_reprovisions()).await.unwrap(), []);
    let later = Timestamp::from_micros(i64::MAX);
    let forget = |limit: usize| append(&test.store, move |tx| tx.forget_reprovisions(later, limit));
    assert_eq!(forget(3).await, 3);
    assert_eq!(forget(3).await, 2);
    assert_eq!(forget(3).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_called_off_stays_so_when_leases_are_forgotten() {
    let test = TestStore::open().await;
    let number = begun(&test.store).await.number;
    assert!(change(&test.store, ReprovisionEvent::Cancel, None).await);
    let held = test.store.read(move |tx| tx.held_reprovision(number, "one"));
    assert_eq!(held.await.unwrap(), None, "nobody holds it");
    append(&test.store, |tx| tx.forget_leases()).await;
    assert_eq!(test.store.read(|tx| tx.active_reprovisions()).await.unwrap(), []);
    let far = now().after(Duration::from_hours(1_000_000));
    let due = test.store.read(move |tx| tx.has_due_reprovision(far)).await;
    assert!(!due.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_not_taken_by_who_works_on_it() {
    let test = TestStore::open().await;
    let number = begun(&test.store).await.number;
    let later = now().after(Duration::from_hours(2_000_000));
    let lease = |at_work: Vec<i64>| {
        append(&test.store, move |tx| {
            tx.lease_reprovisions(later, later.after(LEASE), "one", (10, &at_work))
        })
    };
    assert_eq!(lease(vec![number]).await, []);
    assert_eq!(lease(vec![]).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_have_their_time_to_connect_anew_after_a_pause() {
    let test = TestStore::open().await;
    let number = begun(&test.store).await.number;
    let devices = vec![device(0), device(1)];
    append(&test.store, move |tx| {
        tx.wait_for_devices(number, &devices, now())
    })
    .await;
    let times = async || {
        let rows = test
            .store
            .read(move |tx| tx.reprovision_devices(number, None, None, 2));
        let rows = rows.await.unwrap();
        rows.into_iter().map(|row| row.until).collect::<Vec<_>>()
    };
    assert!(change(&test.store, ReprovisionEvent::Resume, None).await);
    assert_eq!(times().await, [Some(now()), Some(now())], "it was not paused");
    assert!(change(&test.store, ReprovisionEvent::Pause, None).await);
    assert_eq!(times().await, [Some(now()), Some(now())]);
    assert!(change(&test.store, ReprovisionEvent::Resume, None).await);
    assert_eq!(times().await, [None, None]);
}
