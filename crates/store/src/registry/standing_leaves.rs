//! Counting what stands of CAs without holding anybody up: page by page up to a mark, and in the transaction
//! that ends the CAs only what was issued after it.

use provost_model::registry::{CaId, IssuedCertificate};
use provost_model::{NamespaceName, RegistryDeviceName, Timestamp};

use super::issued::{COLUMNS, issued};
use crate::sql::{Param, params};
use crate::{ReadTx, StoreError};

/// What is counted: leaves of CAs of a namespace that are neither revoked nor expired.
#[derive(Debug, Clone, Copy)]
pub struct StandingOf<'a> {
    /// Whose.
    pub namespace: &'a NamespaceName,
    /// Who signed them.
    pub cas: &'a [CaId],
    /// Now.
    pub now: Timestamp,
    /// Leaves with lower numbers are counted page by page, the others are new.
    pub mark: i64,
}

/// Counts of a page of devices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StandingPage {
    /// Devices that hold such leaves.
    pub devices: u64,
    /// Those leaves.
    pub certificates: u64,
    /// The key of the last device; `None` when there was none.
    pub last: Option<String>,
}

const STANDS: &str = "namespace = ?1 AND not_after > ?2 AND revoked_at IS NULL";

impl ReadTx<'_> {
    /// The number below which nothing is issued by these CAs any more: what is being issued has its number from
    /// when it was intended.
    pub fn issuing_mark(&self, cas: &[CaId]) -> Result<i64, StoreError> {
        let mut params = Vec::new();
        let by = signed_by(cas, &mut params);
        let sql = format!("SELECT MIN(number) FROM certificate_intent WHERE state = 'intended' AND {by}");
        let open = self.find(&sql, &params, |row| row.opt_int(0))?.flatten();
        let last = self.count("SELECT value FROM counter WHERE name = 'number'", &[])?;
        Ok(open.unwrap_or(i64::MAX).min(last + 1))
    }

    /// Counts leaves below the mark, of at most so many devices in the order of their keys after one of them.
    pub fn standing_page(
        &self,
        of: StandingOf<'_>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<StandingPage, StoreError> {
        let mut params = of.params();
        let by = signed_by(of.cas, &mut params);
        params.push(Param::Text(after.unwrap_or_default()));
        let past = params.len();
        params.push(Param::Int(i64::try_from(limit).unwrap_or(i64::MAX)));
        let sql = format!(
            "SELECT COUNT(*), CAST(COALESCE(SUM(held), 0) AS BIGINT), MAX(device) FROM (\
             SELECT device, COUNT(*) AS held FROM issued_certificate WHERE {STANDS} AND number < ?3 AND {by} \
             AND device > ?{past} GROUP BY device ORDER BY device LIMIT ?{limit}) page",
            limit = params.len()
        );
        let whole = |count: i64| u64::try_from(count).unwrap_or(0);
        let page = self.find(&sql, &params, |row| {
            Ok(StandingPage {
                devices: whole(row.int(0)?),
                certificates: whole(row.int(1)?),
                last: row.opt_text(2)?,
            })
        })?;
        Ok(page.unwrap_or_default())
    }

    /// Leaves from the mark on, in the order of their numbers.
    pub fn standing_from_mark(
        &self,
        of: StandingOf<'_>,
        limit: usize,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        let mut params = of.params();
        let by = signed_by(of.cas, &mut params);
        params.push(Param::Int(i64::try_from(limit).unwrap_or(i64::MAX)));
        // By number alone: there are few from the mark on, and many of a CA or a namespace.
        let sql = format!(
            "SELECT {COLUMNS} FROM issued_certificate WHERE number >= ?3 AND namespace || '' = ?1 \
             AND not_after > ?2 AND revoked_at IS NULL AND {by} ORDER BY number LIMIT ?{}",
            params.len()
        );
        self.query(&sql, &params, issued)
    }

    /// Whether a device holds a leaf below the mark.
    pub fn has_standing_below_mark(
        &self,
        of: StandingOf<'_>,
        device: &RegistryDeviceName,
    ) -> Result<bool, StoreError> {
        let mut params = of.params();
        let by = signed_by(of.cas, &mut params);
        params.push(Param::Text(device.key()));
        let sql = format!(
            "SELECT 1 FROM issued_certificate WHERE {STANDS} AND number < ?3 AND {by} AND device = ?{} LIMIT 1",
            params.len()
        );
        Ok(self.find(&sql, &params, |_| Ok(()))?.is_some())
    }
}

impl<'a> StandingOf<'a> {
    fn params(&self) -> Vec<Param<'a>> {
        params![self.namespace.key(), self.now.as_micros(), self.mark].to_vec()
    }
}

/// By one of these CAs. Written so that no index over CAs seems to serve: it would give devices out of order.
pub(super) fn signed_by<'a>(cas: &'a [CaId], params: &mut Vec<Param<'a>>) -> String {
    let mut places = Vec::with_capacity(cas.len());
    for ca in cas {
        params.push(Param::Text(ca.as_str()));
        places.push(format!("?{}", params.len()));
    }
    if places.is_empty() {
        return "1 = 0".to_owned();
    }
    format!("ca || '' IN ({})", places.join(", "))
}
