//! Devices of a group, as registrations leave them.

use anyhow::Result;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::twin::Twin;
use provost_model::{
    Action, Actor, AuditEvent, Clock, DeviceAuth, DeviceId, DeviceIdentity, DeviceStatus, DpsName,
    EnrollmentGroup, EnrollmentGroupId, Etag, GroupMechanism, HubName, InitialTwin, KeyPair, OperationId,
    RegistrationId, RegistrationRecord, RegistrationState, Substatus,
};
use provost_store::{Store, StoreError, WriteTx};

use super::{LINE, settings};
use crate::numbered;

/// A record and its identity.
pub(super) struct LineDevice {
    hub: HubName,
    record: RegistrationRecord,
    identity: DeviceIdentity,
}

impl LineDevice {
    pub(super) fn put(&self, tx: &WriteTx<'_>, dps: &DpsName) -> Result<(), StoreError> {
        let twin = Twin::new(&InitialTwin::default(), tx.now(), |_| String::new());
        tx.insert_device(&self.hub, &self.identity, &twin)?;
        tx.put_registration(dps, &self.record)
    }
}

pub(super) fn device(hub: &HubName, index: u32) -> Result<LineDevice> {
    let (id, now) = (numbered::id(index), SystemClock.now());
    let identity = identity(index)?;
    let device_id = identity.device_id.clone();
    let record = RegistrationRecord {
        registration_id: RegistrationId::parse(&id)?,
        group: Some(EnrollmentGroupId::parse(LINE)?),
        by_certificate: false,
        state: RegistrationState::Assigned {
            hub: hub.clone(),
            device_id,
            substatus: Substatus::InitialAssignment,
        },
        kept: None,
        operation: OperationId::parse(&format!("5.{index:016x}.{index:032x}"))?,
        payload: None,
        issued: None,
        etag: Etag::generate(&SystemRandom),
        created_at: now,
        updated_at: now,
    };
    Ok(LineDevice {
        hub: hub.clone(),
        record,
        identity,
    })
}

pub(super) fn identity(index: u32) -> Result<DeviceIdentity> {
    let key = numbered::key(index)?;
    Ok(DeviceIdentity {
        device_id: DeviceId::parse(&numbered::id(index))?,
        generation_id: format!("{index:018}"),
        etag: Etag::generate(&SystemRandom),
        status: DeviceStatus::Enabled,
        status_reason: None,
        status_updated_at: None,
        auth: DeviceAuth::Sas(KeyPair {
            primary: key.clone(),
            secondary: key,
        }),
        iot_edge: false,
        device_scope: None,
        connection_updated_at: None,
        last_activity_at: None,
        cloud_to_device_message_count: 0,
    })
}

pub(super) async fn put_group(store: &Store, dps: DpsName) -> Result<()> {
    let key = numbered::key(0)?;
    let group = EnrollmentGroup {
        id: EnrollmentGroupId::parse(LINE)?,
        mechanism: GroupMechanism::SymmetricKey(KeyPair {
            primary: key.clone(),
            secondary: key,
        }),
        settings: settings(),
    };
    let written: Result<(), StoreError> = store
        .write(move |tx| {
            tx.put_enrollment_group(&dps, &group, &[])?;
            let event = AuditEvent::new(
                Actor::System,
                Action::Create,
                "enrollmentGroup",
                dps.as_str(),
                LINE,
            );
            tx.record(&event, ())
        })
        .await;
    Ok(written?)
}
