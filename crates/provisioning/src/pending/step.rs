//! The steps of a pending run that lead out of the program.

use std::time::Duration;

use provost_model::{
    AllocationAnswer, Assignment, HubHealthState, HubName, Leased, PendingRegistration, RegistrationFailure,
    RemoteHub, Timestamp,
};
use provost_store::{Claim, ReadTx};

use super::pause;
use crate::plan::{Known, Need};
use crate::turns::Turn;
use crate::webhook::Asked;
use crate::{NewIdentity, ProvisioningError, ProvisioningService, RegistrationCaller, RemoteHubError};

/// Most requests to one hub or webhook at a time.
const TURNS: usize = 32;
/// How long a run stands back while another one tries a hub that is down.
const WAIT_FOR_SICK: Duration = Duration::from_secs(2);

/// What became of the way to a hub.
enum Reach {
    Turn(Box<RemoteHub>, Turn),
    Taken(Taken),
}

/// How a step ended.
pub(super) enum Taken {
    /// More is known now, if only that it cannot be done.
    Done,
    /// It is tried again when the run says; or the run was replaced.
    Later,
}

impl ProvisioningService {
    /// Does what is needed next. What is found out goes into `known`, and as far as it must survive
    /// this process into the store.
    pub(super) async fn take_step(
        &self,
        run: &mut Leased<PendingRegistration>,
        known: &mut Known,
        caller: &RegistrationCaller,
        need: Need,
    ) -> Result<Taken, ProvisioningError> {
        match need {
            Need::Answer { linked, current } => {
                let custom = caller.found().entry.settings().custom_allocation.as_ref();
                let whom = custom.map_or("", |custom| &custom.webhook_url);
                let Some(_turn) = self.turns().take(whom, TURNS) else {
                    run.work.due_at = self.now().after(pause(1));
                    return Ok(Taken::Later);
                };
                let asked = self.ask_webhook(&run.work, caller, &linked, current).await?;
                self.take_answer(run, known, asked).await
            }
            Need::Twin(place) => {
                let (hub, _turn) = match self.reach(run, known, &place.hub).await? {
                    Reach::Turn(hub, turn) => (hub, turn),
                    Reach::Taken(taken) => return Ok(taken),
                };
                match self.remote_hubs().twin(&hub, &place.device_id).await {
                    Ok(twin) => {
                        self.note_health(&hub.name, Ok(())).await?;
                        known.twin = Some((place, twin));
                        self.advance(run).await
                    }
                    Err(error) => self.hub_failed(run, known, &hub, error).await,
                }
            }
            Need::Identity(hub, identity) => {
                let (hub, _turn) = match self.reach(run, known, &hub).await? {
                    Reach::Turn(hub, turn) => (hub, turn),
                    Reach::Taken(taken) => return Ok(taken),
                };
                self.provision_elsewhere(run, known, &hub, identity).await
            }
        }
    }

    async fn take_answer(
        &self,
        run: &mut Leased<PendingRegistration>,
        known: &mut Known,
        asked: Asked,
    ) -> Result<Taken, ProvisioningError> {
        match asked {
            Asked::Answered(answer) => self.keep_answer(run, known, *answer).await,
            Asked::Failed { reason, is_final } => {
                run.work.attempts = run.work.attempts.saturating_add(1);
                if is_final || run.work.attempts >= self.options().outbound.webhook_attempts {
                    known.failure = Some(RegistrationFailure {
                        code: 400_207,
                        message: reason,
                    });
                    return Ok(Taken::Done);
                }
                run.work.due_at = self.now().after(pause(run.work.attempts));
                Ok(Taken::Later)
            }
        }
    }

    async fn keep_answer(
        &self,
        run: &mut Leased<PendingRegistration>,
        known: &mut Known,
        answer: AllocationAnswer,
    ) -> Result<Taken, ProvisioningError> {
        run.work.answer = Some(answer.clone());
        known.answer = Some(answer);
        self.advance(run).await
    }

    /// Creates or updates the identity. That one will be created is written down first: whatever
    /// happens then, somebody knows whose it is.
    async fn provision_elsewhere(
        &self,
        run: &mut Leased<PendingRegistration>,
        known: &mut Known,
        hub: &RemoteHub,
        identity: NewIdentity,
    ) -> Result<Taken, ProvisioningError> {
        let place = Assignment {
            hub: hub.name.clone(),
            device_id: identity.device_id.clone(),
        };
        let is_ours = run.work.made.as_ref() == Some(&place);
        let is_absent = if is_ours {
            true
        } else {
            match self.remote_hubs().has(hub, &identity.device_id).await {
                Ok(is_there) => !is_there,
                Err(error) => return self.hub_failed(run, known, hub, error).await,
            }
        };
        let is_new = match self.claim_place(run, place, is_absent).await? {
            Claim::Ours { is_new } => is_new,
            Claim::Busy => {
                run.work.due_at = self.now().after(pause(1));
                return Ok(Taken::Later);
            }
            Claim::Replaced => return Ok(Taken::Later),
        };
        match self.remote_hubs().provision(hub, &identity, is_new).await {
            Ok(()) => {
                self.note_health(&hub.name, Ok(())).await?;
                known.provisioned = Some((hub.name.clone(), identity));
                self.advance(run).await
            }
            Err(error) => self.hub_failed(run, known, hub, error).await,
        }
    }

