use provost_model::{
    Assignment, DeviceId, DpsName, EnrollmentGroupId, Etag, HubName, OperationId, RegistrationFailure,
    RegistrationId, RegistrationRecord, RegistrationState, Substatus, Timestamp,
};

use crate::convert::Place;
use crate::entry_count::Counted;
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

pub(crate) const COLUMNS: &str = "registration_id, group_id, by_certificate, status, hub, device_id, substatus, \
    error_code, error_message, operation, payload, etag, created_at, updated_at, issued";

/// A record of a registration ID that has none: the usual case of a first run is one statement, and
/// the number of rows says whether there is one more to count.
const INSERT: &str = "INSERT INTO registration (dps, registration_key, registration_id, group_key, group_id, \
    by_certificate, status, hub, device_id, substatus, error_code, error_message, operation, payload, etag, \
    created_at, updated_at, issued) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
    ?15, ?16, ?17, ?18) ON CONFLICT (dps, registration_key) DO NOTHING";
const REPLACE: &str = "UPDATE registration SET registration_id = ?3, group_key = ?4, group_id = ?5, \
    by_certificate = ?6, status = ?7, hub = ?8, device_id = ?9, substatus = ?10, error_code = ?11, \
    error_message = ?12, operation = ?13, payload = ?14, etag = ?15, created_at = ?16, updated_at = ?17, \
    issued = ?18 \
    WHERE dps = ?1 AND registration_key = ?2";

impl ReadTx<'_> {
    /// The record of a registration ID.
    pub fn registration(
        &self,
        dps: &DpsName,
        id: &RegistrationId,
    ) -> Result<Option<RegistrationRecord>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM registration WHERE dps = ?1 AND registration_key = ?2");
        self.find(&sql, params![dps.key(), id.key()], record)
    }

    /// How many records an instance has.
    pub fn registration_count(&self, dps: &DpsName) -> Result<i64, StoreError> {
        self.count(
            "SELECT COUNT(*) FROM registration WHERE dps = ?1",
            params![dps.key()],
        )
    }
}

impl WriteTx<'_> {
    /// Stores a record, replacing the one of the same registration ID.
    pub fn put_registration(&self, dps: &DpsName, record: &RegistrationRecord) -> Result<(), StoreError> {
        let state = StateColumns::of(&record.state);
        let assignment = record.last_assignment();
        let payload = record.payload.as_ref().map(ToString::to_string);
        let params = params![
            dps.key(),
            record.registration_id.key(),
            record.registration_id.as_str(),
            record.group.as_ref().map(EnrollmentGroupId::key),
            record.group.as_ref().map(EnrollmentGroupId::as_str),
            record.by_certificate,
            state.status,
            assignment.as_ref().map(|assignment| assignment.hub.key()),
            assignment
                .as_ref()
                .map(|assignment| assignment.device_id.as_str()),
            state.substatus,
            state.failure.map(|failure| i64::from(failure.code)),
            state.failure.map(|failure| failure.message.as_str()),
            record.operation.as_str(),
            payload.as_deref(),
            record.etag.as_str(),
            record.created_at.as_micros(),
            record.updated_at.as_micros(),
            record.issued,
        ];
        if self.execute(INSERT, params)? > 0 {
            return self.add_to_count(dps, Counted::Registrations, 1);
        }
        self.execute(REPLACE, params).map(|_| ())
    }

    /// Removes a record with what is kept of its webhook; `false` when there was none. A run that
    /// waits notices by itself.
    pub fn delete_registration(&self, dps: &DpsName, id: &RegistrationId) -> Result<bool, StoreError> {
        let sql = "DELETE FROM allocation_call WHERE dps = ?1 AND registration_key = ?2";
        self.execute(sql, params![dps.key(), id.key()])?;
        let sql = "DELETE FROM registration WHERE dps = ?1 AND registration_key = ?2";
        if self.execute(sql, params![dps.key(), id.key()])? == 0 {
            return Ok(false);
        }
        self.add_to_count(dps, Counted::Registrations, -1)?;
        Ok(true)
    }
}

struct StateColumns<'a> {
    status: &'static str,
    substatus: Option<&'static str>,
    failure: Option<&'a RegistrationFailure>,
}

