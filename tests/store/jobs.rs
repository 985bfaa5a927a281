use std::time::Duration;

use provost_model::twin::TwinWrite;
use provost_model::{
    DeviceId, DeviceJobOutcome, DeviceJobState, Job, JobCounts, JobEvent, JobId, JobMethod, JobStatus,
    JobWork, NewJob, PolicyName, Timestamp,
};
use provost_store::{AppendTx, DeviceJobFilter, Store, StoreError};
use provost_testkit::TestStore;
use serde_json::{Map, json};

use super::{event, hub};

const LEASE: Duration = Duration::from_secs(15);

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_000)
}

fn job_id(id: &str) -> JobId {
    JobId::parse(id).unwrap()
}

fn devices(count: usize) -> Vec<DeviceId> {
    (0..count)
        .map(|n| DeviceId::parse(&format!("d{n:03}")).unwrap())
        .collect()
}

fn method() -> JobWork {
    JobWork::Method(JobMethod {
        name: "m".to_owned(),
        payload: Some(json!({ "a": null })),
        response_timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(5),
    })
}

fn new_job(id: &str, work: JobWork, start_at: Option<Timestamp>) -> NewJob {
    NewJob {
        id: job_id(id),
        work,
        condition: "*".to_owned(),
        start_at,
        max_execution: Duration::from_mins(1),
    }
}

async fn insert(store: &Store, new: NewJob) -> Job {
    let id = new.id.clone();
    let inserted: Result<_, StoreError> = store
        .write(move |tx| {
            let policy = PolicyName::parse("service").unwrap();
            tx.insert_job(&hub(), &policy, &new, (JobStatus::Queued, now()))?;
            tx.record(&event("job"), ())
        })
        .await;
    inserted.unwrap();
    stored(store, id.as_str()).await.unwrap()
}

async fn stored(store: &Store, id: &str) -> Option<Job> {
    let id = job_id(id);
    store.read(move |tx| tx.job(&hub(), &id)).await.unwrap()
}

async fn append<T: Send + 'static>(
    store: &Store,
    append: impl FnOnce(&AppendTx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.append(append).await.unwrap()
}

async fn lease(store: &Store, holder: &'static str, at: Timestamp) -> Vec<Job> {
    append(store, move |tx| {
        tx.lease_jobs(at, at.after(LEASE), holder, (10, &[]))
    })
    .await
}

/// A job of three devices that `one` holds.
async fn begun(store: &Store, work: JobWork) -> Job {
    let job = insert(store, new_job("j1", work, None)).await;
    assert_eq!(lease(store, "one", now()).await.len(), 1);
    let number = job.number;
    let is_held = append(store, move |tx| {
        tx.expand_job((number, "one"), &devices(3), None, true, now())
    });
    assert!(is_held.await);
    stored(store, "j1").await.unwrap()
}

async fn rows(
    store: &Store,
    filter: DeviceJobFilter,
) -> Vec<(String, DeviceJobState, Option<DeviceJobOutcome>)> {
    let rows = store
        .read(move |tx| tx.device_jobs(&hub(), &filter, None, 100))
        .await
        .unwrap();
    rows.into_iter()
        .map(|row| (row.device_id.to_string(), row.state, row.outcome))
        .collect()
}

