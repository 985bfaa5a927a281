//! Renewals of certificates that devices asked their hubs for (certificate-management.md 3.3).

use provost_model::registry::DeviceIdentifier;
use provost_model::{DeviceId, HubName, Timestamp};
use serde_json::{Value, json};

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

const TABLE: &str = "certificate_renewal";
const COLUMNS: &str = "hub, device_id, request_id, correlation_id, csr, identifier, state, issued, error, \
    is_delivered, asked_at, expires_at";

/// How far a renewal came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenewalState {
    /// It is worked on, whatever happens to this process.
    Pending,
    /// The certificate is issued: its number.
    Issued(i64),
    /// It came to nothing.
    Failed(RenewalError),
}

/// Why a renewal came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalError {
    /// HTTP status times 1000 plus a sub-code.
    pub code: u32,
    /// What the device may read.
    pub message: String,
    /// The issuer's own word, when the request was at fault.
    pub credential_error: Option<String>,
}

/// The renewal of a device: one at a time. The next request takes the place of one that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRenewal {
    /// Where the device is connected.
    pub hub: HubName,
    /// The device.
    pub device_id: DeviceId,
    /// The device's name for it.
    pub request_id: String,
    /// Ours; another one for each request.
    pub correlation_id: String,
    /// The signing request, as it was sent.
    pub csr: String,
    /// What the device's leaves said when it asked: after a revocation nothing of it counts.
    pub identifier: DeviceIdentifier,
    /// How far it came.
    pub state: RenewalState,
    /// The outcome was sent to the device.
    pub is_delivered: bool,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

impl ReadTx<'_> {
    /// The renewal of a device.
    pub fn certificate_renewal(
        &self,
        hub: &HubName,
        device_id: &DeviceId,
    ) -> Result<Option<CertificateRenewal>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM certificate_renewal WHERE hub = ?1 AND device_id = ?2");
        self.find(&sql, params![hub.key(), device_id.as_str()], renewal)
    }

    /// Renewals without an outcome that were due by an instant, those first that wait longest. One is due
    /// when it is asked for, and later when it is put off.
    pub fn pending_renewals(
        &self,
        by: Timestamp,
        limit: usize,
    ) -> Result<Vec<CertificateRenewal>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM certificate_renewal WHERE state = 'pending' AND due_at <= ?1 \
             ORDER BY due_at LIMIT ?2"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.query(&sql, params![by.as_micros(), limit], renewal)
    }
}

impl ReadTx<'_> {
    /// Renewals without an outcome whose time was over at an instant.
    pub fn overdue_renewals(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<CertificateRenewal>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM certificate_renewal WHERE expires_at <= ?1 AND state = 'pending' \
             ORDER BY expires_at LIMIT ?2"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.query(&sql, params![now.as_micros(), limit], renewal)
    }

    /// How many renewals of each hub have no outcome yet; hubs without any are left out.
    pub fn renewals_pending(&self) -> Result<Vec<(HubName, u64)>, StoreError> {
        let sql = "SELECT hub, COUNT(*) FROM certificate_renewal WHERE state = 'pending' GROUP BY hub";
        self.query(sql, params![], |row| {
            let key = row.text(0)?;
            let place = Place {
                table: TABLE,
                key: &key,
            };
            let hub = place.id("hub", HubName::parse(&key))?;
            Ok((hub, u64::try_from(row.int(1)?).unwrap_or(0)))
        })
    }
}

