use provost_model::Timestamp;

use crate::sql::params;
use crate::{ReadTx, StoreError, WriteTx};

/// An admin token as stored: only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminTokenRow {
    /// SHA-256 of the token's text.
    pub hash: [u8; 32],
    /// Who it was made for.
    pub name: String,
    /// `owner`; further roles come with the Device Registry.
    pub role: String,
    /// When.
    pub created_at: Timestamp,
}

impl ReadTx<'_> {
    /// The token with this hash.
    pub fn admin_token(&self, hash: &[u8; 32]) -> Result<Option<AdminTokenRow>, StoreError> {
        self.find(
            "SELECT name, role, created_at FROM admin_token WHERE hash = ?1",
            params![hash],
            |row| {
                Ok(AdminTokenRow {
                    hash: *hash,
                    name: row.text(0)?,
                    role: row.text(1)?,
                    created_at: Timestamp::from_micros(row.int(2)?),
                })
            },
        )
    }
}

impl WriteTx<'_> {
    /// Stores a new token.
    pub fn insert_admin_token(&self, token: &AdminTokenRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO admin_token (hash, name, role, created_at) VALUES (?1, ?2, ?3, ?4)";
        let params = params![
            &token.hash,
            &token.name,
            &token.role,
            token.created_at.as_micros()
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Removes every token of this name; returns how many there were.
    pub fn delete_admin_tokens(&self, name: &str) -> Result<u64, StoreError> {
        self.execute("DELETE FROM admin_token WHERE name = ?1", params![name])
    }
}
