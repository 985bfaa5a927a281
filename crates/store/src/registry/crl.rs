//! CRLs: what each part has to tell, what is out, and who makes the next (certificate-management.md 6.10).

use provost_model::Timestamp;
use provost_model::registry::{CaId, Revocation, RevocationReason, RevokedEntry, SerialNumber};

use crate::convert::Place;
use crate::engine::Engine;
use crate::registry::CrlPart;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

const TABLE: &str = "crl";
const COLUMNS: &str = "ca, shard, number, this_update, next_update, entries, changes, told, due_at";

/// The CRL that is out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCrl {
    /// Which part of which CA's.
    pub part: CrlPart,
    /// Its number; 0 while none was made.
    pub number: i64,
    /// Since when it stands.
    pub this_update: Option<Timestamp>,
    /// When the next one is promised at the latest.
    pub next_update: Option<Timestamp>,
    /// Its bytes.
    pub der: Option<Vec<u8>>,
    /// How many certificates it names.
    pub entries: i64,
    /// Changes it does not tell yet.
    pub untold: i64,
    /// There will be no other: its CA is closed.
    pub is_last: bool,
}

/// A CRL somebody is about to make: what it follows, and what it will tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlWork {
    /// Which part of which CA's.
    pub part: CrlPart,
    /// The number of the one before it; 0 when it is the first.
    pub number: i64,
    /// Since when the one before it stands.
    pub this_update: Option<Timestamp>,
    /// The changes known when the work was looked at.
    pub changes: i64,
}

/// A CRL that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCrl {
    /// Greater than the number of the one before it.
    pub number: i64,
    /// Since when it stands.
    pub this_update: Timestamp,
    /// When the next one is promised at the latest.
    pub next_update: Timestamp,
    /// Its bytes.
    pub der: Vec<u8>,
    /// How many certificates it names.
    pub entries: i64,
    /// When the next one is made though nothing changed; `None` when this is the last.
    pub due_at: Option<Timestamp>,
    /// Nobody makes the next one before.
    pub rests_until: Timestamp,
}

impl ReadTx<'_> {
    /// The CRL of a part; `None` when the part was never marked.
    pub fn crl(&self, part: &CrlPart) -> Result<Option<StoredCrl>, StoreError> {
        let sql = format!("SELECT {COLUMNS}, der FROM crl WHERE ca = ?1 AND shard = ?2");
        self.find(&sql, params![part.ca.as_str(), i64::from(part.shard)], |row| {
            stored(row, row.opt_blob(9)?)
        })
    }

    /// All parts of a CA's CRL, without their bytes.
    pub fn crls_of(&self, ca: &CaId) -> Result<Vec<StoredCrl>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM crl WHERE ca = ?1 ORDER BY shard");
        self.query(&sql, params![ca.as_str()], |row| stored(row, None))
    }

    /// Whether some part is due that nobody is at: asked before a lease, which is a write.
    pub fn is_crl_due(&self, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM crl WHERE due_at <= ?1 AND rests_until <= ?1 LIMIT 1";
        Ok(self.find(sql, params![now.as_micros()], |_| Ok(()))?.is_some())
    }

    /// What the next CRL of a part follows. Read the entries in the same snapshot.
    pub fn crl_work(&self, part: &CrlPart) -> Result<Option<CrlWork>, StoreError> {
        let sql = "SELECT number, this_update, changes FROM crl WHERE ca = ?1 AND shard = ?2";
        self.find(sql, params![part.ca.as_str(), i64::from(part.shard)], |row| {
            Ok(CrlWork {
                part: part.clone(),
                number: row.int(0)?,
                this_update: row.opt_int(1)?.map(Timestamp::from_micros),
                changes: row.int(2)?,
            })
        })
    }

    /// What stands on a part's CRL, in the order of serial numbers, after one of them. What expired
    /// at `expired_at` or before is left out.
    pub fn revoked_entries(
        &self,
        part: &CrlPart,
        expired_at: Option<Timestamp>,
        after: Option<&SerialNumber>,
        limit: usize,
    ) -> Result<Vec<RevokedEntry>, StoreError> {
        let sql = "SELECT serial, revoked_at, reason, not_after FROM revoked_certificate \
                   WHERE ca = ?1 AND shard = ?2 AND serial > ?3 AND not_after > ?4 ORDER BY serial LIMIT ?5";
        let after = after.map_or(&[][..], SerialNumber::as_bytes);
        let params = params![
            part.ca.as_str(),
            i64::from(part.shard),
            after,
            expired_at.map_or(i64::MIN, Timestamp::as_micros),
            i64::try_from(limit).unwrap_or(i64::MAX),
        ];
        self.query(sql, params, |row| revoked_entry(part, row))
    }

    /// The revocation of one certificate, as its CA's CRL tells or will tell it.
    pub fn revoked_entry(
        &self,
        part: &CrlPart,
        serial: &SerialNumber,
    ) -> Result<Option<RevokedEntry>, StoreError> {
        let sql = "SELECT serial, revoked_at, reason, not_after FROM revoked_certificate \
                   WHERE ca = ?1 AND shard = ?2 AND serial = ?3";
        let params = params![part.ca.as_str(), i64::from(part.shard), serial.as_bytes()];
        self.find(sql, params, |row| revoked_entry(part, row))
    }
}

