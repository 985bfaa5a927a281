use std::time::Duration;

use provost_model::{
    HostName, HubHealth, HubHealthState, HubName, PolicyName, RemoteHub, SymmetricKey, Timestamp,
};

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

const COLUMNS: &str = "h.name, h.host, r.port, r.policy, r.policy_key, r.ca, r.health, r.health_since, \
    r.health_checked_at, r.health_error FROM remote_hub r JOIN hub h ON h.name_key = r.hub";

/// The least time between two looks that saw the same.
const HEALTH_STEP: Duration = Duration::from_secs(10);

impl ReadTx<'_> {
    /// How a hub elsewhere is reached; `None` for a hub of this program, or none.
    pub fn remote_hub(&self, name: &HubName) -> Result<Option<RemoteHub>, StoreError> {
        let sql = format!("SELECT {COLUMNS} WHERE r.hub = ?1");
        self.find(&sql, params![name.key()], remote_hub)
    }

    /// What was last seen of a hub elsewhere.
    pub fn hub_health(&self, name: &HubName) -> Result<Option<HubHealth>, StoreError> {
        let sql = format!("SELECT {COLUMNS} WHERE r.hub = ?1");
        self.find(&sql, params![name.key()], health)
    }

    /// Every hub elsewhere with what was last seen of it, by name.
    pub fn remote_hubs(&self) -> Result<Vec<(RemoteHub, HubHealth)>, StoreError> {
        let sql = format!("SELECT {COLUMNS} ORDER BY r.hub");
        self.query(&sql, params![], |row| Ok((remote_hub(row)?, health(row)?)))
    }
}

impl WriteTx<'_> {
    /// Stores how a hub elsewhere is reached; the hub itself is stored already. Nothing is known of
    /// its health.
    pub fn put_remote_hub(&self, hub: &RemoteHub) -> Result<(), StoreError> {
        let sql = "INSERT INTO remote_hub (hub, port, policy, policy_key, ca, health, health_since) \
                   VALUES (?1, ?2, ?3, ?4, ?5, 'unknown', ?6) ON CONFLICT (hub) DO UPDATE SET \
                   port = excluded.port, policy = excluded.policy, policy_key = excluded.policy_key, \
                   ca = excluded.ca, health = excluded.health, health_since = excluded.health_since, \
                   health_checked_at = NULL, health_error = NULL";
        let params = params![
            hub.name.key(),
            i64::from(hub.port),
            hub.policy.as_str(),
            hub.key.as_bytes(),
            hub.ca.as_deref(),
            self.now().as_micros(),
        ];
        self.execute(sql, params).map(|_| ())
    }
}

impl AppendTx<'_> {
    /// Writes down what was seen of a hub elsewhere. Seeing the same again soon is not written.
    pub fn note_hub_health(
        &self,
        hub: &HubName,
        state: HubHealthState,
        error: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(before) = self.read().hub_health(hub)? else {
            return Ok(());
        };
        let is_same = before.state == state && before.error.as_deref() == error;
        if is_same && before.checked_at.is_some_and(|at| now.since(at) < HEALTH_STEP) {
            return Ok(());
        }
        let health = HubHealth {
            state,
            since: if before.state == state { before.since } else { now },
            checked_at: Some(now),
            error: error.map(str::to_owned),
        };
        self.put_hub_health(hub, &health)
    }

    fn put_hub_health(&self, hub: &HubName, health: &HubHealth) -> Result<(), StoreError> {
        let sql = "UPDATE remote_hub SET health = ?2, health_since = ?3, health_checked_at = ?4, \
                   health_error = ?5 WHERE hub = ?1";
        let params = params![
            hub.key(),
            health.state.as_str(),
            health.since.as_micros(),
            health.checked_at.map(Timestamp::as_micros),
            health.error.as_deref(),
        ];
        self.execute(sql, params).map(|_| ())
    }
}

fn remote_hub(row: &Row<'_>) -> Result<RemoteHub, StoreError> {
    let name = row.text(0)?;
    let place = place(&name);
    Ok(RemoteHub {
        name: place.id("name", HubName::parse(&name))?,
        host: place.id("host", HostName::parse(&row.text(1)?))?,
        port: u16::try_from(row.int(2)?).map_err(|_| place.inconsistent("port"))?,
        policy: place.id("policy", PolicyName::parse(&row.text(3)?))?,
        key: SymmetricKey::from_bytes(row.blob(4)?).map_err(|_| place.inconsistent("policy_key"))?,
        ca: row.opt_text(5)?,
    })
}

fn health(row: &Row<'_>) -> Result<HubHealth, StoreError> {
    let name = row.text(0)?;
    let state = HubHealthState::parse(&row.text(6)?).ok_or_else(|| place(&name).inconsistent("health"))?;
    Ok(HubHealth {
        state,
        since: Timestamp::from_micros(row.int(7)?),
        checked_at: row.opt_int(8)?.map(Timestamp::from_micros),
        error: row.opt_text(9)?,
    })
}

fn place(name: &str) -> Place<'_> {
    Place {
        table: "remote_hub",
        key: name,
    }
}
