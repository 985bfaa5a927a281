use provost_model::registry::Namespace;
use provost_model::{NamespaceName, PageSize, Timestamp, Uuid};

use crate::convert::{Place, json};
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

const COLUMNS: &str = "name, uuid, location, tags, document, created_at, updated_at";

impl ReadTx<'_> {
    /// The namespace of this name.
    pub fn namespace(&self, name: &NamespaceName) -> Result<Option<Namespace>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM namespace WHERE name_key = ?1");
        self.find(&sql, params![name.key()], namespace)
    }

    /// Namespaces in order of their names, beginning after `after`.
    pub fn namespaces(
        &self,
        after: Option<&NamespaceName>,
        page: PageSize,
    ) -> Result<Vec<Namespace>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM namespace WHERE name_key > ?1 ORDER BY name_key LIMIT ?2");
        let after = after.map(NamespaceName::key).unwrap_or_default();
        let limit = i64::try_from(page.get()).unwrap_or(i64::MAX);
        self.query(&sql, params![after, limit], namespace)
    }
}

impl WriteTx<'_> {
    /// Stores a namespace, over one of the same name, whose UUID and beginning stay.
    pub fn put_namespace(&self, namespace: &Namespace) -> Result<(), StoreError> {
        let sql = "INSERT INTO namespace (name_key, name, uuid, location, tags, document, created_at, updated_at) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (name_key) DO UPDATE SET \
                   location = excluded.location, tags = excluded.tags, document = excluded.document, \
                   updated_at = excluded.updated_at";
        let (tags, document) = (json(&namespace.tags), json(&namespace.document));
        let uuid = namespace.uuid.to_string();
        let params = params![
            namespace.name.key(),
            namespace.name.as_str(),
            &uuid,
            &namespace.location,
            &tags,
            &document,
            namespace.created_at.as_micros(),
            namespace.updated_at.as_micros(),
        ];
        self.registry_changes();
        self.execute(sql, params).map(|_| ())
    }

    /// Removes a namespace with its links and its devices. What its CAs signed, the CAs and the traces of
    /// its operations stay. The caller has seen that it has no credential.
    pub fn delete_namespace(&self, name: &NamespaceName) -> Result<bool, StoreError> {
        self.registry_changes();
        for table in ["namespace_link", "registry_device"] {
            let sql = format!("DELETE FROM {table} WHERE namespace = ?1");
            self.execute(&sql, params![name.key()])?;
        }
        let sql = "DELETE FROM namespace WHERE name_key = ?1";
        Ok(self.execute(sql, params![name.key()])? > 0)
    }
}

fn namespace(row: &Row<'_>) -> Result<Namespace, StoreError> {
    let name = row.text(0)?;
    let place = Place {
        table: "namespace",
        key: &name,
    };
    Ok(Namespace {
        name: place.id("name", NamespaceName::parse(&name))?,
        uuid: Uuid::parse(&row.text(1)?).ok_or_else(|| place.inconsistent("uuid"))?,
        location: row.text(2)?,
        tags: place.object("tags", &row.text(3)?)?,
        document: place.object("document", &row.text(4)?)?,
        created_at: Timestamp::from_micros(row.int(5)?),
        updated_at: Timestamp::from_micros(row.int(6)?),
    })
}
