use provost_model::registry::{Ca, CaId, CaRole, CaState, KeyRef};
use provost_model::{CertificateDer, CredentialPolicyName, NamespaceName, Timestamp};
use provost_pki::{CaIdentity, Certificate};

use super::certificates;
use crate::convert::Place;
use crate::engine::Engine;
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

pub(super) const COLUMNS: &str = "id, namespace, policy, role, parent, state, key_ref, subject, signing_request, certificate, \
                       issuers, not_before, not_after, shards, created_at, changed_at";

impl ReadTx<'_> {
    /// One CA.
    pub fn ca(&self, id: &CaId) -> Result<Option<Ca>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM ca WHERE id = ?1");
        self.find(&sql, params![id.as_str()], ca)
    }

    /// Every CA a namespace ever had, oldest first.
    pub fn cas(&self, namespace: &NamespaceName) -> Result<Vec<Ca>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM ca WHERE namespace = ?1 ORDER BY created_at, id");
        self.query(&sql, params![namespace.key()], ca)
    }

    /// What a CA may do now, without the rest of it.
    pub fn ca_state(&self, id: &CaId) -> Result<Option<CaState>, StoreError> {
        let sql = "SELECT state FROM ca WHERE id = ?1";
        self.find(sql, params![id.as_str()], |row| {
            let place = Place {
                table: "ca",
                key: id.as_str(),
            };
            CaState::parse(&row.text(0)?).ok_or_else(|| place.inconsistent("state"))
        })
    }

    /// The IDs of every CA of a namespace, without what they are.
    pub(super) fn ca_ids(&self, namespace: &NamespaceName) -> Result<Vec<CaId>, StoreError> {
        let sql = "SELECT id FROM ca WHERE namespace = ?1 ORDER BY created_at, id";
        self.query(sql, params![namespace.key()], |row| {
            let id = row.text(0)?;
            let place = Place {
                table: "ca",
                key: &id,
            };
            CaId::parse(&id).ok_or_else(|| place.inconsistent("id"))
        })
    }

    /// Every root that ever was, of every namespace, oldest first.
    pub fn root_cas(&self) -> Result<Vec<Ca>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM ca WHERE role = ?1 ORDER BY created_at, id");
        self.query(&sql, params![CaRole::Root.as_str()], ca)
    }

    /// Every CA in a state, by the end of its certificate.
    pub fn cas_in_state(&self, state: CaState) -> Result<Vec<Ca>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM ca WHERE state = ?1 ORDER BY not_after, id");
        self.query(&sql, params![state.as_str()], ca)
    }
}

impl WriteTx<'_> {
    /// Stores a new CA.
    pub fn insert_ca(&self, ca: &Ca) -> Result<(), StoreError> {
        let sql = "INSERT INTO ca (id, namespace, policy, role, parent, state, key_ref, subject, signing_request, \
                   certificate, issuers, not_before, not_after, shards, created_at, changed_at, subject_hash, key_sha256) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
        let issuers = certificates::join(&ca.issuers);
        let identity = identity(ca);
        let params = params![
            ca.id.as_str(),
            ca.namespace.key(),
            ca.policy.as_ref().map(CredentialPolicyName::key),
            ca.role.as_str(),
            ca.parent.as_ref().map(CaId::as_str),
            ca.state.as_str(),
            &ca.key.0,
            &ca.subject,
            ca.signing_request.as_deref(),
            ca.certificate.as_ref().map(|der| der.0.as_slice()),
            issuers.as_slice(),
            ca.not_before.map(Timestamp::as_micros),
            ca.not_after.map(Timestamp::as_micros),
            i64::from(ca.shards),
            ca.created_at.as_micros(),
            ca.changed_at.as_micros(),
            identity.as_ref().map(|identity| identity.subject_hash.as_slice()),
            identity.as_ref().map(|identity| identity.key_sha256.as_slice()),
        ];
        self.registry_changes();
        self.execute(sql, params).map(|_| ())
    }

    /// Writes what changes of a CA: its state, its certificate and what stands above. `false` when there
    /// is none of its name.
    pub fn update_ca(&self, ca: &Ca) -> Result<bool, StoreError> {
        let sql = "UPDATE ca SET state = ?2, parent = ?3, subject = ?4, certificate = ?5, issuers = ?6, \
                   not_before = ?7, not_after = ?8, changed_at = ?9, subject_hash = ?10, key_sha256 = ?11 \
                   WHERE id = ?1";
        let issuers = certificates::join(&ca.issuers);
        let identity = identity(ca);
        let params = params![
            ca.id.as_str(),
            ca.state.as_str(),
            ca.parent.as_ref().map(CaId::as_str),
            &ca.subject,
            ca.certificate.as_ref().map(|der| der.0.as_slice()),
            issuers.as_slice(),
            ca.not_before.map(Timestamp::as_micros),
            ca.not_after.map(Timestamp::as_micros),
            ca.changed_at.as_micros(),
            identity.as_ref().map(|identity| identity.subject_hash.as_slice()),
            identity.as_ref().map(|identity| identity.key_sha256.as_slice()),
        ];
        self.registry_changes();
        Ok(self.execute(sql, params)? > 0)
    }

    /// Moves a CA to another state. `false`, and nothing is written, when it may not go there from where it
    /// is, or is not there.
    pub fn set_ca_state(&self, id: &CaId, state: CaState, now: Timestamp) -> Result<bool, StoreError> {
        let Some(mut ca) = self.ca(id)? else {
            return Ok(false);
        };
        if !ca.state.may_become(state) {
            return Ok(false);
        }
        ca.state = state;
        ca.changed_at = now;
        self.update_ca(&ca)
    }
}

