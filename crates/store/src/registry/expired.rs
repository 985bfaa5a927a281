//! Forgetting what expired long ago, in bites that hold no other write up.

use provost_model::registry::CaId;
use provost_model::{NamespaceName, Timestamp};

use crate::convert::Place;
use crate::registry::CrlPart;
use crate::sql::params;
use crate::{ReadTx, StoreError, WriteTx};

/// A CA that is asked about with its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaOfNamespace {
    /// The namespace.
    pub namespace: NamespaceName,
    /// The CA.
    pub ca: CaId,
}

impl ReadTx<'_> {
    /// CAs with leaves that expired before an instant.
    pub fn cas_with_leaves_expired(&self, before: Timestamp) -> Result<Vec<CaOfNamespace>, StoreError> {
        let sql = "SELECT namespace, id FROM ca WHERE EXISTS (SELECT 1 FROM issued_certificate i \
                   WHERE i.ca = ca.id AND i.not_after < ?1) ORDER BY id";
        self.query(sql, params![before.as_micros()], |row| {
            let id = row.text(1)?;
            let place = Place {
                table: "ca",
                key: &id,
            };
            Ok(CaOfNamespace {
                namespace: place.id("namespace", NamespaceName::parse(&row.text(0)?))?,
                ca: CaId::parse(&id).ok_or_else(|| place.inconsistent("id"))?,
            })
        })
    }

    /// Parts whose last CRL is out and that still have lines of certificates which expired before an
    /// instant.
    pub fn ended_crls_with_lines_expired(&self, before: Timestamp) -> Result<Vec<CrlPart>, StoreError> {
        let sql = "SELECT ca, shard FROM crl WHERE due_at IS NULL AND EXISTS (SELECT 1 FROM revoked_certificate r \
                   WHERE r.ca = crl.ca AND r.shard = crl.shard AND r.not_after < ?1) ORDER BY ca, shard";
        self.query(sql, params![before.as_micros()], |row| {
            let id = row.text(0)?;
            let place = Place {
                table: "crl",
                key: &id,
            };
            Ok(CrlPart {
                ca: CaId::parse(&id).ok_or_else(|| place.inconsistent("ca"))?,
                shard: u32::try_from(row.int(1)?).map_err(|_| place.inconsistent("shard"))?,
            })
        })
    }
}

impl WriteTx<'_> {
    /// Forgets leaves of a CA that expired before an instant, the oldest first, at most `limit`. Returns
    /// how many. What revocations there were stays on the CRL as long as that needs them.
    pub fn forget_expired_leaves(
        &self,
        ca: &CaId,
        before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let sql = "DELETE FROM issued_certificate WHERE number IN (SELECT number FROM issued_certificate \
                   WHERE ca = ?1 AND not_after < ?2 ORDER BY not_after, number LIMIT ?3)";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.execute(sql, params![ca.as_str(), before.as_micros(), limit])
    }

    /// Forgets lines of a part whose last CRL is out, of certificates that expired before an instant, at
    /// most `limit`: no CRL will tell them again. Returns how many.
    pub fn forget_expired_lines(
        &self,
        part: &CrlPart,
        before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let sql = "DELETE FROM revoked_certificate WHERE ca = ?1 AND shard = ?2 AND serial IN \
                   (SELECT serial FROM revoked_certificate WHERE ca = ?1 AND shard = ?2 AND not_after < ?3 LIMIT ?4) \
                   AND EXISTS (SELECT 1 FROM crl WHERE crl.ca = ?1 AND crl.shard = ?2 AND crl.due_at IS NULL)";
        let params = params![
            part.ca.as_str(),
            i64::from(part.shard),
            before.as_micros(),
            i64::try_from(limit).unwrap_or(i64::MAX),
        ];
        self.execute(sql, params)
    }
}