impl<'a> StateColumns<'a> {
    fn of(state: &'a RegistrationState) -> Self {
        let (status, substatus, failure) = match state {
            RegistrationState::Assigned { substatus, .. } => {
                ("assigned", Some(substatus_word(*substatus)), None)
            }
            RegistrationState::Failed(failure) => ("failed", None, Some(failure)),
            RegistrationState::Disabled => ("disabled", None, None),
            RegistrationState::Assigning => ("assigning", None, None),
        };
        Self {
            status,
            substatus,
            failure,
        }
    }
}

fn substatus_word(substatus: Substatus) -> &'static str {
    match substatus {
        Substatus::InitialAssignment => "initialAssignment",
        Substatus::DeviceDataMigrated => "deviceDataMigrated",
        Substatus::DeviceDataReset => "deviceDataReset",
        Substatus::ReprovisionedToInitialAssignment => "reprovisionedToInitialAssignment",
    }
}

fn substatus(word: &str) -> Option<Substatus> {
    match word {
        "initialAssignment" => Some(Substatus::InitialAssignment),
        "deviceDataMigrated" => Some(Substatus::DeviceDataMigrated),
        "deviceDataReset" => Some(Substatus::DeviceDataReset),
        "reprovisionedToInitialAssignment" => Some(Substatus::ReprovisionedToInitialAssignment),
        _ => None,
    }
}

pub(crate) fn record(row: &Row<'_>) -> Result<RegistrationRecord, StoreError> {
    let id = row.text(0)?;
    let place = Place {
        table: "registration",
        key: &id,
    };
    let group = row
        .opt_text(1)?
        .map(|text| place.id("group_id", EnrollmentGroupId::parse(&text)))
        .transpose()?;
    let payload = row
        .opt_text(10)?
        .map(|text| serde_json::from_str(&text).map_err(|_| place.inconsistent("payload")))
        .transpose()?;
    let state = state(row, place)?;
    let kept = match &state {
        RegistrationState::Assigned { .. } => None,
        RegistrationState::Failed(_) | RegistrationState::Disabled | RegistrationState::Assigning => {
            assignment(row, place)?
        }
    };
    Ok(RegistrationRecord {
        registration_id: place.id("registration_id", RegistrationId::parse(&id))?,
        group,
        by_certificate: row.flag(2)?,
        state,
        kept,
        operation: place.id("operation", OperationId::parse(&row.text(9)?))?,
        payload,
        etag: Etag::from_text(&row.text(11)?),
        created_at: Timestamp::from_micros(row.int(12)?),
        updated_at: Timestamp::from_micros(row.int(13)?),
        issued: row.opt_int(14)?,
    })
}

fn state(row: &Row<'_>, place: Place<'_>) -> Result<RegistrationState, StoreError> {
    match row.text(3)?.as_str() {
        "assigned" => {
            let Assignment { hub, device_id } =
                assignment(row, place)?.ok_or_else(|| place.inconsistent("hub"))?;
            let substatus = substatus(&row.text(6)?).ok_or_else(|| place.inconsistent("substatus"))?;
            Ok(RegistrationState::Assigned {
                hub,
                device_id,
                substatus,
            })
        }
        "failed" => Ok(RegistrationState::Failed(RegistrationFailure {
            code: u32::try_from(row.int(7)?).map_err(|_| place.inconsistent("error_code"))?,
            message: row.text(8)?,
        })),
        "disabled" => Ok(RegistrationState::Disabled),
        "assigning" => Ok(RegistrationState::Assigning),
        _ => Err(place.inconsistent("status")),
    }
}

fn assignment(row: &Row<'_>, place: Place<'_>) -> Result<Option<Assignment>, StoreError> {
    match (row.opt_text(4)?, row.opt_text(5)?) {
        (Some(hub), Some(device_id)) => Ok(Some(Assignment {
            hub: place.id("hub", HubName::parse(&hub))?,
            device_id: place.id("device_id", DeviceId::parse(&device_id))?,
        })),
        (None, None) => Ok(None),
        _ => Err(place.inconsistent("device_id")),
    }
}