/// What a CA is recognised by in a path. One that cannot be read stands in none.
fn identity(ca: &Ca) -> Option<CaIdentity> {
    identity_of(&ca.certificate.as_ref()?.0)
}

fn identity_of(der: &[u8]) -> Option<CaIdentity> {
    let certificate = Certificate::from_der(der).ok()?;
    Some(certificate.ca_identity())
}

/// Notes what CAs are recognised by of which it is not noted: their rows or certificates came from another
/// database.
pub(crate) fn identify(engine: Engine<'_>) -> Result<(), StoreError> {
    let sql = "SELECT id, certificate FROM ca WHERE certificate IS NOT NULL AND subject_hash IS NULL";
    for (id, der) in engine.query(sql, &[], |row| Ok((row.text(0)?, row.blob(1)?)))? {
        if let Some(identity) = identity_of(&der) {
            let sql = "UPDATE ca SET subject_hash = ?2, key_sha256 = ?3 WHERE id = ?1";
            engine.execute(sql, params![&id, &identity.subject_hash, &identity.key_sha256])?;
        }
    }
    Ok(())
}

pub(super) fn ca(row: &Row<'_>) -> Result<Ca, StoreError> {
    let id = row.text(0)?;
    let place = Place {
        table: "ca",
        key: &id,
    };
    let wrong = |column| move || place.inconsistent(column);
    let policy = |name: String| place.id("policy", CredentialPolicyName::parse(&name));
    let parent = |id: String| CaId::parse(&id).ok_or_else(wrong("parent"));
    Ok(Ca {
        id: CaId::parse(&id).ok_or_else(wrong("id"))?,
        namespace: place.id("namespace", NamespaceName::parse(&row.text(1)?))?,
        policy: row.opt_text(2)?.map(policy).transpose()?,
        role: CaRole::parse(&row.text(3)?).ok_or_else(wrong("role"))?,
        parent: row.opt_text(4)?.map(parent).transpose()?,
        state: CaState::parse(&row.text(5)?).ok_or_else(wrong("state"))?,
        key: KeyRef(row.text(6)?),
        subject: row.text(7)?,
        signing_request: row.opt_blob(8)?,
        certificate: row.opt_blob(9)?.map(CertificateDer),
        issuers: certificates::split(&row.blob(10)?).ok_or_else(wrong("issuers"))?,
        not_before: row.opt_int(11)?.map(Timestamp::from_micros),
        not_after: row.opt_int(12)?.map(Timestamp::from_micros),
        shards: u32::try_from(row.int(13)?).map_err(|_| place.inconsistent("shards"))?,
        created_at: Timestamp::from_micros(row.int(14)?),
        changed_at: Timestamp::from_micros(row.int(15)?),
    })
}
