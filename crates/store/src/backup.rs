//! Copies of a SQLite database, and what a copy needs before it may take the place of a newer one.

use std::fs::File;
use std::path::Path;

use provost_model::{AuditEvent, Timestamp};
use rusqlite::{Connection, OpenFlags};

use crate::StoreError;
use crate::engine::{Engine, sqlite};
use crate::migrate::migrate;
use crate::tx::{lock_numbers, save_numbers};

/// By how much the numbers of CRLs rise: more than a CA publishes in a lifetime.
const CRL_STEP: i64 = 1 << 32;

/// What tells one copy from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Version of its tables.
    pub schema: i64,
    /// Number of its last audit event, 0 when there is none.
    pub last_audit_event: i64,
}

/// What a newer database knew of what must stay shut out, and was done again in the restored one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reapplied {
    /// Certificates put on CRLs.
    pub revoked_certificates: usize,
    /// Devices of the registry whose certificates no longer count.
    pub rotated_devices: usize,
    /// Devices of the registry that were disabled, or deleted, and are disabled now.
    pub disabled_registry_devices: usize,
    /// Devices of hubs, the same.
    pub disabled_hub_devices: usize,
    /// Enrollments and groups, the same.
    pub disabled_entries: usize,
    /// CAs that were revoked or closed.
    pub ended_cas: usize,
    /// CA certificates taken from hubs and provisioning services.
    pub removed_ca_certificates: usize,
    /// Admin tokens that were deleted.
    pub removed_admin_tokens: usize,
}

/// Copies a database as it is at one instant, also while a server works with it. The new file is its
/// owner's alone and on disk when this returns; it must not be there before.
pub fn copy_sqlite(from: &Path, to: &Path) -> Result<DatabaseFacts, StoreError> {
    if to.exists() {
        return Err(StoreError::Open(format!("{} is there already", to.display())));
    }
    let connection = open_existing(from)?;
    sqlite::create(to)?;
    connection.execute("VACUUM INTO ?1", [path_text(to)?])?;
    File::open(to)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::Open(format!("{}: {error}", to.display())))?;
    facts_of(&connection_of_copy(to)?)
}

/// Reads the facts of a database and has the engine check every page.
pub fn check_sqlite(path: &Path) -> Result<DatabaseFacts, StoreError> {
    let connection = open_existing(path)?;
    let answer: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if answer != "ok" {
        return Err(StoreError::Open(format!("{}: {answer}", path.display())));
    }
    facts_of(&connection)
}

/// The facts of a database.
pub fn sqlite_facts(path: &Path) -> Result<DatabaseFacts, StoreError> {
    facts_of(&open_existing(path)?)
}

