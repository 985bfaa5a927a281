//! One job from where it is to its end.

use std::sync::Arc;
use std::time::Duration;

use provost_model::{DeviceId, Job, JobEvent, JobStatus, JobWork};
use provost_store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::pacer::Pacer;
use super::worker::LEASE;
use super::{matching, method, twin};
use crate::HubError;
use crate::service::HubService;

/// Devices read at a time.
const PAGE: usize = 500;
/// Devices of a job that are waited for at a time until they connect.
const WAITING: usize = 10_000;
/// How often it is looked whether the job may go on.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often the lease is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How long to wait before devices are tried again that could not be written down.
const RETRY: Duration = Duration::from_millis(500);

/// Why devices fail whose call nobody saw the end of.
const CUT_OFF: (u32, &str) = (
    500_001,
    "the server stopped while the method was under way; it is not called again",
);
/// Why devices fail whose answer did not reach the store.
const NOT_NOTED: (u32, &str) = (
    500_001,
    "what came of the call could not be written down; the method is not called again",
);
/// Why devices fail that were still at it when the job's time was over.
const TOO_LATE: (u32, &str) = (
    504_101,
    "the device did not answer before the time of the job was over",
);
/// Why a job fails.
const TIME_OVER: &str = "the time of the job was over before every device had its turn";

/// What every turn of a job's devices needs.
pub(super) struct Turns {
    pub(super) service: HubService,
    pub(super) job: Job,
    pub(super) holder: Arc<str>,
    /// Calls under way.
    pub(super) calls: Semaphore,
    /// Turns `true` when nobody may begin any more.
    stop: watch::Sender<bool>,
}

/// Runs one job.
pub(super) struct Driver {
    turns: Arc<Turns>,
    pacer: Arc<Pacer>,
    ended: watch::Receiver<u64>,
    slots: Arc<Semaphore>,
}

/// Why a job is worked on no longer.
enum End {
    /// Every device had its turn.
    Done,
    /// Its time is over.
    TimeOver,
    /// It was called off.
    CalledOff,
    /// It is somebody else's.
    Lost,
    /// It cannot be done.
    Impossible(HubError),
}

impl Turns {
    /// Waits until nobody may begin any more.
    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // The sender is a part of `self`: it cannot be gone.
        let _ = stop.wait_for(|stopped| *stopped).await;
    }

    pub(super) fn held(&self) -> (i64, Arc<str>) {
        (self.job.number, Arc::clone(&self.holder))
    }
}

impl Driver {
    pub(super) fn new(service: HubService, job: Job, holder: Arc<str>, pacer: Arc<Pacer>) -> Self {
        let concurrency = service.job_options().concurrency.max(1);
        let slots = match &job.work {
            JobWork::Twin { .. } => concurrency,
            JobWork::Method(_) => WAITING.max(concurrency),
        };
        let ended = service.job_signals().listen();
        Self {
            turns: Arc::new(Turns {
                service,
                job,
                holder,
                calls: Semaphore::new(concurrency),
                stop: watch::Sender::new(false),
            }),
            pacer,
            ended,
            slots: Arc::new(Semaphore::new(slots)),
        }
    }

    /// Runs the job. What fails for want of a store is tried again when the lease is over.
    pub(super) async fn run(self) {
        let job = self.turns.job.id.clone();
        if let Err(error) = self.drive().await {
            warn!(error = &error as &dyn std::error::Error, %job, "a job was interrupted");
        }
    }

    async fn drive(self) -> Result<(), HubError> {
        self.give_up_calls(CUT_OFF).await?;
        let mut running = JoinSet::new();
        let end = if self.turns.job.status.is_ended() {
            End::CalledOff
        } else {
            tokio::select! {
                biased;
                end = self.interrupted() => end,
                fed = self.feed(&mut running) => match fed {
                    Ok(()) => End::Done,
                    Err(HubError::Store(error)) => return Err(error.into()),
                    Err(error) => End::Impossible(error),
                },
            }
        };
        let _ = self.turns.stop.send(true);
        self.end(end, running).await
    }

    async fn end(&self, end: End, mut running: JoinSet<()>) -> Result<(), HubError> {
        let failure = match end {
            End::Done => return self.close(JobEvent::Complete, None, NOT_NOTED).await,
            End::Lost => return Ok(()),
            End::CalledOff => {
                // Calls under way have been made: their devices are still answered.
                let all = async { while running.join_next().await.is_some() {} };
                tokio::select! {
                    () = all => {}
                    () = self.keep() => {}
                }
                let (number, holder) = self.turns.held();
                let leave = move |tx: &provost_store::AppendTx<'_>| tx.leave_job(number, &holder);
                return Ok(self.store().append(leave).await?);
            }
            End::TimeOver => TIME_OVER.to_owned(),
            End::Impossible(error) => error.public_message(),
        };
        running.shutdown().await;
        self.close(JobEvent::Fail, Some(failure), TOO_LATE).await
    }

