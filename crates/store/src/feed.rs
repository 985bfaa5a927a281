//! The change feed: what must be acted on after a commit, in the order of commits.

use std::time::Duration;

use provost_model::{Change, HubName, IdentityId, NumberedChange, Timestamp, Uuid};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::warn;

use crate::engine::{Engine, postgres};
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError};

pub(crate) fn insert(
    engine: Engine<'_>,
    number: i64,
    now: Timestamp,
    change: &Change,
) -> Result<(), StoreError> {
    let (topic, scope, item) = match change {
        Change::Device { hub, device_id } => ("device", hub.key(), device_id.to_string()),
        Change::Hub { hub } => ("hub", hub.key(), String::new()),
        Change::Leaves { device } => ("leaves", "", device.to_string()),
        Change::Desired { hub, id } => ("desired", hub.key(), id.to_string()),
        Change::CloudToDevice { hub, device_id } => ("cloudToDevice", hub.key(), device_id.to_string()),
        Change::Configuration => ("configuration", "", String::new()),
        Change::Outbound => ("outbound", "", String::new()),
    };
    let sql = "INSERT INTO change_feed (number, at, topic, scope, item) VALUES (?1, ?2, ?3, ?4, ?5)";
    engine
        .execute(sql, params![number, now.as_micros(), topic, scope, &item])
        .map(|_| ())
}

impl ReadTx<'_> {
    /// Changes committed after the one numbered `after`, oldest first, at most `limit`.
    pub fn changes_after(&self, after: i64, limit: usize) -> Result<Vec<NumberedChange>, StoreError> {
        let sql =
            "SELECT number, topic, scope, item FROM change_feed WHERE number > ?1 ORDER BY number LIMIT ?2";
        self.query(
            sql,
            params![after, i64::try_from(limit).unwrap_or(i64::MAX)],
            numbered,
        )
    }

    /// Whether changes after this one may have been forgotten already: it is gone itself. Never for 0, where
    /// whoever starts on an empty store begins.
    pub fn missed_changes(&self, number: i64) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM change_feed WHERE number = ?1";
        Ok(number > 0 && self.count(sql, params![number])? == 0)
    }

    /// The number of the latest change, 0 when there is none.
    pub fn last_change(&self) -> Result<i64, StoreError> {
        self.count("SELECT COALESCE(MAX(number), 0) FROM change_feed", &[])
    }
}

impl AppendTx<'_> {
    /// Forgets changes older than `before`, but never the latest: whoever has seen everything finds it, and
    /// whoever finds the last it saw no more has missed some. Returns how many.
    pub fn prune_changes(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.execute(
            "DELETE FROM change_feed WHERE at < ?1 AND number < (SELECT MAX(number) FROM change_feed)",
            params![before.as_micros()],
        )
    }
}

fn numbered(row: &Row<'_>) -> Result<NumberedChange, StoreError> {
    let number = row.int(0)?;
    let inconsistent = |column| StoreError::Inconsistent {
        table: "change_feed",
        column,
        key: number.to_string(),
    };
    let hub = || -> Result<HubName, StoreError> {
        HubName::parse(&row.text(2)?).map_err(|_| inconsistent("scope"))
    };
    let identity = || -> Result<(HubName, IdentityId), StoreError> {
        let hub = hub()?;
        let id = IdentityId::parse(&row.text(3)?).map_err(|_| inconsistent("item"))?;
        Ok((hub, id))
    };
    let change = match row.text(1)?.as_str() {
        "device" => identity().map(|(hub, id)| Change::Device {
            hub,
            device_id: id.device_id,
        })?,
        "hub" => Change::Hub { hub: hub()? },
        "leaves" => Change::Leaves {
            device: Uuid::parse(&row.text(3)?).ok_or_else(|| inconsistent("item"))?,
        },
        "desired" => identity().map(|(hub, id)| Change::Desired { hub, id })?,
        "cloudToDevice" => identity().map(|(hub, id)| Change::CloudToDevice {
            hub,
            device_id: id.device_id,
        })?,
        "configuration" => Change::Configuration,
        "outbound" => Change::Outbound,
        _ => return Err(inconsistent("topic")),
    };
    Ok(NumberedChange { number, change })
}

/// Keeps a listening connection open; every notification, and every reconnect, wakes `changed`.
/// While there is none, consumers still look by themselves now and then.
pub(crate) fn listen(url: &str, runtime: &Handle, changed: watch::Sender<u64>) {
    let (url, handle) = (url.to_owned(), runtime.clone());
    runtime.spawn_blocking(move || {
        while !changed.is_closed() {
            let session = postgres::Session::connect(&url, &handle, Some(changed.clone()))
                .and_then(|session| session.run_script("LISTEN provost_change").map(|()| session));
            match session {
                Ok(session) => {
                    changed.send_modify(|count| *count = count.wrapping_add(1));
                    while !session.is_closed() && !changed.is_closed() {
                        handle.block_on(tokio::time::sleep(Duration::from_millis(500)));
                    }
                }
                Err(error) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot listen for changes"
                    );
                    handle.block_on(tokio::time::sleep(Duration::from_secs(1)));
                }
            }
        }
    });
}