/// Makes a restored database fit to serve: brings its tables up to date, raises the numbers of its CRLs
/// above all that were ever out and has them published anew, and, with the newer database, shuts out again
/// what that one had shut out. One transaction, one audit event.
pub fn finish_restore(path: &Path, newer: Option<&Path>, now: Timestamp) -> Result<Reapplied, StoreError> {
    let connection = sqlite::open(path)?;
    migrate(Engine::Sqlite(&connection), now)?;
    if let Some(newer) = newer {
        let (ours, theirs) = (facts_of(&connection)?, sqlite_facts(newer)?);
        if ours.schema != theirs.schema {
            return Err(StoreError::Open(format!(
                "{} is at version {}, this program works with {}: start it once with this program",
                newer.display(),
                theirs.schema,
                ours.schema
            )));
        }
        connection.execute("ATTACH DATABASE ?1 AS newer", [path_text(newer)?])?;
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let done = in_transaction(&connection, newer.is_some(), now);
    connection.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    done
}

fn in_transaction(
    connection: &Connection,
    with_newer: bool,
    now: Timestamp,
) -> Result<Reapplied, StoreError> {
    let mut done = Reapplied::default();
    if with_newer {
        done = reapply(connection, now)?;
        connection.execute(RAISE_TO_NEWER, [])?;
        connection.execute(TAKE_NEWER_OF_OFFLINE_ROOTS, [])?;
    }
    connection.execute(
        "UPDATE crl SET number = number + ?1, changes = changes + 1, due_at = 0, rests_until = 0 \
         WHERE ca NOT IN (SELECT id FROM ca WHERE key_ref = 'offline')",
        [CRL_STEP],
    )?;
    let engine = Engine::Sqlite(connection);
    let (last, head) = lock_numbers(engine)?;
    let number = last + 1;
    let event = AuditEvent::new(
        provost_model::Actor::System,
        provost_model::Action::Update,
        "store",
        "",
        "restore",
    )
    .with_detail(format!("restored from a backup; shut out again: {done:?}"));
    let head = crate::audit::insert(engine, number, now, &event, None, &head)?;
    save_numbers(engine, number, &head)?;
    Ok(done)
}

const RAISE_TO_NEWER: &str = "UPDATE crl SET number = MAX(crl.number, n.number) FROM newer.crl n \
     WHERE n.ca = crl.ca AND n.shard = crl.shard \
     AND crl.ca NOT IN (SELECT id FROM ca WHERE key_ref = 'offline')";

/// What a root kept offline signed is not made anew here: the newest that was brought stays out.
const TAKE_NEWER_OF_OFFLINE_ROOTS: &str = "UPDATE crl SET number = n.number, this_update = n.this_update, \
     next_update = n.next_update, der = n.der, entries = n.entries, changes = crl.changes + 1 FROM newer.crl n \
     WHERE n.ca = crl.ca AND n.shard = crl.shard AND n.number > crl.number \
     AND crl.ca IN (SELECT id FROM ca WHERE key_ref = 'offline')";

/// Only ever takes rights away: what the newer database allowed and the restored one does not stays refused.
fn reapply(connection: &Connection, now: Timestamp) -> Result<Reapplied, StoreError> {
    let run = |sql: &str| connection.execute(sql, []);
    let at = now.as_micros();
    Ok(Reapplied {
        revoked_certificates: {
            run(
                "UPDATE issued_certificate SET revoked_at = n.revoked_at, reason = n.reason \
                 FROM newer.issued_certificate n WHERE n.ca = issued_certificate.ca \
                 AND n.serial = issued_certificate.serial AND n.revoked_at IS NOT NULL \
                 AND issued_certificate.revoked_at IS NULL",
            )?;
            run(
                "INSERT OR IGNORE INTO revoked_certificate (ca, shard, serial, revoked_at, reason, not_after) \
                 SELECT ca, shard, serial, revoked_at, reason, not_after FROM newer.revoked_certificate \
                 WHERE ca IN (SELECT id FROM ca)",
            )?
        },
        rotated_devices: run(
            "UPDATE registry_device SET generation = n.generation FROM newer.registry_device n \
             WHERE n.uuid = registry_device.uuid AND n.generation <> registry_device.generation",
        )?,
        disabled_registry_devices: run(
            "UPDATE registry_device SET enabled = 0, version = version + 1 WHERE enabled = 1 AND NOT EXISTS \
             (SELECT 1 FROM newer.registry_device n WHERE n.uuid = registry_device.uuid AND n.enabled = 1)",
        )?,
        disabled_hub_devices: connection.execute(
            "UPDATE device SET status = 'disabled', status_updated_at = ?1, \
             status_reason = 'disabled or deleted after the backup that was restored' \
             WHERE status = 'enabled' AND NOT EXISTS (SELECT 1 FROM newer.device n WHERE n.hub = device.hub \
             AND n.device_id = device.device_id AND n.generation_id = device.generation_id \
             AND n.status = 'enabled')",
            [at],
        )?,
        disabled_entries: connection.execute(
            "UPDATE enrollment SET status = 'disabled', updated_at = ?1 WHERE status = 'enabled' \
             AND NOT EXISTS (SELECT 1 FROM newer.enrollment n WHERE n.dps = enrollment.dps \
             AND n.kind = enrollment.kind AND n.entry_key = enrollment.entry_key AND n.status = 'enabled')",
            [at],
        )?,
        ended_cas: connection.execute(
            "UPDATE ca SET state = n.state, changed_at = ?1 FROM newer.ca n WHERE n.id = ca.id \
             AND n.state IN ('revoked', 'closed') AND ca.state NOT IN ('revoked', 'closed')",
            [at],
        )?,
        removed_ca_certificates: run(
            "DELETE FROM ca_certificate WHERE ca IN (SELECT id FROM ca WHERE state = 'revoked') \
             OR NOT EXISTS (SELECT 1 FROM newer.ca_certificate n WHERE n.owner = ca_certificate.owner \
             AND n.thumbprint = ca_certificate.thumbprint)",
        )?,
        removed_admin_tokens: run(
            "DELETE FROM admin_token WHERE hash NOT IN (SELECT hash FROM newer.admin_token)",
        )?,
    })
}

fn facts_of(connection: &Connection) -> Result<DatabaseFacts, StoreError> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get(0));
    Ok(DatabaseFacts {
        schema: number("SELECT COALESCE(MAX(version), 0) FROM migration")?,
        last_audit_event: number("SELECT COALESCE(MAX(number), 0) FROM audit_event")?,
    })
}

fn open_existing(path: &Path) -> Result<Connection, StoreError> {
    if !path.is_file() {
        return Err(StoreError::Open(format!("{} is not there", path.display())));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    Ok(connection)
}

/// A copy has no log beside it, and none is to be made.
fn connection_of_copy(path: &Path) -> Result<Connection, StoreError> {
    Ok(Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?)
}

fn path_text(path: &Path) -> Result<&str, StoreError> {
    path.to_str()
        .ok_or_else(|| StoreError::Open(format!("{} is not UTF-8", path.display())))
}

#[cfg(test)]
mod tests;
