//! Runs that need something outside the program: a webhook, or a hub elsewhere.
//!
//! The first transaction wrote the run down. A worker takes it for a while (a lease), does what is
//! needed outside any transaction, writes down how far it came, and ends the run in one transaction
//! in which lease and operation must still be its own and the decision must still stand. All steps
//! may be done twice: a worker that is cut off is followed by another one when its lease is over.

mod step;

use std::sync::Arc;
use std::time::Duration;

use provost_model::{
    Action, Actor, Assignment, AuditEvent, AuditOrigin, Etag, Leased, PendingRegistration, Random,
    RegistrationFailure, RegistrationRecord, RegistrationState, RemovalAction, Timestamp,
};
use provost_pki::PresentedChain;
use provost_store::{ReadTx, StoreError, WriteTx, with_origin};

use crate::decide::{Decision, Judgement};
use crate::issuing::Issuing;
use crate::lookup::still_stands;
use crate::outcome::Conclusion;
use crate::plan::{Known, Need, NotAssigned, Plan};
use crate::removal::remove_elsewhere;
use crate::{ProvisioningError, ProvisioningService, RegistrationCaller, RegistrationProof, RemoteHubError};

use self::step::Taken;

/// Most steps of a run in one go; a run whose ground moves again and again starts over later.
const MAX_STEPS: usize = 8;
/// Longest pause between two tries of one step.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A run as a worker sees it.
struct Look {
    /// `None` when the device is no longer admitted.
    caller: Option<RegistrationCaller>,
    /// What has to be done first.
    need: Option<Need>,
}

/// How an attempt to end a run ended.
enum End {
    Ended,
    /// Another run took its place.
    Replaced,
    /// What it rests on changed: look again.
    Again,
}

