//! Makes the database of an earlier day fit to serve.

use provost_model::{Action, Actor, AuditEvent, Random, Timestamp};

use super::database::Database;
use super::reapply::{self, Reapplied};
use super::{newer, path_text};
use crate::engine::Engine;
use crate::migrate::migrate;
use crate::sql::params;
use crate::tx::{Numbers, lock_numbers, save_numbers};
use crate::{StoreAddress, StoreError};

/// By how much the numbers of CRLs rise: more than a CA publishes in a lifetime.
const CRL_STEP: i64 = 1 << 32;

/// The item of the audit event; what comes after the last event of a copy but for these is a life of its own.
pub(super) const RESTORE_ITEM: &str = "restore";

/// Makes a restored database fit to serve: brings its tables up to date, raises the numbers of its CRLs
/// above all that were ever out and has them published anew, and, with the newer database, shuts out again
/// what that one had shut out. One transaction, one audit event.
///
/// Refused unless the newer database is a later state of the restored one: without that, everything the
/// restored one has would count as deleted since. Blocks; with PostgreSQL, where no server may be connected,
/// call it where a thread may block.
pub fn finish_restore(
    target: &StoreAddress,
    newer: Option<&StoreAddress>,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Reapplied, StoreError> {
    let database = Database::open_for_writing(target)?;
    database.refuse_in_use()?;
    let engine = database.engine();
    migrate(engine, now)?;
    if let Some(newer) = newer {
        newer::bring(&database, newer)?;
    }
    engine.run_script(match engine {
        Engine::Sqlite(_) => "BEGIN IMMEDIATE",
        Engine::Postgres(_) => "BEGIN",
    })?;
    let done = in_transaction(engine, newer.is_some(), now, random);
    engine.run_script(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    done
}

fn in_transaction(
    engine: Engine<'_>,
    with_newer: bool,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Reapplied, StoreError> {
    let Numbers {
        mut last,
        head,
        registry,
    } = lock_numbers(engine)?;
    let mut done = Reapplied::default();
    if with_newer {
        // No number is given out a second time: exported logs and offsets of readers stay what they are.
        let theirs = engine.query("SELECT value FROM newer_counter", &[], |row| row.int(0))?;
        last = theirs.into_iter().fold(last, i64::max);
        done = reapply::reapply(engine, now, random, &mut last)?;
    }
    // What has its last CRL out stays as it is, and what a root kept offline signed: nothing could be signed
    // here in its place.
    engine.execute(
        "UPDATE crl SET number = number + ?1, changes = changes + 1, due_at = 0, rests_until = 0 \
         WHERE due_at IS NOT NULL AND ca NOT IN (SELECT id FROM ca WHERE key_destroyed_at IS NOT NULL \
         OR key_ref = 'offline')",
        params![CRL_STEP],
    )?;
    // What was being made when the copy was taken may have been completed since, and its key be in use elsewhere.
    engine.execute("DELETE FROM key_intent WHERE state = 'intended'", params![])?;
    let number = last + 1;
    let event = AuditEvent::new(Actor::System, Action::Update, "store", "", RESTORE_ITEM).with_detail(
        format!("restored from a backup; shut out again: {}", done.counts()),
    );
    let head = crate::audit::insert(engine, number, now, &event, None, &head)?;
    let numbers = Numbers {
        last: number,
        head,
        registry: registry + 1,
    };
    save_numbers(engine, &numbers)?;
    Ok(done)
}

/// The text `ATTACH DATABASE` takes.
pub(super) fn attach(connection: &rusqlite::Connection, path: &std::path::Path) -> Result<(), StoreError> {
    connection.execute("ATTACH DATABASE ?1 AS newer", [path_text(path)?])?;
    Ok(())
}
