//! The same on PostgreSQL, and across: run with `scripts/postgres.sh with-postgres cargo nextest run`.

use tokio::runtime::Builder;

use super::*;
use crate::backup::database::Database;
use crate::engine::postgres::Session;
use crate::sql::Row;

const RANDOM: provost_model::ambient::SystemRandom = provost_model::ambient::SystemRandom;

/// Where there is a PostgreSQL for tests; without one the tests here have nothing to say.
fn server() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the test command chooses the engine")]
    let url = std::env::var("PROVOST_TEST_POSTGRES").ok();
    url
}

fn run(url: &str, sql: &str) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let session = Session::connect(url, runtime.handle(), None).unwrap();
    session.run_script(sql).unwrap();
}

/// A database of the server.
fn database(server: &str, name: &str) -> StoreAddress {
    StoreAddress::Postgres(server.replace("/provost?", &format!("/{name}?")))
}

/// Statements of the tests as PostgreSQL spells bytes.
fn in_postgres(sql: &str) -> String {
    sql.replace("x'", "'\\x")
}

fn script(address: &StoreAddress, sql: &str) {
    let database = Database::open(address).unwrap();
    let sql = match address {
        StoreAddress::Sqlite(_) => sql.to_owned(),
        StoreAddress::Postgres(_) => in_postgres(sql),
    };
    database.engine().run_script(&sql).unwrap();
}

/// One value.
fn value(address: &StoreAddress, sql: &str) -> String {
    let database = Database::open(address).unwrap();
    let read = |row: &Row<'_>| row.text(0);
    database.engine().query(sql, &[], read).unwrap().remove(0)
}

/// The two databases of the tests beside this, both of PostgreSQL; the older is a copy as `pg_dump` makes it.
fn both(server: &str, test: &str) -> (StoreAddress, StoreAddress) {
    let (newer, older) = (format!("{test}_newer"), format!("{test}_older"));
    for name in [&newer, &older] {
        run(server, &format!("DROP DATABASE IF EXISTS {name}"));
    }
    run(server, &format!("CREATE DATABASE {newer}"));
    let address = database(server, &newer);
    {
        let database = Database::open(&address).unwrap();
        migrate(database.engine(), now()).unwrap();
    }
    script(&address, ROWS);
    script(&address, ENTRIES);
    script(&address, newer_only::PLANT);
    {
        let database = Database::open(&address).unwrap();
        add_event(database.engine(), "before the backup");
    }
    // The sessions before this end a moment after they are dropped.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let copy = format!("CREATE DATABASE {older} TEMPLATE {newer}");
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let session = Session::connect(server, runtime.handle(), None).unwrap();
    while session.run_script(&copy).is_err() {
        assert!(
            std::time::Instant::now() < deadline,
            "the template is still in use"
        );
        std::thread::yield_now();
    }
    script(&address, LATER);
    script(&address, ENTRIES_LATER);
    script(&address, newer_only::PLANT_LATER);
    (database(server, &older), address)
}

fn both_of_sqlite(folder: &Path) -> (StoreAddress, StoreAddress) {
    let (older, newer) = databases(folder);
    for path in [&older, &newer] {
        script(&at(path), ENTRIES);
        script(&at(path), newer_only::PLANT);
    }
    script(&at(&newer), ENTRIES_LATER);
    script(&at(&newer), newer_only::PLANT_LATER);
    (at(&older), at(&newer))
}

/// Sessions of others end a moment after they are dropped.
fn finished(older: &StoreAddress, newer: Option<&StoreAddress>) -> Reapplied {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        match finish_restore(older, newer, now(), &RANDOM) {
            Err(StoreError::Open(reason)) if reason.contains("other connections") => {
                assert!(std::time::Instant::now() < deadline, "{reason}");
                std::thread::yield_now();
            }
            other => return other.unwrap(),
        }
    }
}

#[test]
fn postgres_shuts_out_what_sqlite_shuts_out() {
    let Some(server) = server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = both_of_sqlite(folder.path());
    let wanted = finished(&older, Some(&newer));
    assert!(wanted.disabled_entries == 2 && wanted.issued_certificates == 5);
    let (older, newer) = both(&server, "reapply_pg");
    assert_eq!(finished(&older, Some(&newer)), wanted);
    for (sql, wanted) in [
        (
            "SELECT string_agg(CAST(number AS TEXT), ' ' ORDER BY number) FROM issued_certificate",
            "1 2 20 21 51 52 53 54 55",
        ),
        (
            "SELECT string_agg(entry_key || encode(thumbprint, 'hex'), ' ' ORDER BY entry_key) FROM disabled_anchor",
            "deleted0b disabled0a holder30 shut33",
        ),
        (
            "SELECT reference_key FROM enrollment_anchor WHERE entry_key = 'rolled'",
            "newer",
        ),
        ("SELECT CAST(trust_version AS TEXT) FROM dps", "8"),
        (
            "SELECT CAST(due_at AS TEXT) || ' ' || CAST(number > 1000000 AS TEXT) FROM crl WHERE ca = 'ica1'",
            "0 true",
        ),
        (
            "SELECT CAST(number AS TEXT) || ' ' || COALESCE(CAST(due_at AS TEXT), 'never') FROM crl WHERE ca = 'ica3'",
            "7 never",
        ),
        ("SELECT CAST(value AS TEXT) FROM counter", "56"),
    ] {
        assert_eq!(value(&older, sql), wanted, "{sql}");
    }
    // Again: nothing is left to do, and the numbers rise once more.
    assert_eq!(finished(&older, Some(&newer)), Reapplied::default());
}

#[test]
fn the_newer_database_may_be_of_the_other_engine() {
    let Some(server) = server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = both_of_sqlite(folder.path());
    let reference = folder.path().join("reference.db");
    let StoreAddress::Sqlite(path) = &older else {
        return;
    };
    copy_sqlite(path, &reference).unwrap();
    let wanted = finished(&at(&reference), Some(&newer));
    let (older_pg, newer_pg) = both(&server, "reapply_across");
    // The two newer ones are of one life, as far as the audit log tells: same events, same hashes.
    assert_eq!(finished(&older, Some(&newer_pg)), wanted);
    assert_eq!(finished(&older_pg, Some(&newer)), wanted);
}

#[test]
fn a_database_with_a_server_on_it_is_left_alone() {
    let Some(server) = server() else { return };
    let (older, newer) = both(&server, "reapply_used");
    let StoreAddress::Postgres(url) = &older else {
        return;
    };
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let serving = Session::connect(url, runtime.handle(), None).unwrap();
    let error = finish_restore(&older, Some(&newer), now(), &RANDOM)
        .unwrap_err()
        .to_string();
    assert!(error.contains("stop every server"), "{error}");
    drop(serving);
    finished(&older, Some(&newer));
    // Without a newer one the numbers of CRLs rise all the same.
    assert_eq!(finished(&older, None), Reapplied::default());
}
