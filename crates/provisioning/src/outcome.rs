//! The outcome of a run, made and written inside its transaction.

use provost_model::registry::Completion;
use provost_model::{
    Action, Actor, Assignment, AuditEvent, CertificateDer, Change, Etag, KeptProof, OperationId,
    PendingRegistration, RegistrationFailure, RegistrationRecord, RegistrationState, RemovalAction, Secret,
};
use provost_pki::Certificate;
use provost_store::{Counted, WriteTx};
use provost_wire::dps::device::RegisterRequest;
use serde_json::Value;

use crate::decide::Match;
use crate::issuing::{final_failure, is_refusal};
use crate::plan::{Known, NotAssigned, Placement, Plan};
use crate::removal::remove_elsewhere;
use crate::{ProvisioningError, ProvisioningService, RegistrationCaller};

/// What a run ends with.
pub(crate) struct Ending {
    state: RegistrationState,
    payload: Option<Value>,
    /// The certificate issued with it.
    issued: Option<i64>,
}

/// What a run comes to.
pub(crate) enum Conclusion {
    /// This is its end.
    Ends(Ending),
    /// Something outside the transaction is needed first.
    Waits,
    /// The certificate prepared for it can no longer be issued: the transaction must not commit.
    Moved,
    /// It is refused: the transaction must not commit, and the run is made anew with this failure.
    Refused(RegistrationFailure),
}

/// A run that is written, or why the transaction must not commit.
#[expect(clippy::large_enum_variant, reason = "one at a time, for a moment")]
pub(crate) enum Written {
    /// The audit event to end with, and the outcome.
    Ended(AuditEvent, RegistrationState),
    /// It would say what the record says already: the transaction must not commit, and the run is the recorded one.
    Repeated(OperationId, RegistrationState),
    /// As [`Conclusion::Moved`].
    Moved,
    /// As [`Conclusion::Refused`].
    Refused(RegistrationFailure),
}

impl Ending {
    pub(crate) fn state(&self) -> &RegistrationState {
        &self.state
    }

    /// Whether it refuses the device what this record refuses it already.
    fn repeats(&self, record: &RegistrationRecord, found: &Match) -> bool {
        let is_refused = matches!(&self.state, RegistrationState::Failed(failure) if is_refusal(failure));
        is_refused && self.state == record.state && is_recorded_of(record, found)
    }

    fn without_payload(state: RegistrationState) -> Self {
        Self {
            state,
            payload: None,
            issued: None,
        }
    }
}

impl ProvisioningService {
    /// Makes the outcome and writes it: hub identity, record. A run that needs something outside the
    /// program is written down instead. Anything but [`Written::Ended`] must not commit.
    pub(crate) fn write_outcome(
        &self,
        tx: &WriteTx<'_>,
        caller: &RegistrationCaller,
        operation: OperationId,
        request: &RegisterRequest,
        known: &Known,
    ) -> Result<Written, ProvisioningError> {
        let (dps, id) = (&caller.instance().name, caller.registration_id());
        let before = tx.registration(dps, id)?;
        if before.is_none() {
            self.quotas().check(tx, dps, Counted::Registrations)?;
        }
        let ending = match self.conclude(tx, caller, before.as_ref(), known)? {
            Conclusion::Ends(ending) => match before {
                Some(record) if ending.repeats(&record, caller.found()) => {
                    return Ok(Written::Repeated(record.operation, record.state));
                }
                _ => ending,
            },
            Conclusion::Moved => return Ok(Written::Moved),
            Conclusion::Refused(failure) => return Ok(Written::Refused(failure)),
            Conclusion::Waits => {
                tx.put_pending_registration(&pending(tx, caller, operation.clone(), request))?;
                tx.announce(&Change::Outbound)?;
                Ending {
                    state: RegistrationState::Assigning,
                    // Part of the assignment, which may be kept.
                    payload: before.as_ref().and_then(|record| record.payload.clone()),
                    issued: None,
                }
            }
        };
        let (event, state) = self.write_record(tx, caller, before, operation, ending)?;
        Ok(Written::Ended(event, state))
    }

    /// What the run comes to, with the hubs of this program written and the certificate issued.
    pub(crate) fn conclude(
        &self,
        tx: &WriteTx<'_>,
        caller: &RegistrationCaller,
        before: Option<&RegistrationRecord>,
        known: &Known,
    ) -> Result<Conclusion, ProvisioningError> {
        if caller.is_disabled() {
            // The hub is left alone (dps-device-api.md 8.1 step 5).
            let ending = Ending::without_payload(RegistrationState::Disabled);
            return Ok(Conclusion::Ends(ending));
        }
        let placed = match self.plan(tx, caller, before, known) {
            Ok(Plan::Need(_)) => return Ok(Conclusion::Waits),
            Ok(Plan::Write(placement)) => self.place(tx, *placement),
            Err(error) => Err(error),
        };
        match placed {
            Ok(conclusion) => Ok(conclusion),
            Err(NotAssigned::Failed(failure)) => {
                let ending = Ending::without_payload(RegistrationState::Failed(failure));
                Ok(Conclusion::Ends(ending))
            }
            Err(NotAssigned::Error(error)) => Err(error),
        }
    }

