//! The outcome of a run, made and written inside its transaction.

use provost_model::{
    Action, Actor, Assignment, AuditEvent, Etag, InitialTwin, OperationId, RegistrationFailure,
    RegistrationRecord, RegistrationState, Substatus,
};
use provost_store::{Counted, ReadTx, WriteTx};

use crate::allocate::{Allocation, allocate};
use crate::credential::device_auth;
use crate::{HubPortError, NewIdentity, ProvisioningError, ProvisioningService, RegistrationCaller};

/// Why an assignment did not come about.
enum NotAssigned {
    /// Recorded and told to the device.
    Failed(RegistrationFailure),
    /// The transaction ends.
    Error(ProvisioningError),
}

impl From<HubPortError> for NotAssigned {
    fn from(error: HubPortError) -> Self {
        match error {
            HubPortError::UnknownHub => Self::Failed(RegistrationFailure {
                code: 401_001,
                message: "The assigned IoT hub was not found.".to_owned(),
            }),
            HubPortError::Refused(message) => Self::Failed(RegistrationFailure {
                code: 400_209,
                message,
            }),
            HubPortError::Store(error) => Self::Error(error.into()),
        }
    }
}

impl From<provost_store::StoreError> for NotAssigned {
    fn from(error: provost_store::StoreError) -> Self {
        Self::Error(error.into())
    }
}

impl ProvisioningService {
    /// Makes the outcome and writes it: hub identity, record. Answers the audit event to end with and
    /// the outcome.
    pub(crate) fn write_outcome(
        &self,
        tx: &WriteTx<'_>,
        caller: &RegistrationCaller,
        operation: OperationId,
    ) -> Result<(AuditEvent, RegistrationState), ProvisioningError> {
        let (dps, id) = (&caller.instance().name, caller.registration_id());
        let before = tx.registration(dps, id)?;
        if before.is_none() {
            self.quotas().check(tx, dps, Counted::Registrations)?;
        }
        let state = if caller.is_disabled() {
            // The hub is left alone (dps-device-api.md 8.1 step 5).
            RegistrationState::Disabled
        } else {
            let current = current_assignment(tx, before.as_ref())?;
            match self.assign(tx, caller, current) {
                Ok(state) => state,
                Err(NotAssigned::Failed(failure)) => RegistrationState::Failed(failure),
                Err(NotAssigned::Error(error)) => return Err(error),
            }
        };
        let event = AuditEvent::new(
            Actor::Registration(id.clone()),
            Action::Register,
            "registration",
            dps.as_str(),
            id.as_str(),
        )
        .with_detail(detail(&state));
        let found = caller.found();
        let kept = match &state {
            RegistrationState::Assigned { .. } => None,
            RegistrationState::Failed(_) | RegistrationState::Disabled => {
                before.as_ref().and_then(RegistrationRecord::last_assignment)
            }
        };
        let record = RegistrationRecord {
            registration_id: id.clone(),
            group: found.entry.group_id().cloned(),
            by_certificate: found.proof.leaf().is_some(),
            state,
            kept,
            operation,
            payload: None,
            etag: Etag::generate(self.random()),
            created_at: before.map_or(tx.now(), |record| record.created_at),
            updated_at: tx.now(),
        };
        tx.put_registration(dps, &record)?;
        Ok((event, record.state))
    }

    fn assign(
        &self,
        tx: &WriteTx<'_>,
        caller: &RegistrationCaller,
        current: Option<Assignment>,
    ) -> Result<RegistrationState, NotAssigned> {
        let (instance, entry) = (caller.instance(), &caller.found().entry);
        let (id, settings) = (caller.registration_id(), entry.settings());
        let linked = tx.linked_hubs(&instance.name)?;
        let hub = allocate(&Allocation {
            registration_id: id,
            settings,
            default_policy: instance.allocation,
            linked: &linked,
            current: current.as_ref().map(|current| &current.hub),
        })
        .map_err(NotAssigned::Failed)?;
        let device_id = entry.device_id(id);
        let mut identity = NewIdentity {
            device_id: device_id.clone(),
            auth: device_auth(&caller.found().proof),
            iot_edge: settings.iot_edge,
            initial_twin: settings.initial_twin.clone().unwrap_or_default(),
        };
        // Another name in the hub is another device: the one before is not touched
        // (dps-device-api.md 8.1).
        let current = current.filter(|current| current.device_id == device_id);
        let substatus = match &current {
            None => Substatus::InitialAssignment,
            Some(current) if current.hub == hub => Substatus::ReprovisionedToInitialAssignment,
            Some(current) => {
                let (substatus, twin) = self.moved(tx, current, settings.reprovision.unwrap_or_default())?;
                if let Some(twin) = twin {
                    identity.initial_twin = twin;
                }
                substatus
            }
        };
        self.hubs().provision(tx, &hub, &identity)?;
        if let Some(left) = current.filter(|current| current.hub != hub) {
            self.hubs().remove(tx, &left.hub, &left.device_id)?;
        }
        Ok(RegistrationState::Assigned {
            hub,
            device_id,
            substatus,
        })
    }

    /// What a device takes along to another hub: tags and desired properties, or nothing. Reported
    /// properties are not carried: the device reports them again.
    fn moved(
        &self,
        tx: &ReadTx<'_>,
        current: &Assignment,
        policy: provost_model::ReprovisionPolicy,
    ) -> Result<(Substatus, Option<InitialTwin>), NotAssigned> {
        if !policy.migrate_device_data {
            return Ok((Substatus::DeviceDataReset, None));
        }
        let twin = self.hubs().twin(tx, &current.hub, &current.device_id)?;
        Ok((Substatus::DeviceDataMigrated, twin))
    }
}

/// The latest assignment, when its hub still exists; runs that ended without one do not end it.
fn current_assignment(
    tx: &ReadTx<'_>,
    before: Option<&RegistrationRecord>,
) -> Result<Option<Assignment>, ProvisioningError> {
    let Some(assignment) = before.and_then(RegistrationRecord::last_assignment) else {
        return Ok(None);
    };
    let exists = tx.hub(&assignment.hub)?.is_some();
    Ok(exists.then_some(assignment))
}

fn detail(state: &RegistrationState) -> String {
    match state {
        RegistrationState::Assigned { hub, .. } => format!("assigned to {hub}"),
        RegistrationState::Failed(failure) => format!("failed with {}", failure.code),
        RegistrationState::Disabled => "disabled".to_owned(),
    }
}
