use provost_model::{AllocationCall, DpsName, RegistrationId, Timestamp};

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError};

impl ReadTx<'_> {
    /// The latest call of the webhook of a registration.
    pub fn allocation_call(
        &self,
        dps: &DpsName,
        id: &RegistrationId,
    ) -> Result<Option<AllocationCall>, StoreError> {
        let sql = "SELECT at, attempt, url, request, status, answer, error FROM allocation_call \
                   WHERE dps = ?1 AND registration_key = ?2";
        self.find(sql, params![dps.key(), id.key()], |row| call(row, id))
    }
}

impl AppendTx<'_> {
    /// Keeps a call in the place of the one before.
    pub fn put_allocation_call(
        &self,
        dps: &DpsName,
        id: &RegistrationId,
        call: &AllocationCall,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO allocation_call (dps, registration_key, at, attempt, url, request, status, \
                   answer, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
                   ON CONFLICT (dps, registration_key) DO UPDATE SET at = excluded.at, \
                   attempt = excluded.attempt, url = excluded.url, request = excluded.request, \
                   status = excluded.status, answer = excluded.answer, error = excluded.error";
        let params = params![
            dps.key(),
            id.key(),
            call.at.as_micros(),
            i64::from(call.attempt),
            &call.url,
            &call.request,
            call.status.map(i64::from),
            call.answer.as_deref(),
            call.error.as_deref(),
        ];
        self.execute(sql, params).map(|_| ())
    }
}

fn call(row: &Row<'_>, id: &RegistrationId) -> Result<AllocationCall, StoreError> {
    let place = Place {
        table: "allocation_call",
        key: id.as_str(),
    };
    let status = row
        .opt_int(4)?
        .map(|status| u16::try_from(status).map_err(|_| place.inconsistent("status")))
        .transpose()?;
    Ok(AllocationCall {
        at: Timestamp::from_micros(row.int(0)?),
        attempt: u32::try_from(row.int(1)?).map_err(|_| place.inconsistent("attempt"))?,
        url: row.text(2)?,
        request: row.text(3)?,
        status,
        answer: row.opt_text(5)?,
        error: row.opt_text(6)?,
    })
}
