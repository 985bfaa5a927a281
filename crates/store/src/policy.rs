use provost_model::{AccessPolicy, AccessRights, PolicyName, PolicyOwner};

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

const COLUMNS: &str = "name, primary_key, secondary_key, rights";

pub(crate) fn owner_text(owner: &PolicyOwner) -> String {
    match owner {
        PolicyOwner::Dps(name) => format!("dps:{}", name.key()),
        PolicyOwner::Hub(name) => format!("hub:{}", name.key()),
    }
}

impl ReadTx<'_> {
    /// One policy.
    pub fn access_policy(
        &self,
        owner: &PolicyOwner,
        name: &PolicyName,
    ) -> Result<Option<AccessPolicy>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM access_policy WHERE owner = ?1 AND name = ?2");
        self.find(&sql, params![&owner_text(owner), name.as_str()], policy)
    }

    /// Every policy of an owner, by name.
    pub fn access_policies(&self, owner: &PolicyOwner) -> Result<Vec<AccessPolicy>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM access_policy WHERE owner = ?1 ORDER BY name");
        self.query(&sql, params![&owner_text(owner)], policy)
    }
}

impl WriteTx<'_> {
    /// Stores a policy, replacing one of the same name.
    pub fn put_access_policy(&self, owner: &PolicyOwner, policy: &AccessPolicy) -> Result<(), StoreError> {
        let sql = "INSERT INTO access_policy (owner, name, primary_key, secondary_key, rights) \
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (owner, name) DO UPDATE SET \
                   primary_key = excluded.primary_key, secondary_key = excluded.secondary_key, \
                   rights = excluded.rights";
        let rights = policy.rights.to_string();
        let owner = owner_text(owner);
        let params = params![
            &owner,
            policy.name.as_str(),
            policy.keys.primary.as_bytes(),
            policy.keys.secondary.as_bytes(),
            &rights,
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Removes a policy; `false` when there was none.
    pub fn delete_access_policy(&self, owner: &PolicyOwner, name: &PolicyName) -> Result<bool, StoreError> {
        let sql = "DELETE FROM access_policy WHERE owner = ?1 AND name = ?2";
        Ok(self.execute(sql, params![&owner_text(owner), name.as_str()])? > 0)
    }
}

fn policy(row: &Row<'_>) -> Result<AccessPolicy, StoreError> {
    let name = row.text(0)?;
    let place = Place {
        table: "access_policy",
        key: &name,
    };
    Ok(AccessPolicy {
        name: place.id("name", PolicyName::parse(&name))?,
        keys: place.key_pair(row.opt_blob(1)?, row.opt_blob(2)?)?,
        rights: AccessRights::parse(&row.text(3)?).ok_or_else(|| place.inconsistent("rights"))?,
    })
}
