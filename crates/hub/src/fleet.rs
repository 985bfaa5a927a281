//! A fleet that is told to register anew, and watched until it is back.
//!
//! 1. A run is a row; who works on it holds it by a lease, as with jobs.
//! 2. Devices have their turn at the run's pace, in the order of their IDs; those who are not there
//!    are called once they connect (`run/feed.rs`).
//! 3. Before a device is called its row says so, with the certificate it has now: whatever happens,
//!    it is not called twice (`run/call.rs`).
//! 4. Its session is watched: it ends, and another one begins that another certificate admitted
//!    (`watch.rs`).
//! 5. When too many fail the run pauses; it ends when every device is back or given up.

mod run;
mod watch;
mod worker;

use provost_model::query::Condition;
use provost_model::{
    AccessRight, Action, AuditEvent, DeviceId, FailureLimit, HubName, IdentityId, JobId, PageSize,
    Reprovision, ReprovisionCounts, ReprovisionDevice, ReprovisionEvent, ReprovisionPlan, ReprovisionState,
};
use provost_wire::hub::MAX_METHOD_PAYLOAD;
use provost_wire::json;
use tokio::time::timeout;

use crate::jobs::matching;
use crate::query::MAX_TIME;
use crate::service::HubService;
use crate::{HubError, ServiceCaller};

/// Runs of all hubs that may be under way at a time.
const MAX_ACTIVE: usize = 20;
/// Runs a listing shows.
const MAX_LISTED: usize = 200;

/// A page of devices of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReprovisionPage {
    /// The devices, in the order of their IDs.
    pub devices: Vec<ReprovisionDevice>,
    /// The device to go on after, when there may be more.
    pub next: Option<DeviceId>,
}

/// Whom a run would call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReprovisionForecast {
    /// Devices the condition holds of.
    pub devices: u64,
    /// Those of them connected to this node.
    pub connected: u64,
}

