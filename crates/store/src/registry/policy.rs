use provost_model::registry::{CaId, CredentialPolicy};
use provost_model::{CredentialPolicyName, NamespaceName, Timestamp, Uuid};

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

const COLUMNS: &str =
    "namespace, name, uuid, validity_days, is_external, issuing, pending, created_at, updated_at";

impl ReadTx<'_> {
    /// One policy of a credential.
    pub fn credential_policy(
        &self,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Result<Option<CredentialPolicy>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM credential_policy WHERE namespace = ?1 AND name_key = ?2");
        self.find(&sql, params![namespace.key(), name.key()], policy)
    }

    /// Every policy of a namespace's credential, by name.
    pub fn credential_policies(
        &self,
        namespace: &NamespaceName,
    ) -> Result<Vec<CredentialPolicy>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM credential_policy WHERE namespace = ?1 ORDER BY name_key");
        self.query(&sql, params![namespace.key()], policy)
    }

    /// Every policy of every namespace.
    pub fn all_credential_policies(&self) -> Result<Vec<CredentialPolicy>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM credential_policy ORDER BY namespace, name_key");
        self.query(&sql, params![], policy)
    }
}

impl WriteTx<'_> {
    /// Stores a policy, over one of the same name.
    pub fn put_credential_policy(&self, policy: &CredentialPolicy) -> Result<(), StoreError> {
        let sql = "INSERT INTO credential_policy (namespace, name_key, name, uuid, validity_days, is_external, \
                   issuing, pending, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
                   ON CONFLICT (namespace, name_key) DO UPDATE SET validity_days = excluded.validity_days, \
                   issuing = excluded.issuing, pending = excluded.pending, updated_at = excluded.updated_at";
        let uuid = policy.uuid.to_string();
        let params = params![
            policy.namespace.key(),
            policy.name.key(),
            policy.name.as_str(),
            &uuid,
            i64::from(policy.validity_days),
            policy.is_external,
            policy.issuing.as_ref().map(CaId::as_str),
            policy.pending.as_ref().map(CaId::as_str),
            policy.created_at.as_micros(),
            policy.updated_at.as_micros(),
        ];
        self.registry_changes();
        self.execute(sql, params).map(|_| ())
    }

    /// Removes a policy; `false` when there was none. Its CAs stay, for what they signed.
    pub fn delete_credential_policy(
        &self,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM credential_policy WHERE namespace = ?1 AND name_key = ?2";
        self.registry_changes();
        Ok(self.execute(sql, params![namespace.key(), name.key()])? > 0)
    }
}

fn policy(row: &Row<'_>) -> Result<CredentialPolicy, StoreError> {
    let name = row.text(1)?;
    let place = Place {
        table: "credential_policy",
        key: &name,
    };
    let ca = |column, text: Option<String>| match text {
        None => Ok(None),
        Some(text) => CaId::parse(&text)
            .map(Some)
            .ok_or_else(|| place.inconsistent(column)),
    };
    Ok(CredentialPolicy {
        namespace: place.id("namespace", NamespaceName::parse(&row.text(0)?))?,
        name: place.id("name", CredentialPolicyName::parse(&name))?,
        uuid: Uuid::parse(&row.text(2)?).ok_or_else(|| place.inconsistent("uuid"))?,
        validity_days: u32::try_from(row.int(3)?).map_err(|_| place.inconsistent("validity_days"))?,
        is_external: row.flag(4)?,
        issuing: ca("issuing", row.opt_text(5)?)?,
        pending: ca("pending", row.opt_text(6)?)?,
        created_at: Timestamp::from_micros(row.int(7)?),
        updated_at: Timestamp::from_micros(row.int(8)?),
    })
}