impl ProvisioningService {
    /// When the earliest pending run is due; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_pending(&self) -> Result<Option<Timestamp>, StoreError> {
        let next = |tx: &ReadTx<'_>| tx.next_pending_registration();
        self.store().read(next).await
    }

    /// Takes up to `limit` pending runs that are due.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lease_pending(&self, limit: usize) -> Result<Vec<Leased<PendingRegistration>>, StoreError> {
        let (now, holder) = (self.now(), self.random().uuid());
        let until = now.after(self.options().outbound.lease);
        self.store()
            .append(move |tx| tx.lease_pending_registrations(now, until, &holder, limit))
            .await
    }

    /// Brings a run as far as it goes now: to its end, or to a later try.
    ///
    /// # Errors
    /// [`ProvisioningError::Store`]; the run is tried again, with growing pauses.
    pub async fn run_pending(&self, mut run: Leased<PendingRegistration>) -> Result<(), ProvisioningError> {
        let came_from = AuditOrigin {
            address: run
                .work
                .origin
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            tracking_id: run.work.operation.to_string(),
        };
        let done = with_origin(came_from, self.go_on(&mut run)).await;
        if done.is_err() {
            run.work.attempts = run.work.attempts.saturating_add(1);
            run.work.due_at = self.now().after(pause(run.work.attempts, LONGEST_PAUSE));
            // If this fails too, the run goes on when its lease is over.
            return done.and(self.release(&run).await);
        }
        done
    }

    async fn go_on(&self, run: &mut Leased<PendingRegistration>) -> Result<(), ProvisioningError> {
        let mut known = Known {
            answer: run.work.answer.clone(),
            issuing: Issuing::of(run.work.csr.as_ref()),
            ..Known::default()
        };
        for _ in 0..MAX_STEPS {
            let look = self.look(&run.work, &known).await?;
            let Some(need) = look.need else {
                let holding = (run.clone(), known);
                let (end, still_known) = self.end_run(holding, look.caller).await?;
                known = still_known;
                match end {
                    End::Ended => return Ok(()),
                    End::Replaced => return self.release(run).await,
                    End::Again => {
                        known.issuing.begin_again();
                        continue;
                    }
                }
            };
            let Some(caller) = look.caller else {
                return Err(ProvisioningError::Moving);
            };
            match self.take_step(run, &mut known, &caller, need).await? {
                Taken::Done => {}
                Taken::Later => return self.release(run).await,
            }
        }
        run.work.due_at = self.now().after(pause(1, LONGEST_PAUSE));
        self.release(run).await
    }

    /// Judges the proof again, at the instant it was judged at first, and plans.
    async fn look(&self, run: &PendingRegistration, known: &Known) -> Result<Look, ProvisioningError> {
        let (service, run, known) = (self.clone(), run.clone(), known.clone());
        self.store()
            .scan(move |tx| {
                let Some(caller) = service.judge_kept(tx, &run)? else {
                    return Ok(Look {
                        caller: None,
                        need: None,
                    });
                };
                if caller.is_disabled() {
                    return Ok(Look {
                        caller: Some(caller),
                        need: None,
                    });
                }
                let before = tx.registration(&run.dps, &run.registration_id)?;
                let need = match service.plan(tx, &caller, before.as_ref(), &known) {
                    Ok(Plan::Need(need)) => Some(*need),
                    Ok(Plan::Write(_)) | Err(NotAssigned::Failed(_)) => None,
                    Err(NotAssigned::Error(error)) => return Err(error),
                };
                Ok(Look {
                    caller: Some(caller),
                    need,
                })
            })
            .await
    }

    /// The device as its kept proof shows it; `None` when it is no longer admitted.
    fn judge_kept(
        &self,
        tx: &ReadTx<'_>,
        run: &PendingRegistration,
    ) -> Result<Option<RegistrationCaller>, ProvisioningError> {
        let Some(instance) = tx.dps(&run.dps)? else {
            return Ok(None);
        };
        let chain = match run.proof.chain.as_slice() {
            [] => None,
            ders => {
                let ders: Vec<&[u8]> = ders.iter().map(|der| der.0.as_slice()).collect();
                let parsed = PresentedChain::from_der_list(ders);
                Some(parsed.map_err(|_| StoreError::Inconsistent {
                    table: "pending_registration",
                    column: "chain",
                    key: run.registration_id.to_string(),
                })?)
            }
        };
        let proof = RegistrationProof {
            id_scope: instance.id_scope,
            registration_id: run.registration_id.clone(),
            sas: run.proof.sas.as_ref().map(|sas| sas.expose().clone()),
            chain,
        };
        let (instance, Judgement { decision, .. }) = self.judge_within(tx, &proof, run.judged_at)?;
        let found = match decision {
            Decision::Admitted(found) | Decision::Disabled(found) => found,
            Decision::Refused(_) => return Ok(None),
        };
        let caller = RegistrationCaller::new(Arc::new(proof), instance, *found, run.judged_at);
        Ok(Some(caller.with_origin(run.origin)))
    }

    /// Ends a run for which nothing more is needed outside.
    async fn end_run(
        &self,
        (run, known): (Leased<PendingRegistration>, Known),
        caller: Option<RegistrationCaller>,
    ) -> Result<(End, Known), ProvisioningError> {
        let service = self.clone();
        self.store()
            .write(move |tx| {
                if !tx.end_pending_registration(&run)? {
                    return Ok(tx.unchanged((End::Replaced, known)));
                }
                let (dps, id) = (&run.work.dps, &run.work.registration_id);
                let before = tx.registration(dps, id)?.filter(|record| {
                    record.operation == run.work.operation && record.state == RegistrationState::Assigning
                });
                let Some(before) = before else {
                    // The record was deleted, or a later run needed nothing outside.
                    let stays = tx
                        .registration(dps, id)?
                        .and_then(|record| record.state.assignment());
                    take_back(&tx, &run.work, stays.as_ref())?;
                    let event = AuditEvent::new(
                        Actor::System,
                        Action::Delete,
                        "pendingRegistration",
                        dps.as_str(),
                        id.as_str(),
                    );
                    return Ok(tx.record(&event, (End::Ended, known))?);
                };
                let Some(caller) = caller else {
                    take_back(&tx, &run.work, None)?;
                    let event = service.write_refusal(&tx, &run.work, before)?;
                    return Ok(tx.record(&event, (End::Ended, known))?);
                };
                if !still_stands(&tx, &caller)? {
                    return Ok(tx.unchanged((End::Again, known)));
                }
                let conclusion = service.conclude(&tx, &caller, Some(&before), &known)?;
                let ending = match conclusion {
                    Conclusion::Ends(ending) => ending,
                    Conclusion::Waits | Conclusion::Moved => return Ok(tx.unchanged((End::Again, known))),
                    Conclusion::Refused(failure) => {
                        let failure = Some(failure);
                        return Ok(tx.unchanged((End::Again, Known { failure, ..known })));
                    }
                };
                take_back(&tx, &run.work, ending.state().assignment().as_ref())?;
                let operation = run.work.operation.clone();
                let (event, _) = service.write_record(&tx, &caller, Some(before), operation, ending)?;
                Ok::<_, ProvisioningError>(tx.record(&event, (End::Ended, known))?)
            })
            .await
    }

    /// The device was admitted when the run began and is not any more: its entry is gone, or asks
    /// for another proof.
    fn write_refusal(
        &self,
        tx: &WriteTx<'_>,
        run: &PendingRegistration,
        before: RegistrationRecord,
    ) -> Result<AuditEvent, ProvisioningError> {
        let failure = RegistrationFailure {
            code: 401_002,
            message: "Unauthorized".to_owned(),
        };
        let record = RegistrationRecord {
            state: RegistrationState::Failed(failure),
            issued: None,
            etag: Etag::generate(self.random()),
            updated_at: tx.now(),
            ..before
        };
        tx.put_registration(&run.dps, &record)?;
        let (actor, id) = (
            Actor::Registration(run.registration_id.clone()),
            &run.registration_id,
        );
        let event = AuditEvent::new(
            actor,
            Action::Register,
            "registration",
            run.dps.as_str(),
            id.as_str(),
        );
        Ok(event.with_detail("no longer admitted"))
    }

    async fn release(&self, run: &Leased<PendingRegistration>) -> Result<(), ProvisioningError> {
        let (run, now) = (run.clone(), self.now());
        self.store()
            .append(move |tx| tx.release_pending_registration(&run, now))
            .await
            .map_err(ProvisioningError::Store)
    }
}

