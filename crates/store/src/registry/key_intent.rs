//! Keys that are about to be made, until what they are for is written down or given up.
//!
//! Whoever completes a CA takes its intent away in the same transaction, and whoever gives it up moves it in a
//! transaction of its own. Writers stand in one line, so one of the two finds the row as the other left it: no
//! key is destroyed of a CA whose commit was only not answered.

use provost_model::registry::{Ca, CaId, KeyIntent, KeyOwner, KeyRef, SerialNumber};
use provost_model::{CredentialPolicyName, NamespaceName, Timestamp};

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

const COLUMNS: &str = "key_ref, owner_kind, ca, namespace, policy, serial, created_at, changed_at";

/// A key whose CA was given up: it is to be destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUpKey {
    /// What it was to be.
    pub intent: KeyIntent,
    /// When it was given up.
    pub since: Timestamp,
}

impl ReadTx<'_> {
    /// Keys that were given up and are not yet destroyed for good, the oldest first.
    pub fn given_up_keys(&self) -> Result<Vec<GivenUpKey>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM key_intent WHERE state = 'givenUp' ORDER BY changed_at, key_ref");
        self.query(&sql, params![], given_up)
    }

    /// Every key that something here has or is about to have: of CAs whose keys were not destroyed, of OCSP
    /// responders that have not ended, and those that are intended.
    pub fn keys_in_use(&self) -> Result<Vec<KeyRef>, StoreError> {
        let sql = "SELECT key_ref FROM ca WHERE key_destroyed_at IS NULL AND key_ref <> ?1 \
                   UNION SELECT key_ref FROM ocsp_responder WHERE state <> 'ended' \
                   UNION SELECT key_ref FROM key_intent WHERE state = 'intended'";
        let offline = KeyRef::offline();
        self.query(sql, params![&offline.0], |row| Ok(KeyRef(row.text(0)?)))
    }
}

impl AppendTx<'_> {
    /// Writes down which key is about to be made, and for what.
    pub fn intend_key(&self, intent: &KeyIntent) -> Result<(), StoreError> {
        self.put_key_intent(intent, "intended", intent.created_at)
    }

    /// Gives up a key whose CA was not written down; its key is to be destroyed. `false`, and nothing written,
    /// when the CA stands all the same. It does not matter whether its intent is still there.
    pub fn give_up_key(&self, intent: &KeyIntent, now: Timestamp) -> Result<bool, StoreError> {
        if self.read().ca_state(&intent.ca)?.is_some() {
            return Ok(false);
        }
        self.put_key_intent(intent, "givenUp", now)?;
        Ok(true)
    }

    /// Gives up every key that was intended before an instant and never completed: a process that ended in
    /// between left it. Returns how many.
    pub fn give_up_keys_intended(&self, before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "UPDATE key_intent SET state = 'givenUp', changed_at = ?2 \
                   WHERE state = 'intended' AND created_at < ?1";
        self.execute(sql, params![before.as_micros(), now.as_micros()])
    }

    pub(super) fn put_key_intent(
        &self,
        intent: &KeyIntent,
        state: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO key_intent (key_ref, owner_kind, ca, namespace, policy, serial, state, created_at, \
                   changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
                   ON CONFLICT (key_ref) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at";
        let params = params![
            &intent.key.0,
            intent.owner.as_str(),
            intent.ca.as_str(),
            intent.namespace.key(),
            intent.policy.as_ref().map(CredentialPolicyName::key),
            intent.serial.as_ref().map(SerialNumber::as_bytes),
            state,
            intent.created_at.as_micros(),
            now.as_micros(),
        ];
        self.execute(sql, params).map(|_| ())
    }
}

impl WriteTx<'_> {
    /// Stores a new CA in the place of its intent. `false`, and nothing written, when the intent is not there
    /// any more: it was given up, and its key may be gone.
    pub fn complete_ca(&self, ca: &Ca) -> Result<bool, StoreError> {
        let sql = "DELETE FROM key_intent WHERE key_ref = ?1 AND ca = ?2 AND state = 'intended'";
        if self.execute(sql, params![&ca.key.0, ca.id.as_str()])? == 0 {
            return Ok(false);
        }
        self.insert_ca(ca)?;
        Ok(true)
    }

    /// Forgets a key that was given up. Destroy it before. `false` when it is not there.
    pub fn forget_given_up_key(&self, key: &KeyRef) -> Result<bool, StoreError> {
        let sql = "DELETE FROM key_intent WHERE key_ref = ?1 AND state = 'givenUp'";
        Ok(self.execute(sql, params![&key.0])? > 0)
    }
}

fn given_up(row: &Row<'_>) -> Result<GivenUpKey, StoreError> {
    let key = row.text(0)?;
    let place = Place {
        table: "key_intent",
        key: &key,
    };
    let wrong = |column| move || place.inconsistent(column);
    let policy = |name: String| place.id("policy", CredentialPolicyName::parse(&name));
    let serial = |bytes: Vec<u8>| SerialNumber::from_bytes(&bytes).ok_or_else(wrong("serial"));
    Ok(GivenUpKey {
        since: Timestamp::from_micros(row.int(7)?),
        intent: KeyIntent {
            owner: KeyOwner::parse(&row.text(1)?).ok_or_else(wrong("owner_kind"))?,
            ca: CaId::parse(&row.text(2)?).ok_or_else(wrong("ca"))?,
            namespace: place.id("namespace", NamespaceName::parse(&row.text(3)?))?,
            policy: row.opt_text(4)?.map(policy).transpose()?,
            serial: row.opt_blob(5)?.map(serial).transpose()?,
            created_at: Timestamp::from_micros(row.int(6)?),
            key: KeyRef(key),
        },
    })
}
