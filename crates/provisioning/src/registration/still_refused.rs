use provost_model::{RegistrationRecord, RegistrationState};
use provost_store::ReadTx;

use super::Run;
use crate::issuing::is_refusal;
use crate::lookup::still_stands;
use crate::outcome::is_recorded_of;
use crate::plan::{Known, NotAssigned};
use crate::{ProvisioningError, ProvisioningService, RegistrationCaller};

impl ProvisioningService {
    /// The recorded run of a device that is disabled or refused a certificate, when one more would record
    /// the same: devices that retry for ever must not keep the store writing.
    pub(super) async fn still_refused(
        &self,
        caller: &RegistrationCaller,
        known: &Known,
    ) -> Result<Option<Run>, ProvisioningError> {
        if !caller.is_disabled() && !known.may_be_refused() {
            return Ok(None);
        }
        let (service, caller, known) = (self.clone(), caller.clone(), known.clone());
        let record = self
            .store()
            .read(move |tx| service.recorded(tx, &caller, &known))
            .await?;
        Ok(record.map(|record| Run {
            operation: record.operation,
            state: record.state,
        }))
    }

    fn recorded(
        &self,
        tx: &ReadTx<'_>,
        caller: &RegistrationCaller,
        known: &Known,
    ) -> Result<Option<RegistrationRecord>, ProvisioningError> {
        let (dps, id, found) = (&caller.instance().name, caller.registration_id(), caller.found());
        let Some(record) = tx.registration(dps, id)? else {
            return Ok(None);
        };
        let is_same = match &record.state {
            RegistrationState::Disabled => caller.is_disabled(),
            RegistrationState::Failed(failure) if is_refusal(failure) && !caller.is_disabled() => {
                match self.plan(tx, caller, Some(&record), known) {
                    Err(NotAssigned::Failed(again)) => again == *failure,
                    Err(NotAssigned::Error(error)) => return Err(error),
                    Ok(_) => false,
                }
            }
            RegistrationState::Failed(_)
            | RegistrationState::Assigned { .. }
            | RegistrationState::Assigning => false,
        };
        // What the decision rests on may have changed since: then it is made anew.
        let holds = is_same && is_recorded_of(&record, found) && still_stands(tx, caller)?;
        Ok(holds.then_some(record))
    }
}

#[cfg(test)]
mod tests;