impl WriteTx<'_> {
    /// Says that a part has more to tell: a CRL that tells it is made in the background after the
    /// commit. Costs one statement however long the CRL is. For each part of a new CA it asks for the first,
    /// empty CRL. Once the last CRL of a part is out, nothing follows.
    pub fn mark_crl_dirty(&self, ca: &CaId, shard: u32) -> Result<(), StoreError> {
        let sql = "INSERT INTO crl (ca, shard, number, entries, changes, told, due_at, rests_until) \
                   VALUES (?1, ?2, 0, 0, 1, 0, ?3, 0) ON CONFLICT (ca, shard) DO UPDATE SET \
                   changes = crl.changes + 1, \
                   due_at = CASE WHEN crl.due_at <= excluded.due_at OR crl.due_at IS NULL \
                   THEN crl.due_at ELSE excluded.due_at END";
        let params = params![ca.as_str(), i64::from(shard), self.now().as_micros()];
        self.execute(sql, params)?;
        self.wake();
        Ok(())
    }
}

impl AppendTx<'_> {
    /// Takes up to `limit` parts that are due, the longest waiting first: until `until` they are nobody
    /// else's. Whoever fails lets that pass.
    pub fn lease_crls(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<CrlPart>, StoreError> {
        let sql =
            "SELECT ca, shard FROM crl WHERE due_at <= ?1 AND rests_until <= ?1 ORDER BY due_at LIMIT ?2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let parts = self.read().query(sql, params![now.as_micros(), limit], part)?;
        for part in &parts {
            let sql = "UPDATE crl SET rests_until = ?3 WHERE ca = ?1 AND shard = ?2";
            let params = params![part.ca.as_str(), i64::from(part.shard), until.as_micros()];
            self.execute(sql, params)?;
        }
        Ok(parts)
    }

    /// Puts a CRL in the place of the one it was made to follow, and forgets what had expired when that
    /// one was made. `false`, and nothing written, when another one came first.
    pub fn replace_crl(&self, work: &CrlWork, new: &NewCrl) -> Result<bool, StoreError> {
        replace(self.engine(), work, new)
    }
}

impl WriteTx<'_> {
    /// The same for a CRL that was signed elsewhere and is brought.
    pub fn replace_crl(&self, work: &CrlWork, new: &NewCrl) -> Result<bool, StoreError> {
        replace(self.engine(), work, new)
    }
}

fn replace(engine: Engine<'_>, work: &CrlWork, new: &NewCrl) -> Result<bool, StoreError> {
    let sql = "UPDATE crl SET number = ?3, this_update = ?4, next_update = ?5, der = ?6, entries = ?7, \
                   told = ?8, due_at = CASE WHEN changes = ?8 THEN ?9 ELSE due_at END, \
                   rests_until = ?10 \
                   WHERE ca = ?1 AND shard = ?2 AND number = ?11 AND number < ?3";
    let (ca, shard) = (work.part.ca.as_str(), i64::from(work.part.shard));
    let params = params![
        ca,
        shard,
        new.number,
        new.this_update.as_micros(),
        new.next_update.as_micros(),
        new.der.as_slice(),
        new.entries,
        work.changes,
        new.due_at.map(Timestamp::as_micros),
        new.rests_until.as_micros(),
        work.number,
    ];
    if engine.execute(sql, params)? == 0 {
        return Ok(false);
    }
    if let Some(before) = work.this_update {
        let sql = "DELETE FROM revoked_certificate WHERE ca = ?1 AND shard = ?2 AND not_after <= ?3";
        engine.execute(sql, params![ca, shard, before.as_micros()])?;
    }
    Ok(true)
}

fn part(row: &Row<'_>) -> Result<CrlPart, StoreError> {
    let ca = row.text(0)?;
    let place = Place {
        table: TABLE,
        key: &ca,
    };
    Ok(CrlPart {
        ca: CaId::parse(&ca).ok_or(place.inconsistent("ca"))?,
        shard: u32::try_from(row.int(1)?).map_err(|_| place.inconsistent("shard"))?,
    })
}

fn stored(row: &Row<'_>, der: Option<Vec<u8>>) -> Result<StoredCrl, StoreError> {
    Ok(StoredCrl {
        part: part(row)?,
        number: row.int(2)?,
        this_update: row.opt_int(3)?.map(Timestamp::from_micros),
        next_update: row.opt_int(4)?.map(Timestamp::from_micros),
        der,
        entries: row.int(5)?,
        untold: row.int(6)? - row.int(7)?,
        is_last: row.opt_int(8)?.is_none(),
    })
}

fn revoked_entry(part: &CrlPart, row: &Row<'_>) -> Result<RevokedEntry, StoreError> {
    let place = Place {
        table: "revoked_certificate",
        key: part.ca.as_str(),
    };
    let reason = RevocationReason::parse(&row.text(2)?);
    Ok(RevokedEntry {
        serial: SerialNumber::from_bytes(&row.blob(0)?).ok_or(place.inconsistent("serial"))?,
        revocation: Revocation {
            at: Timestamp::from_micros(row.int(1)?),
            reason: reason.ok_or(place.inconsistent("reason"))?,
        },
        not_after: Timestamp::from_micros(row.int(3)?),
    })
}
