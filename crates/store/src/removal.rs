//! Identities on hubs elsewhere that have to go.

use provost_model::{Assignment, DeviceId, HubName, HubRemoval, Leased, RemovalAction, Timestamp};

use crate::convert::Place;
use crate::sql::{Param, Row, params};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

const TABLE: &str = "hub_removal";
const COLUMNS: &str = "hub, device_id, action, attempts, asked_at, due_at";
/// Which row, as it was asked for, held by whom.
const HELD: &str = "hub = ?1 AND device_id = ?2 AND asked_at = ?3 AND lease_holder = ?4";

/// Those of a place that nobody is at, any more.
const FREE: &str = "hub_removal WHERE hub = ?1 AND device_id = ?2 AND (lease_holder IS NULL OR due_at <= ?3)";

const PUT: &str = "INSERT INTO hub_removal (hub, device_id, action, attempts, asked_at, due_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (hub, device_id) DO UPDATE SET \
    action = CASE WHEN hub_removal.action = 'delete' THEN 'delete' ELSE excluded.action END, \
    attempts = excluded.attempts, asked_at = excluded.asked_at, \
    due_at = CASE WHEN hub_removal.lease_holder IS NULL THEN excluded.due_at ELSE hub_removal.due_at END";

impl ReadTx<'_> {
    /// The removal of a device from a hub elsewhere, while it is not done.
    pub fn hub_removal(&self, hub: &HubName, device: &DeviceId) -> Result<Option<HubRemoval>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM hub_removal WHERE hub = ?1 AND device_id = ?2");
        self.find(&sql, params![hub.key(), device.as_str()], removal)
    }
}

impl WriteTx<'_> {
    /// Asks for a removal, in the place of an earlier one of the same device; one that was to be
    /// deleted still is. The caller announces [`provost_model::Change::Outbound`].
    pub fn put_hub_removal(&self, removal: &HubRemoval) -> Result<(), StoreError> {
        self.execute(PUT, &columns(removal)).map(|_| ())
    }

    /// Ends a removal that is held; `false` when another one was asked for or the lease lost.
    pub fn end_hub_removal(&self, removal: &Leased<HubRemoval>) -> Result<bool, StoreError> {
        let sql = format!("DELETE FROM hub_removal WHERE {HELD}");
        Ok(self.execute(&sql, &held(removal))? > 0)
    }
}

impl AppendTx<'_> {
    /// As [`WriteTx::put_hub_removal`], in the course of work that is under way.
    pub fn put_hub_removal(&self, removal: &HubRemoval) -> Result<(), StoreError> {
        self.execute(PUT, &columns(removal)).map(|_| ())
    }

    /// Takes up to `limit` removals that are due, until `until`. `holder` must never have been used.
    pub fn lease_hub_removals(
        &self,
        now: Timestamp,
        until: Timestamp,
        holder: &str,
        limit: usize,
    ) -> Result<Vec<Leased<HubRemoval>>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM hub_removal WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let due = self
            .read()
            .query(&sql, params![now.as_micros(), limit], removal)?;
        let take = "UPDATE hub_removal SET lease_holder = ?3, due_at = ?4 WHERE hub = ?1 AND device_id = ?2";
        for removal in &due {
            let Assignment { hub, device_id } = &removal.place;
            let params = params![hub.key(), device_id.as_str(), holder, until.as_micros()];
            self.execute(take, params)?;
        }
        let leased = due.into_iter().map(|work| Leased {
            work,
            holder: holder.to_owned(),
        });
        Ok(leased.collect())
    }

    /// Gives a removal back, to be tried again when it says.
    pub fn release_hub_removal(
        &self,
        removal: &Leased<HubRemoval>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql =
            format!("UPDATE hub_removal SET lease_holder = NULL, attempts = ?5, due_at = ?6 WHERE {HELD}");
        let [hub, device, asked_at, holder] = held(removal);
        let (attempts, due) = (i64::from(removal.work.attempts), removal.work.due_at.as_micros());
        self.execute(
            &sql,
            &[hub, device, asked_at, holder, attempts.into(), due.into()],
        )?;
        let replaced = "UPDATE hub_removal SET lease_holder = NULL, due_at = ?4 \
                        WHERE hub = ?1 AND device_id = ?2 AND lease_holder = ?3";
        self.execute(replaced, &[hub, device, holder, now.as_micros().into()])?;
        Ok(())
    }

    /// Whether a device may be made at a place now; the removal of one that is not there any more is
    /// given up then. Whoever is at the removal comes first, and so does a device that is only to be
    /// disabled.
    pub(crate) fn give_up_hub_removal(
        &self,
        place: &Assignment,
        is_there: bool,
        now: Timestamp,
    ) -> Result<GivenUp, StoreError> {
        let Some(removal) = self.read().hub_removal(&place.hub, &place.device_id)? else {
            return Ok(GivenUp::Nothing);
        };
        if removal.action == RemovalAction::Disable {
            return Ok(GivenUp::Not);
        }
        let params = params![place.hub.key(), place.device_id.as_str(), now.as_micros()];
        if is_there {
            let free = self
                .read()
                .count(&format!("SELECT COUNT(*) FROM {FREE}"), params)?;
            return Ok(if free > 0 { GivenUp::NotYet } else { GivenUp::Not });
        }
        let given_up = self.execute(&format!("DELETE FROM {FREE}"), params)?;
        Ok(if given_up > 0 {
            GivenUp::Nothing
        } else {
            GivenUp::Not
        })
    }
}

/// What became of the removal of a device that is about to be made.
pub(crate) enum GivenUp {
    /// There is none, any more.
    Nothing,
    /// What is still there has to go first.
    NotYet,
    /// It comes first.
    Not,
}

fn columns(removal: &HubRemoval) -> [Param<'_>; 6] {
    [
        removal.place.hub.key().into(),
        removal.place.device_id.as_str().into(),
        action_word(removal.action).into(),
        i64::from(removal.attempts).into(),
        removal.asked_at.as_micros().into(),
        removal.due_at.as_micros().into(),
    ]
}

fn held(removal: &Leased<HubRemoval>) -> [Param<'_>; 4] {
    [
        removal.work.place.hub.key().into(),
        removal.work.place.device_id.as_str().into(),
        removal.work.asked_at.as_micros().into(),
        removal.holder.as_str().into(),
    ]
}

fn action_word(action: RemovalAction) -> &'static str {
    match action {
        RemovalAction::Delete => "delete",
        RemovalAction::Disable => "disable",
    }
}

fn removal(row: &Row<'_>) -> Result<HubRemoval, StoreError> {
    let (hub, device) = (row.text(0)?, row.text(1)?);
    let place = Place {
        table: TABLE,
        key: &device,
    };
    let action = match row.text(2)?.as_str() {
        "delete" => RemovalAction::Delete,
        "disable" => RemovalAction::Disable,
        _ => return Err(place.inconsistent("action")),
    };
    Ok(HubRemoval {
        place: Assignment {
            hub: place.id("hub", HubName::parse(&hub))?,
            device_id: place.id("device_id", DeviceId::parse(&device))?,
        },
        action,
        attempts: u32::try_from(row.int(3)?).map_err(|_| place.inconsistent("attempts"))?,
        asked_at: Timestamp::from_micros(row.int(4)?),
        due_at: Timestamp::from_micros(row.int(5)?),
    })
}