    fn place(&self, tx: &WriteTx<'_>, placement: Placement) -> Result<Conclusion, NotAssigned> {
        if !placement.is_remote {
            self.hubs().provision(tx, &placement.hub, &placement.identity)?;
        }
        if let Some((left, is_remote)) = placement.leaves {
            if is_remote {
                remove_elsewhere(tx, left, RemovalAction::Delete)?;
            } else {
                self.hubs().remove(tx, &left.hub, &left.device_id)?;
            }
        }
        let mut issued = None;
        if let Some(prepared) = &placement.certificate {
            let at = Assignment {
                hub: placement.hub.clone(),
                device_id: placement.identity.device_id.clone(),
            };
            match self.certificates().complete(tx, prepared, &at)? {
                Completion::Issued => issued = Some(prepared.number),
                Completion::Moved => return Ok(Conclusion::Moved),
                // What was written to the hub must not stay.
                Completion::Refused(refusal) => return Ok(Conclusion::Refused(final_failure(&refusal))),
            }
        }
        Ok(Conclusion::Ends(Ending {
            state: RegistrationState::Assigned {
                hub: placement.hub,
                device_id: placement.identity.device_id,
                substatus: placement.substatus,
            },
            payload: placement.payload,
            issued,
        }))
    }

    /// Writes the record of a run. Answers the audit event to end with and the outcome.
    pub(crate) fn write_record(
        &self,
        tx: &WriteTx<'_>,
        caller: &RegistrationCaller,
        before: Option<RegistrationRecord>,
        operation: OperationId,
        ending: Ending,
    ) -> Result<(AuditEvent, RegistrationState), ProvisioningError> {
        let Ending {
            state,
            payload,
            issued,
        } = ending;
        let (dps, id, found) = (&caller.instance().name, caller.registration_id(), caller.found());
        let event = AuditEvent::new(
            Actor::Registration(id.clone()),
            Action::Register,
            "registration",
            dps.as_str(),
            id.as_str(),
        )
        .with_detail(detail(&state, issued.is_some()));
        let kept = match &state {
            RegistrationState::Assigned { .. } => None,
            RegistrationState::Failed(_) | RegistrationState::Disabled | RegistrationState::Assigning => {
                before.as_ref().and_then(RegistrationRecord::last_assignment)
            }
        };
        // A record that still leads to a hub belongs to the entry that led there: who ends that entry
        // must find the device, though another one keeps it out by now.
        let (group, by_certificate) = match &before {
            Some(before) if kept.is_some() => (before.group.clone(), before.by_certificate),
            _ => (found.entry.group_id().cloned(), found.proof.leaf().is_some()),
        };
        let record = RegistrationRecord {
            // As it was spelt first: registration IDs are one whatever their case.
            registration_id: before
                .as_ref()
                .map_or_else(|| id.clone(), |before| before.registration_id.clone()),
            group,
            by_certificate,
            state,
            kept,
            operation,
            payload,
            issued,
            etag: Etag::generate(self.random()),
            created_at: before.map_or(tx.now(), |record| record.created_at),
            updated_at: tx.now(),
        };
        tx.put_registration(dps, &record)?;
        Ok((event, record.state))
    }
}

/// Whether a record is one that this entry may leave as it is. One that still leads to a hub belongs to the entry
/// that led there.
pub(crate) fn is_recorded_of(record: &RegistrationRecord, found: &Match) -> bool {
    record.kept.is_some()
        || (record.group.as_ref() == found.entry.group_id()
            && record.by_certificate == found.proof.leaf().is_some())
}

/// What is needed to run again, whatever happens to this process.
fn pending(
    tx: &WriteTx<'_>,
    caller: &RegistrationCaller,
    operation: OperationId,
    request: &RegisterRequest,
) -> PendingRegistration {
    let proof = caller.proof();
    let der = |certificate: &Certificate| CertificateDer(certificate.der().to_vec());
    PendingRegistration {
        dps: caller.instance().name.clone(),
        registration_id: caller.registration_id().clone(),
        operation,
        proof: KeptProof {
            sas: proof.sas.clone().map(Secret::new),
            chain: proof
                .chain
                .iter()
                .flat_map(|chain| chain.iter().map(der))
                .collect(),
        },
        judged_at: caller.judged_at(),
        origin: caller.origin(),
        payload: request.payload.clone(),
        csr: request.csr.clone(),
        answer: None,
        made: None,
        attempts: 0,
        began_at: tx.now(),
        due_at: tx.now(),
    }
}

fn detail(state: &RegistrationState, has_certificate: bool) -> String {
    match state {
        RegistrationState::Assigned { hub, .. } if has_certificate => {
            format!("assigned to {hub} with a certificate")
        }
        RegistrationState::Assigned { hub, .. } => format!("assigned to {hub}"),
        RegistrationState::Failed(failure) => format!("failed with {}", failure.code),
        RegistrationState::Disabled => "disabled".to_owned(),
        RegistrationState::Assigning => "waits".to_owned(),
    }
}
