use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use provost_keys::{FolderLock, lock_folder};
use provost_model::Timestamp;
use provost_model::ambient::SystemRandom;
use provost_store::{StoreAddress, database_facts, finish_restore};
use serde_json::{Value, json};

use super::manifest::{Engine, Manifest};
use super::moves::{Moves, sync};
use super::place::{Place, REPLACED, remove_leftovers, with_suffix};
use super::{DATABASE, OWN_KEY_FILE, copying, key_files, tell, verify};
use crate::serve::data_lock::DataLock;
use crate::serve::private_file;

/// What to restore, and where.
pub(crate) struct RestoreOrder<'a> {
    /// The backup.
    pub(crate) from: &'a Path,
    /// The data folder, of a server that is not running.
    pub(crate) data: &'a Path,
    /// Where the server's database is, as the server would find it.
    pub(crate) store: StoreAddress,
    /// Whether that was said, and not taken for granted.
    pub(crate) is_store_named: bool,
    /// A database that knows what was shut out after the backup; the one being replaced when none is named.
    pub(crate) revocations_from: Option<StoreAddress>,
    /// Whether to go on without one.
    pub(crate) without_revocations: bool,
    /// Whether a database that is there may be replaced.
    pub(crate) force: bool,
}

/// Puts a backup in the place of a data folder. What was there is kept beside it.
///
/// Everything is made ready in a folder of its own, the database with what the newer one shut out; only then
/// is anything of the data folder touched. Cut off before that, nothing happened; cut off after it, no server
/// starts there until the restore was run again, which finishes it.
pub(crate) fn restore(order: &RestoreOrder<'_>, now: Timestamp) -> Result<Value> {
    private_file::make_folder(order.data)?;
    let place = Place::of(order)?;
    let mut lock = DataLock::alone(&place.data, &order.store).context("the data folder is in use")?;
    let _keys = lock_keys(&place.data)?;
    if let Some(moves) = Moves::read(&place.data)? {
        return finish(&moves, &place, order);
    }
    let manifest = verify(&place.from).context("the backup is not usable")?;
    place.check(order, &manifest)?;
    let newer = newer(order, &place, &manifest)?;
    if let Some(StoreAddress::Sqlite(path)) = &newer {
        lock.with_source(path).context("the newer database is in use")?;
    }
    remove_leftovers(&place)?;
    let moves = match prepare(&place, &manifest, order, newer.as_ref(), now) {
        Ok(moves) => moves,
        Err(error) => {
            remove_leftovers(&place)?;
            return Err(error);
        }
    };
    moves.write(&place.data)?;
    moves.run(&place.data)?;
    Ok(moves.report)
}

/// Whoever uses the keys of this folder holds them, also on another machine that shares the disk.
fn lock_keys(data: &Path) -> Result<Option<FolderLock>> {
    let keys = data.join("keys");
    if !keys.is_dir() {
        return Ok(None);
    }
    let lock = lock_folder(&keys).context("the data folder is in use")?;
    Ok(Some(lock))
}

fn finish(moves: &Moves, place: &Place, order: &RestoreOrder<'_>) -> Result<Value> {
    moves.run(&place.data)?;
    if moves.backup != place.from {
        bail!(
            "an earlier restore of {} was cut off and is finished now; run this again to restore {}",
            moves.backup.display(),
            order.from.display()
        );
    }
    Ok(moves.report.clone())
}

/// The database that knows what was shut out since; refuses to go on without one unless told to.
fn newer(order: &RestoreOrder<'_>, place: &Place, manifest: &Manifest) -> Result<Option<StoreAddress>> {
    if manifest.engine == Engine::Postgresql {
        if order.revocations_from.is_some() {
            bail!(
                "the database of this backup is in PostgreSQL and is not touched here: \
                 `provost backup reapply` shuts out again in it what a newer one had shut out"
            );
        }
        return Ok(None);
    }
    let replaced = place.replaced(manifest);
    if let Some(there) = replaced.as_ref().filter(|_| !order.force) {
        let more = database_facts(there).map(|facts| {
            facts
                .last_audit_event
                .saturating_sub(manifest.last_audit_event.unwrap_or(0))
                .max(0)
        });
        let more = more.map_or_else(
            |_| "and cannot be read".to_owned(),
            |more| format!("with {more} more audit events than the backup"),
        );
        bail!(
            "{} holds a database {more}: what was revoked, disabled or deleted since would be let in again. \
             --force replaces it, keeps it aside and shuts out again what it had shut out",
            order.data.display(),
        );
    }
    match (&order.revocations_from, replaced) {
        (Some(named), _) => Ok(Some(named.clone())),
        (None, _) if order.without_revocations => Ok(None),
        (None, Some(replaced)) => Ok(Some(replaced)),
        (None, None) => bail!(
            "no newer database tells what was revoked, disabled or deleted after {}, when the backup was made. \
             Name one with --revocations-from; with --without-revocations all of that is let in again",
            manifest.created_at
        ),
    }
}