impl AppendTx<'_> {
    /// Writes a renewal down in the place of the device's one before.
    pub fn put_certificate_renewal(&self, renewal: &CertificateRenewal) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO certificate_renewal ({COLUMNS}, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', NULL, \
             NULL, 0, ?7, ?8, ?7) ON CONFLICT (hub, device_id) DO UPDATE SET request_id = excluded.request_id, \
             correlation_id = excluded.correlation_id, csr = excluded.csr, identifier = excluded.identifier, \
             state = 'pending', issued = NULL, error = NULL, is_delivered = 0, asked_at = excluded.asked_at, \
             expires_at = excluded.expires_at, due_at = excluded.due_at"
        );
        let identifier = renewal.identifier.to_bytes();
        let params = params![
            renewal.hub.key(),
            renewal.device_id.as_str(),
            &renewal.request_id,
            &renewal.correlation_id,
            &renewal.csr,
            identifier.as_slice(),
            renewal.asked_at.as_micros(),
            renewal.expires_at.as_micros(),
        ];
        self.execute(&sql, params).map(|_| ())
    }

    /// Ends a renewal that came to nothing, to be kept until it expires; `false` when it was not pending any
    /// more, or another one took its place.
    pub fn fail_certificate_renewal(
        &self,
        renewal: &CertificateRenewal,
        error: &RenewalError,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE certificate_renewal SET state = 'failed', error = ?4, expires_at = ?5 WHERE hub = ?1 \
                   AND device_id = ?2 AND correlation_id = ?3 AND state = 'pending'";
        let error = json!({
            "code": error.code,
            "message": error.message,
            "credentialError": error.credential_error,
        })
        .to_string();
        let params = params![
            renewal.hub.key(),
            renewal.device_id.as_str(),
            &renewal.correlation_id,
            &error,
            renewal.expires_at.as_micros(),
        ];
        Ok(self.execute(sql, params)? > 0)
    }

    /// Puts a renewal without an outcome off: it is due at this instant.
    pub fn put_off_renewal(&self, renewal: &CertificateRenewal, due_at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE certificate_renewal SET due_at = ?4 WHERE hub = ?1 AND device_id = ?2 \
                   AND correlation_id = ?3 AND state = 'pending'";
        let params = params![
            renewal.hub.key(),
            renewal.device_id.as_str(),
            &renewal.correlation_id,
            due_at.as_micros(),
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Notes whether the outcome was sent.
    pub fn note_renewal_delivered(
        &self,
        renewal: &CertificateRenewal,
        is_delivered: bool,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE certificate_renewal SET is_delivered = ?4 WHERE hub = ?1 AND device_id = ?2 \
                   AND correlation_id = ?3";
        let params = params![
            renewal.hub.key(),
            renewal.device_id.as_str(),
            &renewal.correlation_id,
            is_delivered,
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Forgets a renewal, unless another one took its place.
    pub fn forget_certificate_renewal(&self, renewal: &CertificateRenewal) -> Result<(), StoreError> {
        let sql = "DELETE FROM certificate_renewal WHERE hub = ?1 AND device_id = ?2 AND correlation_id = ?3";
        let params = params![
            renewal.hub.key(),
            renewal.device_id.as_str(),
            &renewal.correlation_id,
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Forgets renewals whose time is over and that have an outcome.
    pub fn forget_renewals(&self, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM certificate_renewal WHERE expires_at <= ?1 AND state <> 'pending'";
        self.execute(sql, params![now.as_micros()])
    }
}

impl WriteTx<'_> {
    /// Calls off the renewal of a device, whatever became of it: what it asked for is revoked.
    pub fn cancel_certificate_renewal(&self, hub: &HubName, device_id: &DeviceId) -> Result<(), StoreError> {
        let sql = "DELETE FROM certificate_renewal WHERE hub = ?1 AND device_id = ?2";
        self.execute(sql, params![hub.key(), device_id.as_str()])
            .map(|_| ())
    }

    /// Ends a renewal with its certificate; `false`, and the transaction must not commit, when it is not
    /// pending any more.
    pub fn end_certificate_renewal(
        &self,
        renewal: &CertificateRenewal,
        number: i64,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE certificate_renewal SET state = 'issued', issued = ?4 WHERE hub = ?1 \
                   AND device_id = ?2 AND correlation_id = ?3 AND state = 'pending'";
        let params = params![
            renewal.hub.key(),
            renewal.device_id.as_str(),
            &renewal.correlation_id,
            number,
        ];
        Ok(self.execute(sql, params)? > 0)
    }
}

fn renewal(row: &Row<'_>) -> Result<CertificateRenewal, StoreError> {
    let device_id = row.text(1)?;
    let place = Place {
        table: TABLE,
        key: &device_id,
    };
    let identifier = row.blob(5)?;
    let state = match row.text(6)?.as_str() {
        "pending" => RenewalState::Pending,
        "issued" => RenewalState::Issued(row.int(7)?),
        "failed" => RenewalState::Failed(error(place, &row.text(8)?)?),
        _ => return Err(place.inconsistent("state")),
    };
    Ok(CertificateRenewal {
        hub: place.id("hub", HubName::parse(&row.text(0)?))?,
        device_id: place.id("device_id", DeviceId::parse(&device_id))?,
        request_id: row.text(2)?,
        correlation_id: row.text(3)?,
        csr: row.text(4)?,
        identifier: DeviceIdentifier::from_bytes(&identifier)
            .ok_or_else(|| place.inconsistent("identifier"))?,
        state,
        is_delivered: row.flag(9)?,
        asked_at: Timestamp::from_micros(row.int(10)?),
        expires_at: Timestamp::from_micros(row.int(11)?),
    })
}

fn error(place: Place<'_>, text: &str) -> Result<RenewalError, StoreError> {
    let wrong = || place.inconsistent("error");
    let value: Value = serde_json::from_str(text).map_err(|_| wrong())?;
    let code = value.get("code").and_then(Value::as_u64).ok_or_else(wrong)?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(RenewalError {
        code: u32::try_from(code).map_err(|_| wrong())?,
        message: text("message").ok_or_else(wrong)?,
        credential_error: text("credentialError"),
    })
}