impl HubService {
    /// Begins a run; without a name it gets one. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ArgumentInvalid`] for a condition that is none,
    /// [`HubError::MessageTooLarge`], [`HubError::JobAlreadyExists`], [`HubError::TooManyJobs`],
    /// [`HubError::Store`].
    pub async fn create_reprovision(
        &self,
        caller: &ServiceCaller,
        id: Option<JobId>,
        plan: ReprovisionPlan,
    ) -> Result<Reprovision, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        matching::check(&plan.condition)?;
        check_payload(&plan)?;
        let id = match id {
            Some(id) => id,
            None => self.new_run_id()?,
        };
        let (hub, policy) = (caller.hub().clone(), caller.policy().clone());
        let event = event(caller, Action::Create, &id);
        let run = self
            .store()
            .write(move |tx| {
                if tx.reprovision(&hub, &id)?.is_some() {
                    return Err(HubError::JobAlreadyExists);
                }
                if tx.active_reprovisions()?.len() >= MAX_ACTIVE {
                    return Err(HubError::TooManyJobs { limit: MAX_ACTIVE });
                }
                tx.insert_reprovision(&hub, &policy, &id, &plan)?;
                let run = tx.reprovision(&hub, &id)?.ok_or(HubError::JobNotFound)?;
                Ok(tx.record(&event, run)?)
            })
            .await?;
        self.fleet_signals().wake();
        Ok(run)
    }

    /// Whom a run with this condition would call. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ArgumentInvalid`] for a condition that is none or whose
    /// devices take too long to count, [`HubError::Store`].
    pub async fn forecast_reprovision(
        &self,
        caller: &ServiceCaller,
        condition: &str,
    ) -> Result<ReprovisionForecast, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let condition = matching::check(condition)?;
        let counted = timeout(MAX_TIME, self.count_matching(caller.hub(), &condition)).await;
        counted.map_err(|_| {
            HubError::ArgumentInvalid(format!(
                "the devices cannot be counted in {} seconds; narrow the condition",
                MAX_TIME.as_secs()
            ))
        })?
    }

    async fn count_matching(
        &self,
        hub: &HubName,
        condition: &Condition,
    ) -> Result<ReprovisionForecast, HubError> {
        let mut forecast = ReprovisionForecast {
            devices: 0,
            connected: 0,
        };
        let mut after = None;
        loop {
            let found = matching::step(self, hub, condition, after.take()).await?;
            forecast.devices += found.devices.len() as u64;
            let is_there = |device: &&DeviceId| {
                let id = IdentityId::device((*device).clone());
                self.sessions().live(hub, &id).is_some()
            };
            forecast.connected += found.devices.iter().filter(is_there).count() as u64;
            after = found.next;
            if after.is_none() {
                return Ok(forecast);
            }
        }
    }

    /// A run with its counts. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::JobNotFound`], [`HubError::Store`].
    pub async fn reprovision(&self, caller: &ServiceCaller, id: &JobId) -> Result<Reprovision, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let (hub, id) = (caller.hub().clone(), id.clone());
        let run = self.store().read(move |tx| tx.reprovision(&hub, &id)).await?;
        run.ok_or(HubError::JobNotFound)
    }

    /// The latest runs, newest first. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::Store`].
    pub async fn reprovisions(&self, caller: &ServiceCaller) -> Result<Vec<Reprovision>, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let hub = caller.hub().clone();
        let runs = self
            .store()
            .scan(move |tx| tx.reprovisions(&hub, MAX_LISTED))
            .await?;
        Ok(runs)
    }

    /// Pauses a run, lets it go on, gives those that failed another turn, or calls it off. A paused
    /// run calls nobody and goes on watching those that were called; one that is called off does
    /// neither. `pause_on` takes the place of the limit before. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::JobNotFound`], [`HubError::JobEnded`] where the run
    /// does not allow it, [`HubError::Store`].
    pub async fn change_reprovision(
        &self,
        caller: &ServiceCaller,
        id: &JobId,
        what: ReprovisionEvent,
        pause_on: Option<FailureLimit>,
    ) -> Result<Reprovision, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let (hub, id) = (caller.hub().clone(), id.clone());
        let event = event(caller, Action::Update, &id).with_detail(word(what));
        let run = self
            .store()
            .write(move |tx| {
                let run = tx.reprovision(&hub, &id)?.ok_or(HubError::JobNotFound)?;
                if !tx.change_reprovision(&run, what, pause_on)? {
                    return Err(HubError::JobEnded);
                }
                let run = tx.reprovision(&hub, &id)?.ok_or(HubError::JobNotFound)?;
                Ok(tx.record(&event, run)?)
            })
            .await?;
        self.fleet_signals().ended();
        self.fleet_signals().wake();
        Ok(run)
    }

    /// Devices of a run, of one state alone when asked, beginning after `after`. Needs
    /// `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::JobNotFound`], [`HubError::Store`].
    pub async fn reprovision_devices(
        &self,
        caller: &ServiceCaller,
        id: &JobId,
        state: Option<ReprovisionState>,
        after: Option<DeviceId>,
        page: PageSize,
    ) -> Result<ReprovisionPage, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let (hub, id) = (caller.hub().clone(), id.clone());
        let devices = self
            .store()
            .scan(move |tx| {
                let run = tx.reprovision(&hub, &id)?.ok_or(HubError::JobNotFound)?;
                Ok::<_, HubError>(tx.reprovision_devices(run.number, state, after.as_ref(), page.get())?)
            })
            .await?;
        let is_full = devices.len() == page.get();
        let last = devices.last().filter(|_| is_full);
        let next = last.map(|row| row.device_id.clone());
        Ok(ReprovisionPage { devices, next })
    }

    /// What became of the devices of the runs that are under way, by hub, for whoever counts.
    ///
    /// # Errors
    /// [`HubError::Store`].
    pub async fn reprovision_counts(&self) -> Result<Vec<(HubName, ReprovisionCounts)>, HubError> {
        let active = |tx: &provost_store::ReadTx<'_>| tx.active_reprovisions();
        let runs = self.store().read(active).await?;
        Ok(runs.into_iter().map(|run| (run.hub, run.counts)).collect())
    }

    fn new_run_id(&self) -> Result<JobId, HubError> {
        let text = format!("reprovision-{}", self.random().hex(4));
        JobId::parse(&text).map_err(|error| HubError::ArgumentInvalid(error.to_string()))
    }
}

fn check_payload(plan: &ReprovisionPlan) -> Result<(), HubError> {
    let size = plan
        .payload
        .as_ref()
        .map_or(0, |payload| json::to_bytes(payload).len());
    if size > MAX_METHOD_PAYLOAD {
        let limit = MAX_METHOD_PAYLOAD;
        return Err(HubError::MessageTooLarge { size, limit });
    }
    Ok(())
}

fn event(caller: &ServiceCaller, action: Action, id: &JobId) -> AuditEvent {
    let hub = caller.hub().as_str();
    AuditEvent::new(caller.actor(), action, "fleetReprovision", hub, id.as_str())
}

fn word(what: ReprovisionEvent) -> &'static str {
    match what {
        ReprovisionEvent::Pause => "paused",
        ReprovisionEvent::Resume => "resumed",
        ReprovisionEvent::Retry => "resumed, failed ones again",
        ReprovisionEvent::Complete => "completed",
        ReprovisionEvent::Cancel => "cancelled",
    }
}