/// Makes everything ready without touching what is there; says what is left to do.
fn prepare(
    place: &Place,
    manifest: &Manifest,
    order: &RestoreOrder<'_>,
    newer: Option<&StoreAddress>,
    now: Timestamp,
) -> Result<Moves> {
    let stage = place.stage(now);
    private_file::make_folder(&stage)?;
    for file in manifest
        .files
        .iter()
        .filter(|file| file.name != Path::new(DATABASE))
    {
        copy_verified(
            &place.from.join(&file.name),
            &stage.join(&file.name),
            &file.sha256,
        )?;
    }
    let key_file = carry_over_key_file(&stage.join("keys"), &place.data.join("keys"))?;
    let kept = place.kept(now);
    let mut moves = Moves::new(
        &place.from,
        &stage,
        json!({
            "restored": manifest.created_at,
            "lastAuditEvent": manifest.last_audit_event,
            "keptAside": kept.display().to_string(),
            "keyFile": key_file,
        }),
    );
    if let (Engine::Sqlite, Some(database)) = (manifest.engine, &place.database) {
        prepare_database(place, manifest, database, newer, &mut moves, now)?;
    } else if manifest.engine == Engine::Postgresql {
        key_files::remove_destroyed(&order.store, &stage.join("keys"))
            .context("cannot ask the database which keys were destroyed since")?;
    }
    private_file::make_folder(&kept)?;
    for name in REPLACED {
        if place.data.join(name).exists() {
            moves.set_aside(place.data.join(name), kept.join(name));
        }
        if stage.join(name).exists() {
            moves.put_into_place(stage.join(name), place.data.join(name));
        }
    }
    for folder in ["keys", "tls", ""] {
        if stage.join(folder).is_dir() {
            sync(&stage.join(folder))?;
        }
    }
    sync(&place.data)?;
    Ok(moves)
}

fn prepare_database(
    place: &Place,
    manifest: &Manifest,
    database: &Path,
    newer: Option<&StoreAddress>,
    moves: &mut Moves,
    now: Timestamp,
) -> Result<()> {
    let (ready, kept) = place.of_database(database, now);
    let hash = manifest
        .files
        .iter()
        .find(|file| file.name == Path::new(DATABASE));
    let hash = hash.context("the backup names no database")?;
    copy_verified(&place.from.join(DATABASE), &ready, &hash.sha256)?;
    let address = StoreAddress::Sqlite(ready.clone());
    let done = finish_restore(&address, newer, now, &SystemRandom)
        .context("the backup's database cannot be brought up to date")?;
    key_files::remove_destroyed(&address, &place.stage(now).join("keys"))?;
    tell(&mut moves.report, newer.map(name_of).as_deref(), &done);
    for suffix in ["", "-wal", "-shm"] {
        let old = with_suffix(database, suffix);
        if old.exists() {
            moves.set_aside(old, with_suffix(&kept, suffix));
        }
    }
    let log = with_suffix(&ready, "-wal");
    if log.exists() {
        moves.put_into_place(log, with_suffix(database, "-wal"));
    }
    moves.put_into_place(ready, database.to_owned());
    Ok(())
}

/// How a report names a database; a URL may hold a password.
pub(super) fn name_of(address: &StoreAddress) -> String {
    match address {
        StoreAddress::Sqlite(path) => path.display().to_string(),
        StoreAddress::Postgres(_) => "PostgreSQL".to_owned(),
    }
}

/// What was verified and what is used are the same bytes.
fn copy_verified(from: &Path, to: &Path, sha256: &str) -> Result<()> {
    if let Some(folder) = to.parent() {
        private_file::make_folder(folder)?;
    }
    match copying::copy(from, to)? {
        Some(hash) if hash == sha256 => Ok(()),
        _ => bail!("{} is not what was written to the backup", from.display()),
    }
}

/// The key file of our own is in no backup: that of the replaced folder is taken when it opens these keys.
fn carry_over_key_file(keys: &Path, old: &Path) -> Result<&'static str> {
    let description = |folder: &Path| fs::read(folder.join("kek.json")).ok();
    let key_file = old.join(OWN_KEY_FILE);
    if !key_file.exists() {
        return Ok("not here: put keys/kek back from where it is kept, unless another secret opens the keys");
    }
    if description(keys).is_none() || description(keys) != description(old) {
        return Ok("the one that was here opens other keys: put the one of the backup's time to keys/kek");
    }
    copying::copy(&key_file, &keys.join(OWN_KEY_FILE))?;
    Ok("the one that was here")
}
