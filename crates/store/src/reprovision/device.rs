//! The devices of a run, one row each.

use provost_model::{DeviceId, ReprovisionDevice, ReprovisionState, Timestamp};

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError};

const TABLE: &str = "reprovision_device";
const COLUMNS: &str = "device_id, state, reason, called_at, left_at, ended_at, until_at, certificate";

/// Something that is to be noted of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReprovisionNote {
    /// The device.
    pub device_id: DeviceId,
    /// Where it stands from now on.
    pub state: ReprovisionState,
    /// Why.
    pub reason: Option<String>,
    /// The time it has from now on; `None` leaves what it had.
    pub until: Option<Timestamp>,
    /// The certificate it has, when it is called.
    pub certificate: Option<[u8; 32]>,
}

impl ReprovisionNote {
    /// A device is in another state, with nothing to say about it.
    pub fn new(device_id: DeviceId, state: ReprovisionState) -> Self {
        Self {
            device_id,
            state,
            reason: None,
            until: None,
            certificate: None,
        }
    }

    /// The same with a reason.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    fn apply(&self, row: ReprovisionDevice, now: Timestamp) -> ReprovisionDevice {
        use ReprovisionState as State;
        let row = ReprovisionDevice {
            state: self.state,
            reason: self.reason.clone(),
            until: self.until.or(row.until),
            ..row
        };
        match self.state {
            State::Pending => ReprovisionDevice {
                called_at: None,
                left_at: None,
                ended_at: None,
                certificate: None,
                ..row
            },
            State::Called => ReprovisionDevice {
                called_at: Some(now),
                certificate: self.certificate,
                ..row
            },
            State::Left => ReprovisionDevice {
                left_at: Some(now),
                ..row
            },
            State::Returned | State::Failed | State::NotReturned | State::Skipped => ReprovisionDevice {
                ended_at: Some(now),
                ..row
            },
        }
    }
}

impl ReadTx<'_> {
    /// Devices of a run in order of their IDs, beginning after `after`; of one state alone when asked.
    pub fn reprovision_devices(
        &self,
        number: i64,
        state: Option<ReprovisionState>,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<ReprovisionDevice>, StoreError> {
        let narrowed = state.map_or("", |_| "AND state = ?4");
        let sql = format!(
            "SELECT {COLUMNS} FROM reprovision_device WHERE run = ?1 AND device_id > ?2 \
             AND (?4 = '' OR state = ?4) {narrowed} ORDER BY device_id LIMIT ?3"
        );
        let after = after.map(DeviceId::as_str).unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let state = state.map(ReprovisionState::as_str).unwrap_or_default();
        self.query(&sql, params![number, after, limit, state], device)
    }
}

impl AppendTx<'_> {
    /// Gives devices whose turn has come and who are not there until `until` to connect; those who
    /// are waited for already keep their time.
    pub fn wait_for_devices(
        &self,
        number: i64,
        devices: &[DeviceId],
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE reprovision_device SET until_at = ?3 WHERE run = ?1 AND device_id = ?2 \
                   AND state = 'pending' AND until_at IS NULL";
        for device in devices {
            self.execute(sql, params![number, device.as_str(), until.as_micros()])?;
        }
        Ok(())
    }

    /// Notes what became of devices of a run that is held; answers which of the notes were taken. A
    /// device is called only while the run is running.
    pub fn note_devices(
        &self,
        (number, holder): (i64, &str),
        notes: &[ReprovisionNote],
        now: Timestamp,
    ) -> Result<Vec<bool>, StoreError> {
        let held =
            "SELECT status FROM reprovision WHERE number = ?1 AND lease_holder = ?2 AND due_at IS NOT NULL";
        let status = self
            .read()
            .find(held, params![number, holder], |row| row.text(0))?;
        let mut steps = [0_i64; ReprovisionState::ALL.len()];
        let mut taken = Vec::with_capacity(notes.len());
        for note in notes {
            let is_allowed = match (status.as_deref(), note.state) {
                (None, _) => false,
                (Some(status), ReprovisionState::Called) => status == "running",
                (Some(_), _) => true,
            };
            taken.push(is_allowed && self.note_device(number, note, now, &mut steps)?);
        }
        let [pending, called, left, returned, failed, not_returned, skipped] = steps;
        let sql = "UPDATE reprovision SET pending_count = pending_count + ?2, called_count = called_count + ?3, \
                   left_count = left_count + ?4, returned_count = returned_count + ?5, \
                   failed_count = failed_count + ?6, not_returned_count = not_returned_count + ?7, \
                   skipped_count = skipped_count + ?8 WHERE number = ?1";
        let params = params![
            number,
            pending,
            called,
            left,
            returned,
            failed,
            not_returned,
            skipped
        ];
        self.execute(sql, params)?;
        Ok(taken)
    }

    fn note_device(
        &self,
        number: i64,
        note: &ReprovisionNote,
        now: Timestamp,
        steps: &mut [i64],
    ) -> Result<bool, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM reprovision_device WHERE run = ?1 AND device_id = ?2");
        let found = self
            .read()
            .find(&sql, params![number, note.device_id.as_str()], device)?;
        let Some(before) = found.filter(|row| row.state.may_become(note.state)) else {
            return Ok(false);
        };
        let from = before.state;
        let row = note.apply(before, now);
        let update = "UPDATE reprovision_device SET state = ?3, reason = ?4, called_at = ?5, left_at = ?6, \
                      ended_at = ?7, until_at = ?8, certificate = ?9 WHERE run = ?1 AND device_id = ?2";
        let params = params![
            number,
            row.device_id.as_str(),
            row.state.as_str(),
            row.reason.as_deref(),
            row.called_at.map(Timestamp::as_micros),
            row.left_at.map(Timestamp::as_micros),
            row.ended_at.map(Timestamp::as_micros),
            row.until.map(Timestamp::as_micros),
            row.certificate.as_ref(),
        ];
        self.execute(update, params)?;
        for (place, step) in [(from, -1), (row.state, 1)] {
            let at = ReprovisionState::ALL.iter().position(|state| *state == place);
            if let Some(count) = at.and_then(|at| steps.get_mut(at)) {
                *count += step;
            }
        }
        Ok(true)
    }
}

fn device(row: &Row<'_>) -> Result<ReprovisionDevice, StoreError> {
    let id = row.text(0)?;
    let place = Place {
        table: TABLE,
        key: &id,
    };
    let instant =
        |column: usize| -> Result<_, StoreError> { Ok(row.opt_int(column)?.map(Timestamp::from_micros)) };
    let certificate = row
        .opt_blob(7)?
        .map(|bytes| bytes.try_into().map_err(|_| place.inconsistent("certificate")));
    Ok(ReprovisionDevice {
        device_id: place.id("device_id", DeviceId::parse(&id))?,
        state: ReprovisionState::parse(&row.text(1)?).ok_or_else(|| place.inconsistent("state"))?,
        reason: row.opt_text(2)?,
        called_at: instant(3)?,
        left_at: instant(4)?,
        ended_at: instant(5)?,
        until: instant(6)?,
        certificate: certificate.transpose()?,
    })
}