fn in_state(state: DeviceJobState) -> DeviceJobFilter {
    DeviceJobFilter {
        state: Some(state),
        ..DeviceJobFilter::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_read_back_as_they_were_asked_for() {
    let test = TestStore::open().await;
    let write = TwinWrite {
        tags: Some(Map::from_iter([("a".to_owned(), json!(null))])),
        desired: None,
    };
    let twin = insert(
        &test.store,
        new_job(
            "j1",
            JobWork::Twin {
                etag: None,
                write: write.clone(),
            },
            None,
        ),
    )
    .await;
    assert_eq!(twin.work, JobWork::Twin { etag: None, write });
    assert_eq!(
        (twin.status, twin.start_at, twin.counts),
        (JobStatus::Queued, now(), JobCounts::default())
    );
    let later = now().after(Duration::from_secs(9));
    let call = insert(&test.store, new_job("j2", method(), Some(later))).await;
    assert_eq!((call.work, call.start_at), (method(), later));
    assert_eq!(stored(&test.store, "j3").await, None);
    let listed = test
        .store
        .read(|tx| tx.jobs(&hub(), None, None, None, 10))
        .await
        .unwrap();
    let names: Vec<_> = listed.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(names, ["j2", "j1"]);
    assert_eq!(test.store.read(|tx| tx.active_jobs(&hub())).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_begins_in_time_and_is_one_holders_until_its_lease_is_over() {
    let test = TestStore::open().await;
    let later = now().after(Duration::from_mins(1));
    insert(&test.store, new_job("j1", method(), Some(later))).await;
    assert_eq!(lease(&test.store, "one", now()).await, []);
    let held = lease(&test.store, "one", later).await;
    assert_eq!(
        (held[0].status, held[0].started_at),
        (JobStatus::Running, Some(later))
    );
    assert_eq!(lease(&test.store, "two", later).await, []);
    let number = held[0].number;
    let over = later.after(LEASE);
    let taken = lease(&test.store, "two", over).await;
    // Its time runs on from its begin.
    assert_eq!(taken[0].started_at, Some(later));
    assert!(!append(&test.store, move |tx| tx.renew_job(number, "one", over)).await);
    assert!(
        append(&test.store, move |tx| tx.renew_job(
            number,
            "two",
            over.after(LEASE)
        ))
        .await
    );
    append(&test.store, |tx| tx.release_jobs("two")).await;
    assert_eq!(lease(&test.store, "three", now()).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_holder_writes_down_devices_and_each_once() {
    let test = TestStore::open().await;
    let job = begun(&test.store, method()).await;
    assert_eq!(
        (job.counts.devices, job.counts.pending, job.is_expanded),
        (3, 3, true)
    );
    let number = job.number;
    // Again after a power cut: those that are there stay as they are.
    let again = append(&test.store, move |tx| {
        tx.expand_job((number, "one"), &devices(4), None, true, now())
    });
    assert!(again.await);
    let stranger = append(&test.store, move |tx| {
        tx.expand_job((number, "two"), &devices(9), None, true, now())
    });
    assert!(!stranger.await);
    assert_eq!(stored(&test.store, "j1").await.unwrap().counts.devices, 4);
    assert_eq!(rows(&test.store, DeviceJobFilter::default()).await.len(), 4);
    let page = test
        .store
        .read(move |tx| tx.pending_devices_of_job(number, Some(&devices(2)[1]), 10))
        .await
        .unwrap();
    assert_eq!(page, devices(4)[2..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twin_is_noted_once_and_never_after_the_job_was_called_off() {
    let test = TestStore::open().await;
    let write = TwinWrite::default();
    let job = begun(&test.store, JobWork::Twin { etag: None, write }).await;
    let number = job.number;
    let note = |holder: &'static str, device: usize| {
        let store = test.store.clone();
        async move {
            let device = devices(3)[device].clone();
            let noted: Result<bool, StoreError> = store
                .write(move |tx| {
                    if tx.note_twin_of_job(number, holder, &device)? {
                        tx.record(&event("twin"), true)
                    } else {
                        Ok(tx.unchanged(false))
                    }
                })
                .await;
            noted.unwrap()
        }
    };
    assert!(note("one", 0).await);
    assert!(!note("one", 0).await);
    assert!(!note("two", 1).await);
    let cancelled: Result<_, StoreError> = test
        .store
        .write(|tx| {
            let job = tx.job(&hub(), &job_id("j1"))?.unwrap();
            tx.cancel_job(&job, now())?;
            tx.record(&event("job"), ())
        })
        .await;
    cancelled.unwrap();
    assert!(!note("one", 1).await);
    let job = stored(&test.store, "j1").await.unwrap();
    let counts = JobCounts {
        devices: 3,
        pending: 0,
        running: 0,
        succeeded: 1,
        failed: 0,
    };
    assert_eq!((job.status, job.counts), (JobStatus::Cancelled, counts));
    assert_eq!(
        rows(&test.store, in_state(DeviceJobState::Cancelled)).await.len(),
        2
    );
    assert_eq!(rows(&test.store, in_state(DeviceJobState::Pending)).await, []);
    let done = rows(&test.store, in_state(DeviceJobState::Completed)).await;
    assert_eq!(
        done,
        [(
            "d000".to_owned(),
            DeviceJobState::Completed,
            Some(DeviceJobOutcome::Written)
        )]
    );
    assert_eq!(lease(&test.store, "two", now().after(LEASE)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story of three devices")]
async fn a_call_is_begun_once_and_what_nobody_saw_end_is_given_up() {
    let test = TestStore::open().await;
    let job = begun(&test.store, method()).await;
    let number = job.number;
    let begin = |device: usize| {
        let device = devices(3)[device].clone();
        append(&test.store, move |tx| {
            tx.begin_call_of_job((number, "one"), &device, now())
        })
    };
    assert!(begin(0).await);
    assert!(!begin(0).await);
    assert!(begin(1).await);
    append(&test.store, move |tx| {
        tx.undo_call_of_job(number, &devices(3)[1], now())
    })
    .await;
    assert!(begin(1).await);
    let outcome = DeviceJobOutcome::Answered {
        status: 200,
        payload: json!({ "a": 1 }),
    };
    let answered = outcome.clone();
    append(&test.store, move |tx| {
        tx.end_call_of_job(number, &devices(3)[0], &answered, now())
    })
    .await;
    let failed = append(&test.store, move |tx| {
        tx.fail_device_of_job((number, "one"), &devices(3)[2], (404_103, "away"), now())
    });
    assert!(failed.await);
    let given_up = append(&test.store, move |tx| {
        tx.give_up_calls_of_job(number, (500_001, "cut off"), now())
    });
    assert_eq!(given_up.await, 1);
    let counts = JobCounts {
        devices: 3,
        pending: 0,
        running: 0,
        succeeded: 1,
        failed: 2,
    };
    let job = stored(&test.store, "j1").await.unwrap();
    assert_eq!(job.counts, counts);
    let outcomes: Vec<_> = rows(&test.store, DeviceJobFilter::default())
        .await
        .into_iter()
        .map(|(_, _, outcome)| outcome.unwrap())
        .collect();
    let failed = |code, reason: &str| DeviceJobOutcome::Failed {
        code,
        reason: reason.to_owned(),
    };
    assert_eq!(
        outcomes,
        [outcome, failed(500_001, "cut off"), failed(404_103, "away")]
    );
    let ended = append(&test.store, move |tx| {
        tx.end_job(&job, "one", JobEvent::Complete, None, now())
    });
    assert!(ended.await);
    assert_eq!(
        stored(&test.store, "j1").await.unwrap().status,
        JobStatus::Completed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_called_off_with_calls_under_way_stays_due_until_they_are_over() {
    let test = TestStore::open().await;
    let job = begun(&test.store, method()).await;
    let number = job.number;
    append(&test.store, move |tx| {
        tx.begin_call_of_job((number, "one"), &devices(1)[0], now())
    })
    .await;
    let cancelled: Result<_, StoreError> = test
        .store
        .write(|tx| {
            let job = tx.job(&hub(), &job_id("j1"))?.unwrap();
            tx.cancel_job(&job, now())?;
            tx.record(&event("job"), ())
        })
        .await;
    cancelled.unwrap();
    let left = lease(&test.store, "two", now().after(LEASE)).await;
    assert_eq!(
        (left[0].status, left[0].counts.running),
        (JobStatus::Cancelled, 1)
    );
    append(&test.store, move |tx| {
        tx.give_up_calls_of_job(number, (500_001, "cut off"), now())
    })
    .await;
    append(&test.store, move |tx| tx.leave_job(number, "two")).await;
    let later = now().after(Duration::from_hours(1));
    assert_eq!(lease(&test.store, "three", later).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_jobs_are_forgotten_in_chunks_and_the_newest_kept() {
    let test = TestStore::open().await;
    for (number, id) in ["j1", "j2", "j3"].into_iter().enumerate() {
        let job = insert(&test.store, new_job(id, method(), None)).await;
        lease(&test.store, "one", now()).await;
        let at = now().after(Duration::from_secs(number as u64));
        append(&test.store, move |tx| {
            tx.expand_job((job.number, "one"), &devices(3), None, true, now())?;
            tx.end_job(&job, "one", JobEvent::Fail, Some("x"), at)
        })
        .await;
    }
    let forget = |before: Timestamp, keep: usize, limit: usize| {
        append(&test.store, move |tx| tx.forget_jobs(before, keep, limit))
    };
    assert_eq!(forget(now(), 10, 100).await, 0);
    // Two rows, then one and the job.
    let before = now().after(Duration::from_secs(1));
    assert_eq!(forget(before, 10, 2).await, 2);
    assert!(stored(&test.store, "j1").await.is_some());
    assert_eq!(forget(before, 10, 2).await, 2);
    assert!(stored(&test.store, "j1").await.is_none());
    assert_eq!(forget(before, 10, 100).await, 0);
    assert_eq!(forget(now(), 0, 100).await, 4);
    assert!(stored(&test.store, "j2").await.is_none());
    assert!(stored(&test.store, "j3").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_not_taken_by_who_works_on_it() {
    let test = TestStore::open().await;
    let job = begun(&test.store, method()).await;
    let later = now().after(LEASE * 2);
    let lease = |at_work: Vec<i64>| {
        append(&test.store, move |tx| {
            tx.lease_jobs(later, later.after(LEASE), "one", (10, &at_work))
        })
    };
    assert_eq!(lease(vec![job.number]).await, []);
    assert_eq!(lease(vec![]).await.len(), 1);
}
