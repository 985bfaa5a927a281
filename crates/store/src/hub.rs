use provost_model::{HostName, Hub, HubName, Timestamp};

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

impl ReadTx<'_> {
    /// The hub of this name.
    pub fn hub(&self, name: &HubName) -> Result<Option<Hub>, StoreError> {
        self.find(
            "SELECT name, host, is_remote, created_at FROM hub WHERE name_key = ?1",
            params![name.key()],
            hub,
        )
    }

    /// The hub reached under this host name.
    pub fn hub_by_host(&self, host: &HostName) -> Result<Option<Hub>, StoreError> {
        self.find(
            "SELECT name, host, is_remote, created_at FROM hub WHERE host_key = ?1",
            params![host.key()],
            hub,
        )
    }

    /// Every hub, by name.
    pub fn hubs(&self) -> Result<Vec<Hub>, StoreError> {
        self.query(
            "SELECT name, host, is_remote, created_at FROM hub ORDER BY name_key",
            params![],
            hub,
        )
    }
}

impl WriteTx<'_> {
    /// Stores a new hub.
    pub fn insert_hub(&self, hub: &Hub) -> Result<(), StoreError> {
        let sql = "INSERT INTO hub (name_key, name, host_key, host, is_remote, created_at) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let params = params![
            hub.name.key(),
            hub.name.as_str(),
            hub.host.key(),
            hub.host.as_str(),
            hub.is_remote,
            hub.created_at.as_micros(),
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Gives a hub another host name.
    pub fn set_hub_host(&self, name: &HubName, host: &HostName) -> Result<(), StoreError> {
        let sql = "UPDATE hub SET host_key = ?2, host = ?3 WHERE name_key = ?1";
        self.execute(sql, params![name.key(), host.key(), host.as_str()])
            .map(|_| ())
    }
}

fn hub(row: &Row<'_>) -> Result<Hub, StoreError> {
    let name = row.text(0)?;
    let place = Place {
        table: "hub",
        key: &name,
    };
    Ok(Hub {
        name: place.id("name", HubName::parse(&name))?,
        host: place.id("host", HostName::parse(&row.text(1)?))?,
        is_remote: row.flag(2)?,
        created_at: Timestamp::from_micros(row.int(3)?),
    })
}
