//! Jobs: one thing done to many devices, at a pace, whatever happens to the program meanwhile
//! (iot-hub-service-api.md 10).
//!
//! 1. A job is a row; who works on it holds it by a lease that is renewed (`worker.rs`).
//! 2. When its time has come its devices are looked for, page by page, and each gets a row
//!    (`driver.rs`).
//! 3. Each device has its turn: a twin is written in one transaction with the row that says so, so
//!    it is never written twice (`twin.rs`); before a method is sent, the row says that it may have
//!    been, so it is never sent twice (`method.rs`).
//! 4. A job ends when every device had its turn, when its time is over, or when it is called off.

mod driver;
mod history;
pub(crate) mod matching;
mod method;
mod options;
mod pacer;
pub(crate) mod patience;
mod signals;
mod twin;
mod worker;

use provost_model::twin::Twin;
use provost_model::{
    AccessRight, Action, Actor, AuditEvent, DeviceId, DeviceJob, HubName, InitialTwin, Job, JobId, JobKind,
    JobStatus, JobWork, NewJob, PageSize,
};
use provost_store::DeviceJobFilter;
use provost_wire::hub::MAX_METHOD_PAYLOAD;
use provost_wire::json;
use provost_wire::time::iso;

pub use self::options::JobOptions;
pub(crate) use self::signals::JobSignals;
use crate::service::HubService;
use crate::{HubError, ServiceCaller};

/// A page of jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPage {
    /// The jobs, newest first.
    pub jobs: Vec<Job>,
    /// The number to go on before, when there may be more.
    pub next: Option<i64>,
}

/// A page of devices of jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceJobPage {
    /// The devices, in the order of jobs and IDs.
    pub devices: Vec<DeviceJob>,
    /// Job and device to go on after, when there may be more.
    pub next: Option<(i64, DeviceId)>,
}

