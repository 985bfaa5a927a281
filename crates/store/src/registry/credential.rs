use provost_model::registry::{CaId, Credential};
use provost_model::{NamespaceName, Timestamp};

use crate::convert::{Place, json};
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

impl ReadTx<'_> {
    /// The credential of a namespace.
    pub fn registry_credential(&self, namespace: &NamespaceName) -> Result<Option<Credential>, StoreError> {
        let sql = "SELECT namespace, location, tags, root, created_at, updated_at FROM credential \
                   WHERE namespace = ?1";
        self.find(sql, params![namespace.key()], credential)
    }
}

impl WriteTx<'_> {
    /// Stores a credential, over the one its namespace has; root and beginning of that stay.
    pub fn put_registry_credential(&self, credential: &Credential) -> Result<(), StoreError> {
        let sql = "INSERT INTO credential (namespace, location, tags, root, created_at, updated_at) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (namespace) DO UPDATE SET \
                   location = excluded.location, tags = excluded.tags, updated_at = excluded.updated_at";
        let tags = json(&credential.tags);
        let params = params![
            credential.namespace.key(),
            &credential.location,
            &tags,
            credential.root.as_str(),
            credential.created_at.as_micros(),
            credential.updated_at.as_micros(),
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Removes a credential; `false` when there was none. Its root stays, for what it signed.
    pub fn delete_registry_credential(&self, namespace: &NamespaceName) -> Result<bool, StoreError> {
        let sql = "DELETE FROM credential WHERE namespace = ?1";
        Ok(self.execute(sql, params![namespace.key()])? > 0)
    }
}

fn credential(row: &Row<'_>) -> Result<Credential, StoreError> {
    let namespace = row.text(0)?;
    let place = Place {
        table: "credential",
        key: &namespace,
    };
    Ok(Credential {
        namespace: place.id("namespace", NamespaceName::parse(&namespace))?,
        location: row.text(1)?,
        tags: place.object("tags", &row.text(2)?)?,
        root: CaId::parse(&row.text(3)?).ok_or_else(|| place.inconsistent("root"))?,
        created_at: Timestamp::from_micros(row.int(4)?),
        updated_at: Timestamp::from_micros(row.int(5)?),
    })
}