    /// Ends the job; calls that are still noted to be under way are given up with it.
    async fn close(
        &self,
        event: JobEvent,
        failure: Option<String>,
        unanswered: (u32, &'static str),
    ) -> Result<(), HubError> {
        let (job, holder) = (self.turns.job.clone(), Arc::clone(&self.turns.holder));
        let now = self.turns.service.now();
        let close = move |tx: &provost_store::AppendTx<'_>| {
            let is_ended = tx.end_job(&job, &holder, event, failure.as_deref(), now)?;
            if is_ended {
                tx.give_up_calls_of_job(job.number, unanswered, now)?;
            }
            Ok(is_ended)
        };
        let ended: Result<bool, StoreError> = self.store().append(close).await;
        if ended? {
            info!(job = %self.turns.job.id, hub = %self.turns.job.hub, ?event, "a job has ended");
        }
        Ok(())
    }

    /// Finds the devices, then gives each its turn; ends when all had it.
    async fn feed(&self, running: &mut JoinSet<()>) -> Result<(), HubError> {
        self.expand().await?;
        loop {
            let mut after = None;
            let mut found = 0;
            loop {
                let page = self.pending(after.take()).await?;
                let is_last = page.len() < PAGE;
                found += page.len();
                after = page.last().cloned();
                for device in page {
                    while running.try_join_next().is_some() {}
                    let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else {
                        return Ok(());
                    };
                    self.pacer.turn().await;
                    running.spawn(turn(Arc::clone(&self.turns), device, slot));
                }
                if is_last {
                    break;
                }
            }
            if found == 0 {
                return Ok(());
            }
            while running.join_next().await.is_some() {}
            if !self.pending(None).await?.is_empty() {
                // Some could not be written down: the store was busy.
                sleep(RETRY).await;
            }
        }
    }

    async fn expand(&self) -> Result<(), HubError> {
        let job = &self.turns.job;
        if job.is_expanded {
            return Ok(());
        }
        let condition = matching::check(&job.condition)?;
        let mut after = job.found_until.clone();
        loop {
            let found = matching::step(&self.turns.service, &job.hub, &condition, after.take()).await?;
            after = found.next.clone();
            let ((number, holder), now) = (self.turns.held(), self.turns.service.now());
            let expand = move |tx: &provost_store::AppendTx<'_>| {
                let is_expanded = found.next.is_none();
                tx.expand_job(
                    (number, &holder),
                    &found.devices,
                    found.next.as_ref(),
                    is_expanded,
                    now,
                )
            };
            let is_held: Result<bool, StoreError> = self.store().append(expand).await;
            if !is_held? {
                // Whoever looks says why.
                std::future::pending::<()>().await;
            }
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn pending(&self, after: Option<DeviceId>) -> Result<Vec<DeviceId>, StoreError> {
        let number = self.turns.job.number;
        self.store()
            .scan(move |tx| tx.pending_devices_of_job(number, after.as_ref(), PAGE))
            .await
    }

    /// Renews the lease; comes back when the job may not go on.
    async fn interrupted(&self) -> End {
        let mut ended = self.ended.clone();
        let mut renewed = Instant::now();
        loop {
            match self.standing().await {
                Ok(Some(JobStatus::Running)) => {
                    let is_over = self
                        .turns
                        .job
                        .ends_at()
                        .is_some_and(|end| self.turns.service.now() >= end);
                    if is_over {
                        return End::TimeOver;
                    }
                }
                Ok(Some(JobStatus::Cancelled)) => return End::CalledOff,
                Ok(_) => return End::Lost,
                Err(_) if renewed.elapsed() > LEASE => return End::Lost,
                Err(_) => {}
            }
            if renewed.elapsed() >= RENEW_EVERY && self.renew().await.is_ok() {
                renewed = Instant::now();
            }
            // Told, or time to look: both go on with a look.
            let _ = timeout(LOOK_EVERY, ended.changed()).await;
        }
    }

    /// Keeps the lease until it is lost.
    async fn keep(&self) {
        loop {
            sleep(RENEW_EVERY).await;
            if matches!(self.renew().await, Ok(false)) {
                return;
            }
        }
    }

    async fn renew(&self) -> Result<bool, StoreError> {
        let (number, holder) = self.turns.held();
        let until = self.turns.service.now().after(LEASE);
        self.store()
            .append(move |tx| tx.renew_job(number, &holder, until))
            .await
    }

    async fn standing(&self) -> Result<Option<JobStatus>, StoreError> {
        let (number, holder) = self.turns.held();
        self.store().read(move |tx| tx.held_job(number, &holder)).await
    }

    async fn give_up_calls(&self, why: (u32, &'static str)) -> Result<(), StoreError> {
        let (number, now) = (self.turns.job.number, self.turns.service.now());
        self.store()
            .append(move |tx| tx.give_up_calls_of_job(number, why, now))
            .await
            .map(|_: u64| ())
    }

    fn store(&self) -> &provost_store::Store {
        self.turns.service.store()
    }
}

/// One device's turn. What could not be written down is found again among those that wait.
async fn turn(turns: Arc<Turns>, device: DeviceId, slot: OwnedSemaphorePermit) {
    let done = match &turns.job.work {
        JobWork::Twin { etag, write } => twin::update(&turns, &device, etag.as_ref(), write).await,
        JobWork::Method(call) => method::call(&turns, &device, call).await,
    };
    if let Err(error) = done {
        let job = &turns.job.id;
        warn!(error = &error as &dyn std::error::Error, %job, %device, "a device of a job has to wait");
    }
    drop(slot);
}
