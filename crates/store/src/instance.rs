use provost_model::{DpsInstance, DpsName, Etag, HostName, HubName, IdScope, LinkedHub, Secret, Timestamp};

use crate::convert::{Place, allocation, allocation_word};
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

const COLUMNS: &str = "name, id_scope, host, allocation, operation_key, etag, created_at, trust_version";

impl ReadTx<'_> {
    /// The instance devices reach under this ID scope.
    pub fn dps_by_id_scope(&self, scope: &IdScope) -> Result<Option<DpsInstance>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM dps WHERE id_scope_key = ?1");
        self.find(&sql, params![scope.key()], instance)
    }

    /// The instance of this name.
    pub fn dps(&self, name: &DpsName) -> Result<Option<DpsInstance>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM dps WHERE name_key = ?1");
        self.find(&sql, params![name.key()], instance)
    }

    /// See [`DpsInstance::trust_version`]; `None` when the instance is gone.
    pub fn trust_version(&self, dps: &DpsName) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT trust_version FROM dps WHERE name_key = ?1";
        self.find(sql, params![dps.key()], |row| row.int(0))
    }

    /// Every instance, by name.
    pub fn dps_instances(&self) -> Result<Vec<DpsInstance>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM dps ORDER BY name_key");
        self.query(&sql, params![], instance)
    }

    /// The hubs this instance may assign devices to, by name.
    pub fn linked_hubs(&self, dps: &DpsName) -> Result<Vec<LinkedHub>, StoreError> {
        let sql = "SELECT h.name, h.host, l.apply_allocation_policy, l.allocation_weight, h.is_remote \
                   FROM linked_hub l JOIN hub h ON h.name_key = l.hub WHERE l.dps = ?1 ORDER BY h.name_key";
        self.query(sql, params![dps.key()], |row| {
            let name = row.text(0)?;
            let place = Place {
                table: "linked_hub",
                key: &name,
            };
            Ok(LinkedHub {
                hub: place.id("hub", HubName::parse(&name))?,
                host: place.id("host", HostName::parse(&row.text(1)?))?,
                is_remote: row.flag(4)?,
                apply_allocation_policy: row.flag(2)?,
                allocation_weight: u32::try_from(row.int(3)?)
                    .map_err(|_| place.inconsistent("allocation_weight"))?,
            })
        })
    }
}

impl WriteTx<'_> {
    /// Stores a new instance.
    pub fn insert_dps(&self, dps: &DpsInstance) -> Result<(), StoreError> {
        let sql = "INSERT INTO dps (name_key, name, id_scope_key, id_scope, host_key, host, allocation, \
                   operation_key, etag, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let params = params![
            dps.name.key(),
            dps.name.as_str(),
            dps.id_scope.key(),
            dps.id_scope.as_str(),
            dps.host.key(),
            dps.host.as_str(),
            allocation_word(dps.allocation),
            dps.operation_key.expose().as_slice(),
            dps.etag.as_str(),
            dps.created_at.as_micros(),
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Says that groups or CA certificates of the instance changed.
    pub(crate) fn raise_trust_version(&self, dps: &DpsName) -> Result<(), StoreError> {
        let sql = "UPDATE dps SET trust_version = trust_version + 1 WHERE name_key = ?1";
        self.execute(sql, params![dps.key()]).map(|_| ())
    }

    /// Gives an instance another host name.
    pub fn set_dps_host(&self, dps: &DpsName, host: &HostName) -> Result<(), StoreError> {
        let sql = "UPDATE dps SET host_key = ?2, host = ?3 WHERE name_key = ?1";
        self.execute(sql, params![dps.key(), host.key(), host.as_str()])
            .map(|_| ())
    }

    /// Links a hub or changes its link.
    pub fn put_linked_hub(&self, dps: &DpsName, link: &LinkedHub) -> Result<(), StoreError> {
        let sql = "INSERT INTO linked_hub (dps, hub, apply_allocation_policy, allocation_weight) \
                   VALUES (?1, ?2, ?3, ?4) ON CONFLICT (dps, hub) DO UPDATE SET \
                   apply_allocation_policy = excluded.apply_allocation_policy, \
                   allocation_weight = excluded.allocation_weight";
        let params = params![
            dps.key(),
            link.hub.key(),
            link.apply_allocation_policy,
            i64::from(link.allocation_weight),
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Removes a link; `false` when there was none.
    pub fn delete_linked_hub(&self, dps: &DpsName, hub: &HubName) -> Result<bool, StoreError> {
        let sql = "DELETE FROM linked_hub WHERE dps = ?1 AND hub = ?2";
        Ok(self.execute(sql, params![dps.key(), hub.key()])? > 0)
    }
}

fn instance(row: &Row<'_>) -> Result<DpsInstance, StoreError> {
    let name = row.text(0)?;
    let place = Place {
        table: "dps",
        key: &name,
    };
    Ok(DpsInstance {
        name: place.id("name", DpsName::parse(&name))?,
        id_scope: place.id("id_scope", IdScope::parse(&row.text(1)?))?,
        host: place.id("host", HostName::parse(&row.text(2)?))?,
        allocation: allocation(&row.text(3)?).ok_or_else(|| place.inconsistent("allocation"))?,
        operation_key: Secret::new(row.blob(4)?),
        etag: Etag::from_text(&row.text(5)?),
        created_at: Timestamp::from_micros(row.int(6)?),
        trust_version: row.int(7)?,
    })
}