impl HubService {
    /// Takes a job in. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ArgumentInvalid`] for a condition that is none or a
    /// twin update no twin can take, [`HubError::MessageTooLarge`], [`HubError::JobAlreadyExists`],
    /// [`HubError::TooManyJobs`], [`HubError::Store`].
    pub async fn create_job(&self, caller: &ServiceCaller, new: NewJob) -> Result<Job, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        matching::check(&new.condition)?;
        self.check_work(&new.work)?;
        let limit = self.job_options().active;
        let (hub, policy) = (caller.hub().clone(), caller.policy().clone());
        let event = event(caller, Action::Create, &new.id);
        let event = event.with_detail(new.work.kind().as_str());
        let job = self
            .store()
            .write(move |tx| {
                if tx.job(&hub, &new.id)?.is_some() {
                    return Err(HubError::JobAlreadyExists);
                }
                if usize::try_from(tx.active_jobs(&hub)?).unwrap_or(0) >= limit {
                    return Err(HubError::TooManyJobs { limit });
                }
                let status = match new.start_at {
                    Some(start_at) if start_at > tx.now() => JobStatus::Scheduled,
                    _ => JobStatus::Queued,
                };
                tx.insert_job(&hub, &policy, &new, (status, tx.now()))?;
                let job = tx.job(&hub, &new.id)?.ok_or(HubError::JobNotFound)?;
                Ok(tx.record(&event, job)?)
            })
            .await?;
        self.job_signals().wake();
        Ok(job)
    }

    /// A job with its statistics. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::JobNotFound`], [`HubError::Store`].
    pub async fn job(&self, caller: &ServiceCaller, id: &JobId) -> Result<Job, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let (hub, id) = (caller.hub().clone(), id.clone());
        let job = self.store().read(move |tx| tx.job(&hub, &id)).await?;
        job.ok_or(HubError::JobNotFound)
    }

    /// Jobs, newest first, beginning before the one numbered `before`. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::Store`].
    pub async fn jobs(
        &self,
        caller: &ServiceCaller,
        (kind, status): (Option<JobKind>, Option<JobStatus>),
        before: Option<i64>,
        page: PageSize,
    ) -> Result<JobPage, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let hub = caller.hub().clone();
        let jobs = self
            .store()
            .scan(move |tx| tx.jobs(&hub, kind, status, before, page.get()))
            .await?;
        let is_full = jobs.len() == page.get();
        let next = jobs.last().filter(|_| is_full).map(|job| job.number);
        Ok(JobPage { jobs, next })
    }

    /// Calls a job off: no device has its turn after this. Those whose method is under way are
    /// still answered. A job that was called off before stays as it is. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::JobNotFound`], [`HubError::JobEnded`],
    /// [`HubError::Store`].
    pub async fn cancel_job(&self, caller: &ServiceCaller, id: &JobId) -> Result<Job, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let (hub, id) = (caller.hub().clone(), id.clone());
        let event = event(caller, Action::Update, &id).with_detail("cancelled");
        let job = self
            .store()
            .write(move |tx| {
                let job = tx.job(&hub, &id)?.ok_or(HubError::JobNotFound)?;
                match job.status {
                    JobStatus::Cancelled => return Ok(tx.unchanged(job)),
                    JobStatus::Completed | JobStatus::Failed => return Err(HubError::JobEnded),
                    JobStatus::Queued | JobStatus::Scheduled | JobStatus::Running => {}
                }
                tx.cancel_job(&job, tx.now())?;
                let job = tx.job(&hub, &id)?.ok_or(HubError::JobNotFound)?;
                Ok(tx.record(&event, job)?)
            })
            .await?;
        self.job_signals().ended();
        Ok(job)
    }

    /// What became of devices of jobs, beginning after `after`. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::Store`].
    pub async fn device_jobs(
        &self,
        caller: &ServiceCaller,
        filter: DeviceJobFilter,
        after: Option<(i64, DeviceId)>,
        page: PageSize,
    ) -> Result<DeviceJobPage, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let hub = caller.hub().clone();
        let devices = self
            .store()
            .scan(move |tx| {
                let after = after.as_ref().map(|(job, device)| (*job, device));
                tx.device_jobs(&hub, &filter, after, page.get())
            })
            .await?;
        let is_full = devices.len() == page.get();
        let last = devices.last().filter(|_| is_full);
        let next = last.map(|row| (row.job, row.device_id.clone()));
        Ok(DeviceJobPage { devices, next })
    }

    /// Whether somebody may ask for jobs that import and export devices, of which there are none.
    /// Needs `RegistryWrite`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`].
    pub fn check_transfers(&self, caller: &ServiceCaller) -> Result<(), HubError> {
        caller.require(AccessRight::RegistryWrite)
    }

    /// Work that can be done to no device at all is refused before it begins.
    fn check_work(&self, work: &JobWork) -> Result<(), HubError> {
        match work {
            JobWork::Twin { write, .. } => {
                let mut twin = Twin::new(&InitialTwin::default(), self.now(), iso);
                twin.patch(write, self.now(), iso)?;
            }
            JobWork::Method(method) => {
                let size = method
                    .payload
                    .as_ref()
                    .map_or(0, |payload| json::to_bytes(payload).len());
                if size > MAX_METHOD_PAYLOAD {
                    let limit = MAX_METHOD_PAYLOAD;
                    return Err(HubError::MessageTooLarge { size, limit });
                }
            }
        }
        Ok(())
    }
}

fn event(caller: &ServiceCaller, action: Action, id: &JobId) -> AuditEvent {
    AuditEvent::new(caller.actor(), action, "job", caller.hub().as_str(), id.as_str())
}

/// The event of a twin written by a job: in the name of who asked for the job.
fn twin_event(job: &Job, hub: &HubName, device: &DeviceId) -> AuditEvent {
    let actor = Actor::Policy(job.policy.clone());
    AuditEvent::new(actor, Action::Update, "twin", hub.as_str(), device.as_str())
        .with_detail(format!("job {}", job.id))
}