/// What the run made on a hub elsewhere goes again, unless that is where the device stays.
fn take_back(
    tx: &WriteTx<'_>,
    run: &PendingRegistration,
    stays: Option<&Assignment>,
) -> Result<(), StoreError> {
    match run.made.clone().filter(|made| stays != Some(made)) {
        Some(made) => remove_elsewhere(tx, made, RemovalAction::Delete),
        None => Ok(()),
    }
}

/// Doubles with every failed try, from one second to `longest`.
pub(crate) fn pause(attempts: u32, longest: Duration) -> Duration {
    let doublings = attempts.saturating_sub(1).min(10);
    Duration::from_secs(1 << doublings).min(longest)
}

/// The pause after a hub did not do it; what it asks for counts, up to `longest`.
pub(crate) fn pause_after(error: &RemoteHubError, attempts: u32, longest: Duration) -> Duration {
    let asked = match error {
        RemoteHubError::Busy { retry_after, .. } => retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    pause(attempts, longest).max(asked.min(longest))
}

/// How long work waits for a turn at whom others are asking: the longer the longer it waits already,
/// and never all at the same time. Between half of it and the whole of a quarter of its age, which
/// counts from `shortest` to [`LONGEST_PAUSE`].
pub(crate) fn wait_for_turn(age: Duration, shortest: Duration, random: &dyn Random) -> Duration {
    let longest = (age / 4).max(shortest).min(LONGEST_PAUSE);
    let mut byte = [0];
    random.fill(&mut byte);
    let [byte] = byte;
    longest / 2 + longest * u32::from(byte) / 512
}

#[cfg(test)]
mod tests;
