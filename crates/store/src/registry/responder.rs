//! What the OCSP responder needs: who answers for a CA, and what became of a certificate.

use provost_model::registry::{
    Ca, CaId, DelegatedResponder, KeyIntent, KeyOwner, KeyRef, ResponderState, Revocation, RevocationReason,
    SerialNumber,
};
use provost_model::{CertificateDer, Timestamp};

use super::ca;
use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

const COLUMNS: &str = "ca, serial, key_ref, state, certificate, not_before, not_after, created_at";

/// What became of a leaf that was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafStatus {
    /// That it was revoked.
    pub revoked: Option<Revocation>,
}

impl ReadTx<'_> {
    /// What became of a leaf of a CA; `None` when it was never issued: unknown, intended or given up.
    pub fn leaf_status(&self, ca: &CaId, serial: &SerialNumber) -> Result<Option<LeafStatus>, StoreError> {
        let sql = "SELECT revoked_at, reason FROM issued_certificate WHERE ca = ?1 AND serial = ?2";
        self.find(sql, params![ca.as_str(), serial.as_bytes()], |row| {
            let Some(at) = row.opt_int(0)? else {
                return Ok(LeafStatus { revoked: None });
            };
            let place = Place {
                table: "issued_certificate",
                key: ca.as_str(),
            };
            let reason = RevocationReason::parse(&row.opt_text(1)?.unwrap_or_default());
            Ok(LeafStatus {
                revoked: Some(Revocation {
                    at: Timestamp::from_micros(at),
                    reason: reason.ok_or_else(|| place.inconsistent("reason"))?,
                }),
            })
        })
    }

    /// The CAs a root signed, oldest first.
    pub fn cas_under(&self, root: &CaId) -> Result<Vec<Ca>, StoreError> {
        let sql = format!(
            "SELECT {} FROM ca WHERE parent = ?1 ORDER BY created_at, id",
            ca::COLUMNS
        );
        self.query(&sql, params![root.as_str()], ca::ca)
    }

    /// Who answers for a CA: the active one that is valid for the longest.
    pub fn ocsp_responder(&self, ca: &CaId) -> Result<Option<DelegatedResponder>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM ocsp_responder WHERE ca = ?1 AND state = 'active' \
             ORDER BY not_after DESC, created_at DESC, serial LIMIT 1"
        );
        self.find(&sql, params![ca.as_str()], responder)
    }

    /// Whether a CA that may sign, with its key here, has nobody who answers for it: one statement, for who is
    /// woken often.
    pub fn is_responder_missing(&self, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM ca WHERE state IN ('spare', 'active', 'retired') AND certificate IS NOT NULL \
                   AND not_after > ?1 AND key_ref <> ?2 AND NOT EXISTS (SELECT 1 FROM ocsp_responder \
                   WHERE ocsp_responder.ca = ca.id AND ocsp_responder.state = 'active') LIMIT 1";
        let offline = KeyRef::offline();
        let found = self.find(sql, params![now.as_micros(), &offline.0], |_| Ok(()))?;
        Ok(found.is_some())
    }

    /// Every responder in a state.
    pub fn ocsp_responders_in_state(
        &self,
        state: ResponderState,
    ) -> Result<Vec<DelegatedResponder>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM ocsp_responder WHERE state = ?1 ORDER BY not_after, ca, serial");
        self.query(&sql, params![state.as_str()], responder)
    }
}

