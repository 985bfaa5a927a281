//! Finding what was issued: by device, serial number, thumbprint, expiry.

use provost_model::registry::{CaId, IssuedCertificate, SerialNumber};
use provost_model::{NamespaceName, PageSize, RegistryDeviceName, Timestamp};

use super::issued::{COLUMNS, issued};
use crate::sql::params;
use crate::{ReadTx, StoreError};

/// The last certificate of the page before, in the order of expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuedAfter {
    /// When it expires.
    pub not_after: Timestamp,
    /// Its place in the store.
    pub number: i64,
}

impl ReadTx<'_> {
    /// Certificates of a device, newest first, beginning before the one numbered `before`. Those of an
    /// earlier device of the same name are among them.
    pub fn issued_of_device(
        &self,
        namespace: &NamespaceName,
        device: &RegistryDeviceName,
        before: Option<i64>,
        page: PageSize,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM issued_certificate WHERE namespace = ?1 AND device = ?2 AND number < ?3 \
             ORDER BY number DESC LIMIT ?4"
        );
        let before = before.unwrap_or(i64::MAX);
        let limit = i64::try_from(page.get()).unwrap_or(i64::MAX);
        self.query(
            &sql,
            params![namespace.key(), device.key(), before, limit],
            issued,
        )
    }

    /// The certificate a CA gave this serial number.
    pub fn issued_by_serial(
        &self,
        ca: &CaId,
        serial: &SerialNumber,
    ) -> Result<Option<IssuedCertificate>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM issued_certificate WHERE ca = ?1 AND serial = ?2");
        self.find(&sql, params![ca.as_str(), serial.as_bytes()], issued)
    }

    /// The certificate with this SHA-1 (20 bytes) or SHA-256 (32 bytes).
    pub fn issued_by_thumbprint(&self, thumbprint: &[u8]) -> Result<Option<IssuedCertificate>, StoreError> {
        let column = match thumbprint.len() {
            20 => "sha1",
            32 => "sha256",
            _ => return Ok(None),
        };
        let sql = format!("SELECT {COLUMNS} FROM issued_certificate WHERE {column} = ?1 LIMIT 1");
        self.find(&sql, params![thumbprint], issued)
    }

    /// Certificates of a namespace that expire from one instant until before another, soonest first.
    pub fn issued_by_expiry(
        &self,
        namespace: &NamespaceName,
        span: (Timestamp, Timestamp),
        after: Option<IssuedAfter>,
        page: PageSize,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        // Each CA has its own in order; a namespace has few.
        let mut found = Vec::new();
        for ca in self.ca_ids(namespace)? {
            found.extend(self.issued_by_expiry_of(&ca, span, after, page)?);
        }
        found.sort_by_key(|leaf| (leaf.not_after, leaf.number));
        found.truncate(page.get());
        Ok(found)
    }

    fn issued_by_expiry_of(
        &self,
        ca: &CaId,
        (from, until): (Timestamp, Timestamp),
        after: Option<IssuedAfter>,
        page: PageSize,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM issued_certificate WHERE ca = ?1 AND not_after >= ?2 \
             AND not_after < ?3 AND (not_after > ?2 OR number > ?4) ORDER BY not_after, number LIMIT ?5"
        );
        let (from, number) = match after {
            Some(after) if after.not_after >= from => (after.not_after, after.number),
            _ => (from, 0),
        };
        let limit = i64::try_from(page.get()).unwrap_or(i64::MAX);
        let params = params![ca.as_str(), from.as_micros(), until.as_micros(), number, limit];
        self.query(&sql, params, issued)
    }

    /// Leaves of a CA that are issued, not revoked and not expired, soonest to expire first.
    pub fn standing_of_ca(
        &self,
        ca: &CaId,
        now: Timestamp,
        after: Option<IssuedAfter>,
        page: PageSize,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM issued_certificate WHERE ca = ?1 AND revoked_at IS NULL \
             AND not_after >= ?2 AND (not_after > ?2 OR number > ?3) ORDER BY not_after, number LIMIT ?4"
        );
        let (from, number) = match after {
            Some(after) if after.not_after > now => (after.not_after, after.number),
            // Expired at the instant itself.
            _ => (now, i64::MAX),
        };
        let limit = i64::try_from(page.get()).unwrap_or(i64::MAX);
        self.query(
            &sql,
            params![ca.as_str(), from.as_micros(), number, limit],
            issued,
        )
    }
}