    async fn claim_place(
        &self,
        run: &mut Leased<PendingRegistration>,
        place: Assignment,
        is_absent: bool,
    ) -> Result<Claim, ProvisioningError> {
        let now = self.now();
        let until = now.after(self.options().outbound.lease);
        let mut claimed = run.clone();
        let (claim, claimed) = self
            .store()
            .append(move |tx| {
                let claim = tx.claim_place(&mut claimed, &place, is_absent, (now, until))?;
                Ok::<_, ProvisioningError>((claim, claimed))
            })
            .await?;
        if claim != Claim::Replaced {
            *run = claimed;
        }
        Ok(claim)
    }

    /// Writes down how far the run has come and holds it on. `Later` when it was replaced.
    async fn advance(&self, run: &mut Leased<PendingRegistration>) -> Result<Taken, ProvisioningError> {
        run.work.attempts = 0;
        let until = self.now().after(self.options().outbound.lease);
        let advanced = run.clone();
        let is_ours = self
            .store()
            .append(move |tx| tx.advance_pending_registration(&advanced, until))
            .await
            .map_err(ProvisioningError::Store)?;
        Ok(if is_ours { Taken::Done } else { Taken::Later })
    }

    async fn hub_failed(
        &self,
        run: &mut Leased<PendingRegistration>,
        known: &mut Known,
        hub: &RemoteHub,
        error: RemoteHubError,
    ) -> Result<Taken, ProvisioningError> {
        self.note_health(&hub.name, Err(&error)).await?;
        let give_up_at = self.gives_up_at(run);
        let now = self.now();
        if matches!(error, RemoteHubError::Unreachable(_)) && now < give_up_at {
            run.work.attempts = run.work.attempts.saturating_add(1);
            run.work.due_at = now.after(pause(run.work.attempts)).min(give_up_at);
            tracing::debug!(hub = %hub.name, device = %run.work.registration_id, %error, "hub is tried again");
            return Ok(Taken::Later);
        }
        tracing::warn!(hub = %hub.name, device = %run.work.registration_id, %error, "hub did not take the device");
        known.failure = Some(RegistrationFailure {
            code: 400_209,
            message: format!("IoT hub {} {error}", hub.host),
        });
        Ok(Taken::Done)
    }

    /// How a hub elsewhere is reached, and a turn at it. One that is known to be down is asked by one
    /// at a time: waiting for it must not keep others from theirs.
    async fn reach(
        &self,
        run: &mut Leased<PendingRegistration>,
        known: &mut Known,
        name: &HubName,
    ) -> Result<Reach, ProvisioningError> {
        let wanted = name.clone();
        let found = self.store().read(move |tx: &ReadTx<'_>| {
            let health = tx.hub_health(&wanted)?;
            Ok::<_, ProvisioningError>(tx.remote_hub(&wanted)?.zip(health))
        });
        let Some((hub, health)) = found.await? else {
            known.failure = Some(RegistrationFailure {
                code: 401_001,
                message: "The assigned IoT hub was not found.".to_owned(),
            });
            return Ok(Reach::Taken(Taken::Done));
        };
        let is_down = health.state == HubHealthState::Unreachable;
        let limit = if is_down { 1 } else { TURNS };
        if let Some(turn) = self.turns().take(name.key(), limit) {
            return Ok(Reach::Turn(Box::new(hub), turn));
        }
        if is_down && self.now() >= self.gives_up_at(run) {
            known.failure = Some(RegistrationFailure {
                code: 400_209,
                message: format!("IoT hub {} {}", hub.host, health.error.unwrap_or_default()),
            });
            return Ok(Reach::Taken(Taken::Done));
        }
        let wait = if is_down { WAIT_FOR_SICK } else { pause(1) };
        run.work.due_at = self.now().after(wait);
        Ok(Reach::Taken(Taken::Later))
    }

    fn gives_up_at(&self, run: &Leased<PendingRegistration>) -> Timestamp {
        run.work.began_at.after(self.options().outbound.hub_patience)
    }

    /// Writes down what was seen of a hub elsewhere.
    pub(crate) async fn note_health(
        &self,
        hub: &HubName,
        seen: Result<(), &RemoteHubError>,
    ) -> Result<(), ProvisioningError> {
        let (state, error) = match seen {
            // It answered, and let us in.
            Ok(()) | Err(RemoteHubError::Refused(_)) => (HubHealthState::Healthy, None),
            Err(error @ RemoteHubError::Unreachable(_)) => {
                (HubHealthState::Unreachable, Some(error.to_string()))
            }
            Err(error @ RemoteHubError::Unauthorized(_)) => {
                (HubHealthState::Unauthorized, Some(error.to_string()))
            }
        };
        let (hub, now) = (hub.clone(), self.now());
        self.store()
            .append(move |tx| tx.note_hub_health(&hub, state, error.as_deref(), now))
            .await
            .map_err(ProvisioningError::Store)
    }
}
