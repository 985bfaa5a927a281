use provost_model::registry::{CaId, Revocation, RevokedEntry};
use provost_model::{NamespaceName, RegistryDeviceName, Timestamp};

use crate::convert::Place;
use crate::sql::params;
use crate::{ReadTx, StoreError, WriteTx};

/// A part of a CA's CRL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CrlPart {
    /// The CA.
    pub ca: CaId,
    /// Its part, from 0.
    pub shard: u32,
}

/// What a revocation hit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevokedLeaves {
    /// How many certificates.
    pub count: u64,
    /// The CRL parts they now stand in; these are to be marked dirty.
    pub parts: Vec<CrlPart>,
}

impl ReadTx<'_> {
    /// Whether a CA's certificate of this serial number stands among the revoked.
    pub fn is_revoked(&self, part: &CrlPart, serial: &[u8]) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM revoked_certificate WHERE ca = ?1 AND shard = ?2 AND serial = ?3";
        let params = params![part.ca.as_str(), i64::from(part.shard), serial];
        Ok(self.count(sql, params)? > 0)
    }

    /// How many of a device's certificates would be revoked.
    pub fn revocable_leaves(
        &self,
        namespace: &NamespaceName,
        device: &RegistryDeviceName,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM issued_certificate WHERE namespace = ?1 AND device = ?2 \
                   AND revoked_at IS NULL AND not_after > ?3";
        self.count(sql, params![namespace.key(), device.key(), now.as_micros()])
    }
}

impl WriteTx<'_> {
    /// Revokes every leaf ever issued to a device that has not expired, whatever CA signed it.
    pub fn revoke_leaves_of_device(
        &self,
        namespace: &NamespaceName,
        device: &RegistryDeviceName,
        revocation: Revocation,
    ) -> Result<RevokedLeaves, StoreError> {
        const HIT: &str = "namespace = ?1 AND device = ?2 AND revoked_at IS NULL AND not_after > ?3";
        let at = revocation.at.as_micros();
        let named = params![namespace.key(), device.key(), at];
        let sql = format!("SELECT DISTINCT ca, shard FROM issued_certificate WHERE {HIT}");
        let parts = self.query(&sql, named, |row| {
            let id = row.text(0)?;
            let place = Place {
                table: "issued_certificate",
                key: &id,
            };
            Ok(CrlPart {
                ca: CaId::parse(&id).ok_or_else(|| place.inconsistent("ca"))?,
                shard: u32::try_from(row.int(1)?).map_err(|_| place.inconsistent("shard"))?,
            })
        })?;
        if parts.is_empty() {
            return Ok(RevokedLeaves::default());
        }
        let params = params![namespace.key(), device.key(), at, revocation.reason.as_str()];
        let copy = format!(
            "INSERT INTO revoked_certificate (ca, shard, serial, revoked_at, reason, not_after) \
             SELECT ca, shard, serial, CAST(?3 AS BIGINT), ?4, not_after FROM issued_certificate WHERE {HIT} \
             ON CONFLICT (ca, shard, serial) DO NOTHING"
        );
        self.execute(&copy, params)?;
        let mark = format!("UPDATE issued_certificate SET revoked_at = ?3, reason = ?4 WHERE {HIT}");
        let count = self.execute(&mark, params)?;
        Ok(RevokedLeaves { count, parts })
    }

    /// Revokes one issued leaf; `None` when it is not issued or is revoked already.
    pub fn revoke_leaf(&self, number: i64, revocation: Revocation) -> Result<Option<CrlPart>, StoreError> {
        let Some(leaf) = self.issued_certificate(number)? else {
            return Ok(None);
        };
        let sql = "UPDATE issued_certificate SET revoked_at = ?2, reason = ?3 WHERE number = ?1 \
                   AND revoked_at IS NULL";
        let params = params![number, revocation.at.as_micros(), revocation.reason.as_str()];
        if self.execute(sql, params)? == 0 {
            return Ok(None);
        }
        let part = CrlPart {
            ca: leaf.ca,
            shard: leaf.shard,
        };
        self.insert_revoked(
            &part,
            &RevokedEntry {
                serial: leaf.serial,
                revocation,
                not_after: leaf.not_after,
            },
        )?;
        Ok(Some(part))
    }

    /// Puts a line into a CRL to be; one that is there stays as it is.
    pub fn insert_revoked(&self, part: &CrlPart, entry: &RevokedEntry) -> Result<(), StoreError> {
        let sql = "INSERT INTO revoked_certificate (ca, shard, serial, revoked_at, reason, not_after) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (ca, shard, serial) DO NOTHING";
        let params = params![
            part.ca.as_str(),
            i64::from(part.shard),
            entry.serial.as_bytes(),
            entry.revocation.at.as_micros(),
            entry.revocation.reason.as_str(),
            entry.not_after.as_micros(),
        ];
        self.execute(sql, params).map(|_| ())
    }
}
