use provost_model::registry::{CaId, CaState, SerialNumber};
use provost_pki::{CaIdentity, ShownLeaf};

use crate::convert::Place;
use crate::sql::{Param, Row, params};
use crate::{ReadTx, StoreError};

/// What became of a leaf under CAs of the Device Registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeafStanding {
    /// What it says of its device is what the registry has, and its CA was not revoked.
    Stands,
    /// Its device was revoked or deleted since, or a CA it rests on was revoked: whoever has that CA's key
    /// can make any number of leaves that no row tells of.
    Revoked,
}

/// What the registry knows of the names a chain shows, before it is known which path is right.
#[derive(Debug, Clone, Default)]
pub struct KnownIssuers {
    cas: Vec<KnownCa>,
    leaves: Vec<KnownLeaf>,
}

#[derive(Debug, Clone)]
struct KnownCa {
    id: CaId,
    identity: CaIdentity,
    state: CaState,
}

/// A leaf with the serial number shown.
#[derive(Debug, Clone)]
struct KnownLeaf {
    issuer: CaIdentity,
    key_sha256: Vec<u8>,
    standing: LeafStanding,
}

impl KnownIssuers {
    /// What became of a leaf; `None` when neither it nor a CA of its path is known to have been the registry's.
    ///
    /// CAs are told apart by subject and key, leaves by CA and serial number. Of a leaf shown without a path
    /// anybody may have written the issuer's name: it is the one with that serial number when it has its key.
    pub fn standing(&self, shown: &ShownLeaf) -> Option<LeafStanding> {
        let is_revoked = |ca: &KnownCa| ca.state == CaState::Revoked && shown.path.contains(&ca.identity);
        if self.cas.iter().any(is_revoked) {
            return Some(LeafStanding::Revoked);
        }
        let is_it = |leaf: &&KnownLeaf| match shown.path.first() {
            Some(issuer) => leaf.issuer == *issuer,
            None => leaf.key_sha256 == shown.key_sha256,
        };
        let found = self.leaves.iter().filter(is_it).map(|leaf| leaf.standing);
        found.max_by_key(|standing| *standing == LeafStanding::Revoked)
    }
}

const SQL: &str = "SELECT i.number, i.device_uuid, i.generation, d.uuid, d.generation, c.state, i.key_sha256 \
                   FROM issued_certificate i JOIN ca c ON c.id = i.ca \
                   LEFT JOIN registry_device d ON d.namespace = i.namespace AND d.name_key = i.device \
                   WHERE ";

impl ReadTx<'_> {
    /// What became of a leaf; `None` when no CA of the registry has to do with it. CRLs do not count, as
    /// nowhere at a hub (certificate-management.md 3.2).
    pub fn leaf_standing(&self, shown: &ShownLeaf) -> Result<Option<LeafStanding>, StoreError> {
        let mut subjects: Vec<_> = shown.path.iter().map(|ca| ca.subject_hash).collect();
        subjects.push(shown.issuer_hash);
        Ok(self.known_issuers(subjects, shown)?.standing(shown))
    }

    /// What is known of CAs whose subjects have these hashes, and of a leaf one of them may have issued.
    pub fn known_issuers(
        &self,
        mut subjects: Vec<[u8; 32]>,
        leaf: &ShownLeaf,
    ) -> Result<KnownIssuers, StoreError> {
        subjects.sort_unstable();
        subjects.dedup();
        let mut known = KnownIssuers {
            cas: self.cas_by_subject(&subjects)?,
            leaves: Vec::new(),
        };
        let Some(serial) = &leaf.serial else {
            return Ok(known);
        };
        for ca in &known.cas {
            if ca.identity.subject_hash == leaf.issuer_hash {
                known.leaves.extend(self.known_leaf(ca, serial)?);
            }
        }
        Ok(known)
    }

    fn cas_by_subject(&self, subjects: &[[u8; 32]]) -> Result<Vec<KnownCa>, StoreError> {
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (1..=subjects.len()).map(|place| format!("?{place}")).collect();
        let sql = format!(
            "SELECT id, subject_hash, key_sha256, state FROM ca WHERE subject_hash IN ({})",
            places.join(", ")
        );
        let params: Vec<Param<'_>> = subjects.iter().map(Param::from).collect();
        self.query(&sql, &params, known_ca)
    }

    fn known_leaf(&self, ca: &KnownCa, serial: &SerialNumber) -> Result<Option<KnownLeaf>, StoreError> {
        let sql = format!("{SQL} i.ca = ?1 AND i.serial = ?2");
        self.find(&sql, params![ca.id.as_str(), serial.as_bytes()], |row| {
            Ok(KnownLeaf {
                issuer: ca.identity,
                key_sha256: row.blob(6)?,
                standing: standing(row)?,
            })
        })
    }

    /// What became of a leaf by its place in the store.
    pub fn issued_standing(&self, number: i64) -> Result<Option<LeafStanding>, StoreError> {
        self.find(&format!("{SQL} i.number = ?1"), params![number], standing)
    }
}

fn known_ca(row: &Row<'_>) -> Result<KnownCa, StoreError> {
    let id = row.text(0)?;
    let place = Place {
        table: "ca",
        key: &id,
    };
    let wrong = |column| move || place.inconsistent(column);
    let hash = |column, bytes: Vec<u8>| bytes.try_into().map_err(|_| place.inconsistent(column));
    Ok(KnownCa {
        id: CaId::parse(&id).ok_or_else(wrong("id"))?,
        identity: CaIdentity {
            subject_hash: hash("subject_hash", row.blob(1)?)?,
            key_sha256: hash("key_sha256", row.blob(2)?)?,
        },
        state: CaState::parse(&row.text(3)?).ok_or_else(wrong("state"))?,
    })
}

fn standing(row: &Row<'_>) -> Result<LeafStanding, StoreError> {
    let key = row.int(0)?.to_string();
    let place = Place {
        table: "ca",
        key: &key,
    };
    let issuer = CaState::parse(&row.text(5)?).ok_or_else(|| place.inconsistent("state"))?;
    let is_current = row.opt_text(3)? == Some(row.text(1)?) && row.opt_text(4)? == Some(row.text(2)?);
    Ok(if is_current && issuer != CaState::Revoked {
        LeafStanding::Stands
    } else {
        LeafStanding::Revoked
    })
}
