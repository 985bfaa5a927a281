use provost_model::registry::CaState;

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError};

/// What became of a leaf that a CA of the Device Registry issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeafStanding {
    /// What it says of its device is what the registry has, and its CA was not revoked.
    Stands,
    /// Its device was revoked or deleted since, or its CA was revoked.
    Revoked,
}

const SQL: &str = "SELECT i.number, i.device_uuid, i.generation, d.uuid, d.generation, c.state \
                   FROM issued_certificate i JOIN ca c ON c.id = i.ca \
                   LEFT JOIN registry_device d ON d.namespace = i.namespace AND d.name_key = i.device \
                   WHERE ";

impl ReadTx<'_> {
    /// What became of the leaf with this SHA-256; `None` when no CA of the registry issued it. CRLs do not
    /// count, as nowhere at a hub (certificate-management.md 3.2).
    pub fn leaf_standing(&self, sha256: &[u8; 32]) -> Result<Option<LeafStanding>, StoreError> {
        self.find(&format!("{SQL} i.sha256 = ?1"), params![sha256], standing)
    }

    /// The same by its place in the store.
    pub fn issued_standing(&self, number: i64) -> Result<Option<LeafStanding>, StoreError> {
        self.find(&format!("{SQL} i.number = ?1"), params![number], standing)
    }
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
