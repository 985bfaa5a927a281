//! Brings the schema up to date: numbered, forward only, each step in its own transaction.

use provost_model::Timestamp;

use crate::engine::Engine;
use crate::sql::params;
use crate::{StoreError, audit, disabled_anchor, tag_leaf};

/// The steps; one that was released is never edited.
const STEPS: [&str; 13] = [
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_disabled_anchor.sql"),
    include_str!("../migrations/0003_refusal.sql"),
    include_str!("../migrations/0004_quotas_and_blast_radius.sql"),
    include_str!("../migrations/0005_outbound.sql"),
    include_str!("../migrations/0006_geo.sql"),
    include_str!("../migrations/0007_modules.sql"),
    include_str!("../migrations/0008_jobs.sql"),
    include_str!("../migrations/0009_telemetry_partitions.sql"),
    include_str!("../migrations/0010_tag_leaf.sql"),
    include_str!("../migrations/0011_cloud_to_device.sql"),
    include_str!("../migrations/0012_fleet.sql"),
    include_str!("../migrations/0013_device_registry.sql"),
];

/// Applies what is missing.
pub(crate) fn migrate(engine: Engine<'_>, now: Timestamp) -> Result<(), StoreError> {
    let create =
        "CREATE TABLE IF NOT EXISTS migration (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)";
    engine.run_script(create)?;
    engine.run_script(match engine {
        Engine::Sqlite(_) => "BEGIN IMMEDIATE",
        // Two nodes starting at once: the second waits here and then finds the work done.
        Engine::Postgres(_) => "BEGIN; LOCK TABLE migration IN EXCLUSIVE MODE",
    })?;
    match apply_missing(engine, now) {
        Ok(()) => engine.run_script("COMMIT"),
        Err(error) => {
            engine.run_script("ROLLBACK")?;
            Err(error)
        }
    }
}

fn apply_missing(engine: Engine<'_>, now: Timestamp) -> Result<(), StoreError> {
    let found = engine
        .query("SELECT MAX(version) FROM migration", &[], |row| row.opt_int(0))?
        .into_iter()
        .next()
        .flatten()
        .unwrap_or(0);
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for (version, step) in (1_i64..).zip(STEPS).filter(|(version, _)| *version > found) {
        engine.run_script(&in_dialect(engine, step))?;
        if step.contains("CREATE TABLE tag_leaf ") {
            tag_leaf::backfill(engine)?;
        }
        if step.contains("ALTER TABLE disabled_anchor ADD COLUMN content_hash ") {
            disabled_anchor::fill_contents(engine)?;
        }
        if step.contains("ALTER TABLE audit_event ADD COLUMN hash ") {
            audit::keep(engine)?;
        }
        let insert = "INSERT INTO migration (version, applied_at) VALUES (?1, ?2)";
        engine.execute(insert, params![version, now.as_micros()])?;
    }
    Ok(())
}

/// The four words in which the engines differ. PostgreSQL compares text by locale unless told to
/// compare bytes, which keyset paging needs; SQLite keeps an integer key inside its row tree only
/// when it is spelled INTEGER, and would keep a table that is all key twice unless told not to.
fn in_dialect(engine: Engine<'_>, sql: &str) -> String {
    let (text, blob, serial, clustered) = match engine {
        Engine::Sqlite(_) => ("TEXT", "BLOB", "INTEGER", " WITHOUT ROWID"),
        Engine::Postgres(_) => ("TEXT COLLATE \"C\"", "BYTEA", "BIGINT", ""),
    };
    sql.replace("{text}", text)
        .replace("{blob}", blob)
        .replace("{serial}", serial)
        .replace("{clustered}", clustered)
}
