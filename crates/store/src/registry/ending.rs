//! How a CA ends: its last CRL, then the end of its key (certificate-management.md 6.1).

use provost_model::Timestamp;
use provost_model::registry::{CaId, KeyRef};

use crate::convert::Place;
use crate::registry::CrlPart;
use crate::sql::params;
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

impl ReadTx<'_> {
    /// The last instant at which something a CA signed is valid: of leaves, or of CAs under a root.
    pub fn last_expiry_under(&self, ca: &CaId) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT MAX(ends) FROM (SELECT (SELECT not_after FROM issued_certificate WHERE ca = ?1 \
                   ORDER BY not_after DESC LIMIT 1) AS ends \
                   UNION ALL SELECT MAX(not_after) FROM ca WHERE parent = ?1) signed";
        let found = self.find(sql, params![ca.as_str()], |row| row.opt_int(0))?;
        Ok(found.flatten().map(Timestamp::from_micros))
    }

    /// CAs that sign no more and whose last CRLs are out, with keys that are to be destroyed. A key that is
    /// not here is nobody's to destroy.
    pub fn keys_to_destroy(&self, limit: usize) -> Result<Vec<(CaId, KeyRef)>, StoreError> {
        let sql = "SELECT id, key_ref FROM ca WHERE state IN ('closed', 'revoked') AND key_destroyed_at IS NULL \
                   AND key_ref <> ?2 AND NOT EXISTS (SELECT 1 FROM crl WHERE crl.ca = ca.id AND crl.due_at IS NOT NULL) \
                   ORDER BY id LIMIT ?1";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let offline = KeyRef::offline();
        self.query(sql, params![limit, &offline.0], |row| {
            let id = row.text(0)?;
            let place = Place {
                table: "ca",
                key: &id,
            };
            Ok((
                CaId::parse(&id).ok_or(place.inconsistent("id"))?,
                KeyRef(row.text(1)?),
            ))
        })
    }

    /// When the key of a CA was destroyed; `None` while it is there.
    pub fn key_destroyed_at(&self, ca: &CaId) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT key_destroyed_at FROM ca WHERE id = ?1";
        let found = self.find(sql, params![ca.as_str()], |row| row.opt_int(0))?;
        Ok(found.flatten().map(Timestamp::from_micros))
    }
}

impl WriteTx<'_> {
    /// Writes down that the key of a CA is gone; `false` when that stands there already.
    pub fn note_key_destroyed(&self, ca: &CaId) -> Result<bool, StoreError> {
        let sql = "UPDATE ca SET key_destroyed_at = ?2 WHERE id = ?1 AND key_destroyed_at IS NULL";
        Ok(self.execute(sql, params![ca.as_str(), self.now().as_micros()])? > 0)
    }
}

impl AppendTx<'_> {
    /// Makes the last CRLs due now: of CAs that were revoked, and of those that were closed once nothing they
    /// issued to devices is valid any more.
    pub fn hasten_last_crls(&self, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "UPDATE crl SET due_at = ?1 WHERE due_at > ?1 AND ca IN (\
                   SELECT id FROM ca WHERE state = 'revoked' OR state = 'closed' AND NOT EXISTS (\
                   SELECT 1 FROM issued_certificate i WHERE i.ca = ca.id \
                   AND i.not_after > ?1))";
        self.execute(sql, params![now.as_micros()])
    }

    /// Nobody makes the next CRL of a part here: it is signed elsewhere, and brought.
    pub fn await_crl(&self, part: &CrlPart) -> Result<(), StoreError> {
        let sql = "UPDATE crl SET due_at = ?3 WHERE ca = ?1 AND shard = ?2 AND due_at IS NOT NULL";
        let params = params![part.ca.as_str(), i64::from(part.shard), i64::MAX];
        self.execute(sql, params).map(|_| ())
    }

    /// Nothing follows the CRL that is out, which stays as it is.
    pub fn end_crl(&self, part: &CrlPart) -> Result<(), StoreError> {
        let sql = "UPDATE crl SET due_at = NULL WHERE ca = ?1 AND shard = ?2";
        self.execute(sql, params![part.ca.as_str(), i64::from(part.shard)])
            .map(|_| ())
    }
}