impl AppendTx<'_> {
    /// Writes down who is about to get a certificate. `false`, and nothing written, when another one of the
    /// CA has been intended since `since`, or the one it is to follow is not the one that answers.
    pub fn intend_responder(
        &self,
        new: &DelegatedResponder,
        follows: Option<&SerialNumber>,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let read = self.read();
        let answering = read.ocsp_responder(&new.ca)?.map(|answering| answering.serial);
        let sql = "SELECT COUNT(*) FROM ocsp_responder WHERE ca = ?1 AND state = 'intended' \
                   AND created_at >= ?2";
        let intended = read.count(sql, params![new.ca.as_str(), since.as_micros()])?;
        if answering.as_ref() != follows || intended > 0 {
            return Ok(false);
        }
        let sql = "INSERT INTO ocsp_responder (ca, serial, key_ref, state, not_before, not_after, created_at) \
                   VALUES (?1, ?2, ?3, 'intended', ?4, ?5, ?6)";
        let params = params![
            new.ca.as_str(),
            new.serial.as_bytes(),
            &new.key.0,
            new.not_before.as_micros(),
            new.not_after.as_micros(),
            new.created_at.as_micros(),
        ];
        self.execute(sql, params)?;
        Ok(true)
    }

    /// Gives up one that was intended; its key is to be destroyed. `false`, and nothing written, when it is not
    /// intended any more.
    pub fn give_up_responder(
        &self,
        intended: &DelegatedResponder,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let DelegatedResponder { ca, serial, .. } = intended;
        let sql = "DELETE FROM ocsp_responder WHERE ca = ?1 AND serial = ?2 AND state = 'intended'";
        if self.execute(sql, params![ca.as_str(), serial.as_bytes()])? == 0 {
            return Ok(false);
        }
        // A CA is never forgotten.
        if let Some(of) = self.read().ca(ca)? {
            let intent = KeyIntent {
                key: intended.key.clone(),
                owner: KeyOwner::OcspResponder,
                ca: of.id,
                namespace: of.namespace,
                policy: of.policy,
                serial: Some(serial.clone()),
                created_at: intended.created_at,
            };
            self.put_key_intent(&intent, "givenUp", now)?;
        }
        Ok(true)
    }

    /// Forgets those that ended and whose certificates have expired. Returns how many.
    pub fn prune_ended_responders(&self, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM ocsp_responder WHERE state = 'ended' AND not_after < ?1";
        self.execute(sql, params![now.as_micros()])
    }
}

impl WriteTx<'_> {
    /// Turns an intended responder into one that answers; `false` when it is not intended any more.
    pub fn complete_responder(
        &self,
        ca: &CaId,
        serial: &SerialNumber,
        certificate: &CertificateDer,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE ocsp_responder SET state = 'active', certificate = ?3 WHERE ca = ?1 AND serial = ?2 \
                   AND state = 'intended'";
        let params = params![ca.as_str(), serial.as_bytes(), certificate.0.as_slice()];
        Ok(self.execute(sql, params)? > 0)
    }

    /// Writes down that the key of an active responder is gone; `false` when it is not active.
    pub fn end_responder(&self, ca: &CaId, serial: &SerialNumber) -> Result<bool, StoreError> {
        let sql =
            "UPDATE ocsp_responder SET state = 'ended' WHERE ca = ?1 AND serial = ?2 AND state = 'active'";
        Ok(self.execute(sql, params![ca.as_str(), serial.as_bytes()])? > 0)
    }
}

fn responder(row: &Row<'_>) -> Result<DelegatedResponder, StoreError> {
    let ca = row.text(0)?;
    let place = Place {
        table: "ocsp_responder",
        key: &ca,
    };
    let wrong = |column| move || place.inconsistent(column);
    Ok(DelegatedResponder {
        ca: CaId::parse(&ca).ok_or_else(wrong("ca"))?,
        serial: SerialNumber::from_bytes(&row.blob(1)?).ok_or_else(wrong("serial"))?,
        key: KeyRef(row.text(2)?),
        state: ResponderState::parse(&row.text(3)?).ok_or_else(wrong("state"))?,
        certificate: row.opt_blob(4)?.map(CertificateDer),
        not_before: Timestamp::from_micros(row.int(5)?),
        not_after: Timestamp::from_micros(row.int(6)?),
        created_at: Timestamp::from_micros(row.int(7)?),
    })
}
