//! The steps of a pending run that lead out of the program.

use std::time::Duration;

use provost_model::registry::CertificateRefusal;
use provost_model::{
    AllocationAnswer, Assignment, DeviceId, HubHealth, HubHealthState, HubName, Leased, PendingRegistration,
    RegistrationFailure, RemoteHub, RemovalAction, Timestamp, foreign_text,
};
use provost_store::{Claim, ReadTx};

use super::{LONGEST_PAUSE, pause, pause_after, wait_for_turn};
use crate::issuing::final_failure;
use crate::plan::{Known, Need};
use crate::turns::Turn;
use crate::webhook::Asked;
use crate::{NewIdentity, ProvisioningError, ProvisioningService, RegistrationCaller, RemoteHubError};

/// Most requests to one hub or webhook at a time.
const TURNS: usize = 32;
/// The shortest time a run waits for a turn, and one whose hub is down while another one tries it.
const WAIT: Duration = Duration::from_secs(1);
const WAIT_FOR_SICK: Duration = Duration::from_secs(2);
/// Most characters of what is told of a failure.
const LONGEST_MESSAGE: usize = 1_000;

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
                    run.work.due_at = self.turn_may_come_at(&run.work, WAIT);
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
                        self.note_health(&hub.name, Ok(())).await;
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
            Need::Certificate(device_id) => Ok(self.take_certificate(run, known, caller, device_id).await),
        }
    }

    /// Has the certificate signed. Not written down: whoever takes the run after a crash has another one
    /// signed, and this one is cleared away.
    async fn take_certificate(
        &self,
        run: &mut Leased<PendingRegistration>,
        known: &mut Known,
        caller: &RegistrationCaller,
        device_id: DeviceId,
    ) -> Taken {
        let csr = run.work.csr.clone().unwrap_or_default();
        match self.prepare(caller, device_id, &csr).await {
            Ok(issuing) => known.issuing = issuing,
            Err(CertificateRefusal::Busy | CertificateRefusal::Unavailable) => {
                run.work.attempts = run.work.attempts.saturating_add(1);
                run.work.due_at = self.now().after(pause(run.work.attempts, LONGEST_PAUSE));
                return Taken::Later;
            }
            Err(refusal) => known.failure = Some(final_failure(&refusal)),
        }
        Taken::Done
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
                run.work.due_at = self.now().after(pause(run.work.attempts, LONGEST_PAUSE));
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
        let is_there = match self.remote_hubs().has(hub, &identity.device_id).await {
            Ok(is_there) => is_there,
            Err(error) => return self.hub_failed(run, known, hub, error).await,
        };
        let is_new = match self.claim_place(run, place, is_there).await? {
            Claim::Ours { is_new } => is_new,
            Claim::Outdated => return self.clear_place(run, known, hub, &identity).await,
            Claim::Busy => {
                run.work.due_at = self.turn_may_come_at(&run.work, WAIT);
                return Ok(Taken::Later);
            }
            Claim::Replaced => return Ok(Taken::Later),
        };
        match self.remote_hubs().provision(hub, &identity, is_new).await {
            Ok(()) => {
                self.note_health(&hub.name, Ok(())).await;
                known.provisioned = Some((hub.name.clone(), identity));
                self.advance(run).await
            }
            Err(error) => self.hub_failed(run, known, hub, error).await,
        }
    }

    /// What is left of an assignment before goes now, and not when its removal comes to it: the next
    /// step finds the place clear.
    async fn clear_place(
        &self,
        run: &mut Leased<PendingRegistration>,
        known: &mut Known,
        hub: &RemoteHub,
        identity: &NewIdentity,
    ) -> Result<Taken, ProvisioningError> {
        let removed = self
            .remote_hubs()
            .remove(hub, &identity.device_id, RemovalAction::Delete)
            .await;
        match removed {
            Ok(()) => self.advance(run).await,
            Err(error) => self.hub_failed(run, known, hub, error).await,
        }
    }

    async fn claim_place(
        &self,
        run: &mut Leased<PendingRegistration>,
        place: Assignment,
        is_there: bool,
    ) -> Result<Claim, ProvisioningError> {
        let now = self.now();
        let until = now.after(self.options().outbound.lease);
        let mut claimed = run.clone();
        let (claim, claimed) = self
            .store()
            .append(move |tx| {
                let claim = tx.claim_place(&mut claimed, &place, is_there, (now, until))?;
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
        self.note_health(&hub.name, Err(&error)).await;
        let give_up_at = self.gives_up_at(run);
        let now = self.now();
        if error.passes() && now < give_up_at {
            run.work.attempts = run.work.attempts.saturating_add(1);
            let pause = pause_after(&error, run.work.attempts, LONGEST_PAUSE);
            run.work.due_at = now.after(pause).min(give_up_at);
            tracing::debug!(hub = %hub.name, device = %run.work.registration_id, %error, "hub is tried again");
            return Ok(Taken::Later);
        }
        tracing::warn!(hub = %hub.name, device = %run.work.registration_id, %error, "hub did not take the device");
        known.failure = Some(RegistrationFailure {
            code: 400_209,
            message: foreign_text(&format!("IoT hub {} {error}", hub.host), LONGEST_MESSAGE),
        });
        Ok(Taken::Done)
    }

    /// How a hub elsewhere is reached and how it is; `None` when it is not known any more.
    pub(crate) async fn find_hub(
        &self,
        name: &HubName,
    ) -> Result<Option<(RemoteHub, HubHealth)>, ProvisioningError> {
        let wanted = name.clone();
        let found = self.store().read(move |tx: &ReadTx<'_>| {
            let health = tx.hub_health(&wanted)?;
            Ok::<_, ProvisioningError>(tx.remote_hub(&wanted)?.zip(health))
        });
        found.await
    }

    /// How a hub elsewhere is reached, and a turn at it. One that is known to be down is asked by one
    /// at a time: waiting for it must not keep others from theirs.
    async fn reach(
        &self,
        run: &mut Leased<PendingRegistration>,
        known: &mut Known,
        name: &HubName,
    ) -> Result<Reach, ProvisioningError> {
        let Some((hub, health)) = self.find_hub(name).await? else {
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
        run.work.due_at = if is_down {
            let next = self.turn_may_come_at(&run.work, WAIT_FOR_SICK);
            next.min(self.gives_up_at(run))
        } else {
            self.turn_may_come_at(&run.work, WAIT)
        };
        Ok(Reach::Taken(Taken::Later))
    }

    fn turn_may_come_at(&self, run: &PendingRegistration, shortest: Duration) -> Timestamp {
        let now = self.now();
        now.after(wait_for_turn(now.since(run.began_at), shortest, self.random()))
    }

    fn gives_up_at(&self, run: &Leased<PendingRegistration>) -> Timestamp {
        run.work.began_at.after(self.options().outbound.hub_patience)
    }

    /// Writes down what was seen of a hub elsewhere, if that can be done: no work fails for it.
    pub(crate) async fn note_health(&self, hub: &HubName, seen: Result<(), &RemoteHubError>) {
        let (state, error) = match seen {
            // It answered, and let us in.
            Ok(()) | Err(RemoteHubError::Refused(_) | RemoteHubError::Busy { .. }) => {
                (HubHealthState::Healthy, None)
            }
            Err(error @ RemoteHubError::Unreachable(_)) => {
                (HubHealthState::Unreachable, Some(error.to_string()))
            }
            Err(error @ RemoteHubError::Unauthorized(_)) => {
                (HubHealthState::Unauthorized, Some(error.to_string()))
            }
        };
        let error = error.map(|error| foreign_text(&error, LONGEST_MESSAGE));
        let (name, now) = (hub.clone(), self.now());
        let noted = self
            .store()
            .append(move |tx| tx.note_hub_health(&name, state, error.as_deref(), now))
            .await;
        if let Err(error) = noted {
            tracing::warn!(%hub, error = &error as &dyn std::error::Error, "health of a hub is not written down");
        }
    }
}
