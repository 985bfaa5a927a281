use provost_model::{NamespaceName, Timestamp};

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

/// An admin token as stored: only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminTokenRow {
    /// SHA-256 of the token's text.
    pub hash: [u8; 32],
    /// Who it was made for.
    pub name: String,
    /// One role, or several with commas between.
    pub role: String,
    /// The namespace the roles count for; `None` for everything.
    pub namespace: Option<NamespaceName>,
    /// When.
    pub created_at: Timestamp,
}

impl ReadTx<'_> {
    /// The token with this hash.
    pub fn admin_token(&self, hash: &[u8; 32]) -> Result<Option<AdminTokenRow>, StoreError> {
        let sql = "SELECT hash, name, role, namespace, created_at FROM admin_token WHERE hash = ?1";
        self.find(sql, params![hash], row)
    }

    /// Every token, by name.
    pub fn admin_tokens(&self) -> Result<Vec<AdminTokenRow>, StoreError> {
        let sql =
            "SELECT hash, name, role, namespace, created_at FROM admin_token ORDER BY name, created_at, hash";
        self.query(sql, params![], row)
    }
}

impl WriteTx<'_> {
    /// Stores a new token.
    pub fn insert_admin_token(&self, token: &AdminTokenRow) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO admin_token (hash, name, role, namespace, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";
        let params = params![
            &token.hash,
            &token.name,
            &token.role,
            token.namespace.as_ref().map(NamespaceName::as_str),
            token.created_at.as_micros()
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Removes every token of this name; returns how many there were.
    pub fn delete_admin_tokens(&self, name: &str) -> Result<u64, StoreError> {
        self.execute("DELETE FROM admin_token WHERE name = ?1", params![name])
    }
}

fn row(row: &Row<'_>) -> Result<AdminTokenRow, StoreError> {
    let name = row.text(1)?;
    let place = Place {
        table: "admin_token",
        key: &name,
    };
    let namespace = row.opt_text(3)?.map(|text| NamespaceName::parse(&text));
    Ok(AdminTokenRow {
        hash: row.blob(0)?.try_into().map_err(|_| place.inconsistent("hash"))?,
        role: row.text(2)?,
        namespace: namespace
            .map(|parsed| place.id("namespace", parsed))
            .transpose()?,
        created_at: Timestamp::from_micros(row.int(4)?),
        name,
    })
}
