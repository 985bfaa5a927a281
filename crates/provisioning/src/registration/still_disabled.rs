use provost_model::{RegistrationRecord, RegistrationState};
use provost_store::ReadTx;

use super::Run;
use crate::lookup::still_stands;
use crate::{ProvisioningError, ProvisioningService, RegistrationCaller};

impl ProvisioningService {
    /// The recorded run of a disabled device, when one more would record the same: devices that
    /// retry for ever must not keep the store writing.
    pub(super) async fn still_disabled(
        &self,
        caller: &RegistrationCaller,
    ) -> Result<Option<Run>, ProvisioningError> {
        if !caller.is_disabled() {
            return Ok(None);
        }
        let caller = caller.clone();
        let record = self
            .store()
            .read(move |tx| recorded(tx, &caller).map_err(ProvisioningError::from))
            .await?;
        Ok(record.map(|record| Run {
            operation: record.operation,
            state: record.state,
        }))
    }
}

fn recorded(
    tx: &ReadTx<'_>,
    caller: &RegistrationCaller,
) -> Result<Option<RegistrationRecord>, provost_store::StoreError> {
    let (dps, id, found) = (&caller.instance().name, caller.registration_id(), caller.found());
    let is_same = |record: &RegistrationRecord| {
        let is_by_entry = record.group.as_ref() == found.entry.group_id()
            && record.by_certificate == found.proof.leaf().is_some();
        // One that still leads to a hub belongs to the entry that led there.
        record.state == RegistrationState::Disabled && (record.kept.is_some() || is_by_entry)
    };
    let record = tx.registration(dps, id)?.filter(is_same);
    // What the decision rests on may have changed since: then it is made anew.
    if record.is_some() && still_stands(tx, caller)? {
        Ok(record)
    } else {
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
