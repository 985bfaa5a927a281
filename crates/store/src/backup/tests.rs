use super::*;

fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

const ROWS: &str = "
INSERT INTO ca (id, namespace, role, state, key_ref, subject, issuers, shards, created_at, changed_at)
    VALUES ('ica1', 'ns', 'issuing', 'active', 'k', 'CN=ica-1', x'', 1, 0, 0),
           ('ica2', 'ns', 'issuing', 'active', 'k', 'CN=ica-2', x'', 1, 0, 0);
INSERT INTO crl (ca, shard, number, entries, changes, told, due_at, rests_until)
    VALUES ('ica1', 0, 5, 0, 0, 0, 9, 0);
INSERT INTO registry_device (namespace, name_key, name, uuid, generation, external_device_id, enabled,
        document, version, etag, created_at, updated_at, transition_at)
    VALUES ('ns', 'd1', 'd1', 'u1', 'g1', 'd1', 1, '{}', 1, 'e', 0, 0, 0),
           ('ns', 'd2', 'd2', 'u2', 'g2', 'd2', 1, '{}', 1, 'e', 0, 0, 0),
           ('ns', 'd3', 'd3', 'u3', 'g3', 'd3', 1, '{}', 1, 'e', 0, 0, 0);
INSERT INTO issued_certificate (number, ca, serial, namespace, device, policy, device_uuid, generation,
        key_sha256, not_before, not_after, shard, created_at)
    VALUES (1, 'ica1', x'01', 'ns', 'd1', 'p', 'u1', 'g1', x'', 0, 0, 0, 0),
           (2, 'ica1', x'02', 'ns', 'd2', 'p', 'u2', 'g2', x'', 0, 0, 0, 0);
INSERT INTO admin_token (hash, name, role, created_at) VALUES (x'01', 'a', 'owner', 0), (x'02', 'b', 'owner', 0);
";

/// What happened after the backup: d1 revoked, d2 deleted, ica2 revoked, a token ended.
const LATER: &str = "
UPDATE registry_device SET generation = 'g1b' WHERE uuid = 'u1';
UPDATE issued_certificate SET revoked_at = 7, reason = 'keyCompromise' WHERE number = 1;
INSERT INTO revoked_certificate (ca, shard, serial, revoked_at, reason, not_after)
    VALUES ('ica1', 0, x'01', 7, 'keyCompromise', 0);
DELETE FROM registry_device WHERE uuid = 'u2';
UPDATE ca SET state = 'revoked' WHERE id = 'ica2';
UPDATE crl SET number = 6;
DELETE FROM admin_token WHERE hash = x'02';
";

/// A database, and another that is it a while later.
fn databases(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (newer, older) = (folder.join("newer.db"), folder.join("older.db"));
    sqlite::create(&newer).unwrap();
    let connection = sqlite::open(&newer).unwrap();
    migrate(Engine::Sqlite(&connection), now()).unwrap();
    connection.execute_batch(ROWS).unwrap();
    copy_sqlite(&newer, &older).unwrap();
    connection.execute_batch(LATER).unwrap();
    (older, newer)
}

fn text(connection: &Connection, sql: &str) -> String {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn what_the_newer_database_shut_out_is_shut_out_again() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    let done = finish_restore(&older, Some(&newer), now()).unwrap();
    assert_eq!(
        done,
        Reapplied {
            revoked_certificates: 1,
            rotated_devices: 1,
            disabled_registry_devices: 1,
            ended_cas: 1,
            removed_admin_tokens: 1,
            ..Reapplied::default()
        }
    );
    let connection = open_existing(&older).unwrap();
    let generation = "SELECT generation FROM registry_device WHERE uuid = 'u1'";
    assert_eq!(text(&connection, generation), "g1b");
    let enabled = "SELECT group_concat(uuid) FROM registry_device WHERE enabled = 1 ORDER BY uuid";
    assert_eq!(text(&connection, enabled), "u1,u3");
    let state = "SELECT state FROM ca WHERE id = 'ica2'";
    assert_eq!(text(&connection, state), "revoked");
    let due = "SELECT CAST(due_at AS TEXT) || ' ' || CAST(number > 6 + 1000000 AS TEXT) FROM crl";
    assert_eq!(text(&connection, due), "0 1");
    // The restore is in the audit log.
    assert_eq!(facts_of(&connection).unwrap().last_audit_event, 1);
}

#[test]
fn without_a_newer_database_crls_still_rise_above_all_that_were_out() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    assert_eq!(finish_restore(&older, None, now()).unwrap(), Reapplied::default());
    let number = |path: &Path| -> i64 {
        let connection = open_existing(path).unwrap();
        let number = connection.query_row("SELECT number FROM crl", [], |row| row.get(0));
        number.unwrap()
    };
    assert!(number(&older) > number(&newer) + 1_000_000);
}

#[test]
fn a_copy_is_its_owners_alone_and_never_takes_a_place() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    assert!(copy_sqlite(&newer, &older).is_err());
    let mode = std::fs::metadata(&older).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(check_sqlite(&older).unwrap(), sqlite_facts(&newer).unwrap());
    assert!(check_sqlite(&folder.path().join("nothing.db")).is_err());
}
