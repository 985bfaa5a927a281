use provost_model::Timestamp;

use super::*;
use crate::migrate::migrate;
use crate::{StoreAddress, audit};

mod newer_only;
mod postgres;

fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

const ROWS: &str = "
INSERT INTO ca (id, namespace, role, state, key_ref, subject, issuers, shards, created_at, changed_at)
    VALUES ('ica1', 'ns', 'issuing', 'active', 'k', 'CN=ica-1', x'', 1, 0, 0),
           ('ica2', 'ns', 'issuing', 'active', 'k', 'CN=ica-2', x'', 1, 0, 0),
           ('ica3', 'ns', 'issuing', 'active', 'k', 'CN=ica-3', x'', 1, 0, 0);
INSERT INTO crl (ca, shard, number, entries, changes, told, due_at, rests_until)
    VALUES ('ica1', 0, 5, 0, 0, 0, 9, 0), ('ica3', 0, 5, 0, 0, 0, 9, 0);
INSERT INTO registry_device (namespace, name_key, name, uuid, generation, external_device_id, enabled,
        document, version, etag, created_at, updated_at, transition_at)
    VALUES ('ns', 'd1', 'd1', 'u1', 'g1', 'd1', 1, '{}', 1, 'e', 0, 0, 0),
           ('ns', 'd2', 'd2', 'u2', 'g2', 'd2', 1, '{}', 1, 'e', 0, 0, 0),
           ('ns', 'd3', 'd3', 'u3', 'g3', 'd3', 1, '{}', 1, 'e', 0, 0, 0);
INSERT INTO issued_certificate (number, ca, serial, namespace, device, policy, device_uuid, generation,
        key_sha256, not_before, not_after, shard, created_at)
    VALUES (1, 'ica1', x'01', 'ns', 'd1', 'p', 'u1', 'g1', x'', 0, 0, 0, 0),
           (2, 'ica1', x'02', 'ns', 'd2', 'p', 'u2', 'g2', x'', 0, 0, 0, 0);
INSERT INTO certificate_intent (number, ca, serial, namespace, device, policy, device_uuid, generation,
        state, key_sha256, not_before, not_after, shard, created_at)
    VALUES (3, 'ica1', x'03', 'ns', 'd3', 'p', 'u3', 'g3', 'intended', x'', 0, 0, 0, 0);
INSERT INTO admin_token (hash, name, role, created_at) VALUES (x'01', 'a', 'owner', 0), (x'02', 'b', 'owner', 0),
    (x'03', 'c', 'owner', 0);
INSERT INTO access_policy (owner, name, primary_key, secondary_key, rights)
    VALUES ('hub:h', 'left', x'01', x'02', 'r'), ('hub:h', 'gone', x'01', x'02', 'r'),
           ('dps:s', 'renewed', x'01', x'02', 'r');
INSERT INTO module (hub, device_id, module_id, generation_id, etag, auth, primary_key, twin_version, twin_etag,
        model_id, desired_version, reported_version, tags, desired, desired_metadata, reported, reported_metadata)
    VALUES ('h', 'd1', 'left', '1', 'e', 'sas', x'01', 1, 1, '', 1, 1, '', '', '', '', ''),
           ('h', 'd1', 'gone', '1', 'e', 'sas', x'01', 1, 1, '', 1, 1, '', '', '', '', ''),
           ('h', 'd1', 'renewed', '1', 'e', 'sas', x'01', 1, 1, '', 1, 1, '', '', '', '', '');
INSERT INTO kept_session (hub, device_id, module_id, generation_id, subscriptions)
    VALUES ('h', 'd1', '', '1', ''), ('h', 'd1', 'left', '1', ''), ('h', 'd1', 'gone', '1', '');
INSERT INTO credential (namespace, location, tags, root, created_at, updated_at)
    VALUES ('ns', 'l', '{}', 'r1', 0, 0), ('gone', 'l', '{}', 'r2', 0, 0), ('anew', 'l', '{}', 'r3', 0, 0);
INSERT INTO credential_policy (namespace, name_key, name, uuid, validity_days, is_external, created_at, updated_at)
    VALUES ('ns', 'left', 'left', 'p1', 30, 0, 0, 0), ('ns', 'gone', 'gone', 'p2', 30, 0, 0, 0),
           ('gone', 'p', 'p', 'p3', 30, 0, 0, 0), ('anew', 'p', 'p', 'p4', 30, 0, 0, 0);
";

/// What happened after the backup: d1 revoked, d2 deleted, ica2 revoked, ica3 ended with its key, a token
/// ended and one lost rights, a policy and a module deleted and others renewed, two certificates issued.
const LATER: &str = "
UPDATE registry_device SET generation = 'g1b' WHERE uuid = 'u1';
UPDATE issued_certificate SET revoked_at = 7, reason = 'keyCompromise' WHERE number = 1;
INSERT INTO revoked_certificate (ca, shard, serial, revoked_at, reason, not_after)
    VALUES ('ica1', 0, x'01', 7, 'keyCompromise', 0);
DELETE FROM registry_device WHERE uuid = 'u2';
UPDATE ca SET state = 'revoked' WHERE id = 'ica2';
UPDATE ca SET state = 'closed', key_destroyed_at = 8 WHERE id = 'ica3';
UPDATE crl SET number = 6;
UPDATE crl SET due_at = NULL, der = x'4c', number = 7 WHERE ca = 'ica3';
DELETE FROM admin_token WHERE hash = x'02';
UPDATE admin_token SET role = 'reader' WHERE hash = x'03';
DELETE FROM access_policy WHERE name = 'gone';
UPDATE access_policy SET primary_key = x'0a' WHERE name = 'renewed';
DELETE FROM module WHERE module_id = 'gone';
DELETE FROM credential WHERE namespace = 'gone';
DELETE FROM credential_policy WHERE namespace = 'gone' OR name_key = 'gone';
UPDATE credential SET root = 'r4' WHERE namespace = 'anew';
UPDATE credential_policy SET uuid = 'p5' WHERE namespace = 'anew';
UPDATE module SET primary_key = x'0a' WHERE module_id = 'renewed';
DELETE FROM certificate_intent WHERE number = 3;
INSERT INTO issued_certificate (number, ca, serial, namespace, device, policy, device_uuid, generation,
        key_sha256, not_before, not_after, shard, created_at)
    VALUES (3, 'ica1', x'03', 'ns', 'd3', 'p', 'u3', 'g3', x'', 0, 0, 0, 0),
           (40, 'ica1', x'04', 'ns', 'd4', 'p', 'u4', 'g4', x'', 0, 0, 0, 0),
           (41, 'ica1', x'05', 'ns', 'd3', 'p', 'u3', 'g3', x'', 0, 0, 0, 0),
           (42, 'ica9', x'06', 'ns', 'd3', 'p', 'u3', 'g3', x'', 0, 0, 0, 0);
INSERT INTO certificate_intent (number, ca, serial, namespace, device, policy, device_uuid, generation,
        state, key_sha256, not_before, not_after, shard, created_at)
    VALUES (43, 'ica1', x'07', 'ns', 'd3', 'p', 'u3', 'g3', 'orphaned', x'', 0, 0, 0, 0);
UPDATE counter SET value = 50;
";

/// A database, and another that is it a while later.
fn databases(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (newer, older) = (folder.join("newer.db"), folder.join("older.db"));
    sqlite::create(&newer).unwrap();
    let connection = sqlite::open(&newer).unwrap();
    migrate(Engine::Sqlite(&connection), now()).unwrap();
    connection.execute_batch(ROWS).unwrap();
    add_event(Engine::Sqlite(&connection), "before the backup");
    copy_sqlite(&newer, &older).unwrap();
    connection.execute_batch(LATER).unwrap();
    (older, newer)
}

fn add_event(engine: Engine<'_>, what: &str) {
    let mut numbers = crate::tx::lock_numbers(engine).unwrap();
    numbers.last += 1;
    let event = provost_model::AuditEvent::new(
        provost_model::Actor::System,
        provost_model::Action::Update,
        "test",
        "",
        what,
    );
    numbers.head = audit::insert(engine, numbers.last, now(), &event, None, &numbers.head).unwrap();
    crate::tx::save_numbers(engine, &numbers).unwrap();
}

fn at(path: &Path) -> StoreAddress {
    StoreAddress::Sqlite(path.to_owned())
}

fn finish(older: &Path, newer: Option<&Path>) -> Result<Reapplied, StoreError> {
    let random = provost_model::ambient::SystemRandom;
    finish_restore(&at(older), newer.map(at).as_ref(), now(), &random)
}

fn text(connection: &Connection, sql: &str) -> String {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn what_the_newer_database_shut_out_is_shut_out_again() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    let done = finish(&older, Some(&newer)).unwrap();
    assert_eq!(
        done,
        Reapplied {
            issued_certificates: 3,
            revoked_certificates: 1,
            rotated_devices: 2,
            disabled_registry_devices: 1,
            ended_cas: 2,
            removed_admin_tokens: 1,
            changed_admin_tokens: 1,
            removed_policies: 1,
            renewed_policies: 1,
            removed_modules: 1,
            renewed_modules: 1,
            removed_credential_policies: 3,
            removed_credentials: 2,
            ..Reapplied::default()
        }
    );
    let connection = open_existing(&older).unwrap();
    let is = |sql: &str, wanted: &str| assert_eq!(text(&connection, sql), wanted, "{sql}");
    is("SELECT generation FROM registry_device WHERE uuid = 'u1'", "g1b");
    is(
        "SELECT group_concat(uuid) FROM registry_device WHERE enabled = 1 ORDER BY uuid",
        "u1,u3",
    );
    is("SELECT state FROM ca WHERE id = 'ica2'", "revoked");
    is("SELECT group_concat(namespace) FROM credential", "ns");
    is("SELECT group_concat(uuid) FROM credential_policy", "p1");
    is("SELECT role FROM admin_token WHERE hash = x'03'", "reader");
    is(
        "SELECT group_concat(name || hex(primary_key)) FROM access_policy ORDER BY name",
        "left01,renewed0A",
    );
    is(
        "SELECT group_concat(module_id || hex(primary_key)) FROM module ORDER BY module_id",
        "left01,renewed0A",
    );
    is(
        "SELECT group_concat(module_id) FROM kept_session ORDER BY module_id",
        ",left",
    );
    // The restore is in the audit log, behind all numbers the newer database gave out.
    assert_eq!(
        facts_of(Engine::Sqlite(&connection)).unwrap().last_audit_event,
        54
    );
}

#[test]
fn a_certificate_issued_after_the_backup_has_a_row_again() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    finish(&older, Some(&newer)).unwrap();
    let connection = open_existing(&older).unwrap();
    let rows = "SELECT group_concat(number || '-' || hex(serial), ' ') FROM \
                (SELECT * FROM issued_certificate ORDER BY number)";
    assert_eq!(text(&connection, rows), "1-01 2-02 51-03 52-04 53-05");
    // Nothing is given a number twice.
    assert_eq!(text(&connection, "SELECT CAST(value AS TEXT) FROM counter"), "54");
    assert_eq!(
        text(
            &connection,
            "SELECT CAST(COUNT(*) AS TEXT) FROM certificate_intent"
        ),
        "0"
    );
}

#[test]
fn a_last_crl_stays_the_last_and_all_others_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    finish(&older, Some(&newer)).unwrap();
    let connection = open_existing(&older).unwrap();
    let crl = |ca: &str| {
        let sql = "SELECT CAST(COALESCE(due_at, -1) AS TEXT) || ' ' || CAST(number > 6 + 1000000 AS TEXT) \
                   || ' ' || COALESCE(hex(der), '') FROM crl WHERE ca = ";
        text(&connection, &format!("{sql}'{ca}'"))
    };
    assert_eq!(crl("ica1"), "0 1 ");
    assert_eq!(crl("ica3"), "-1 0 4C");
    let destroyed = "SELECT CAST(key_destroyed_at AS TEXT) FROM ca WHERE id = 'ica3'";
    assert_eq!(text(&connection, destroyed), "8");
}

const ENTRIES: &str = "
INSERT INTO dps (name_key, name, id_scope_key, id_scope, host_key, host, allocation, operation_key, etag, created_at)
    VALUES ('s', 's', 'ids', 'ids', 'h', 'h', 'hashed', x'', 'e', 0);
INSERT INTO ca_certificate (owner, name_key, name, certificate, subject_hash, thumbprint, is_verified, etag,
        created_at, updated_at) VALUES ('dps:s', 'root', 'root', x'', x'', x'0a', 1, 'e', 0, 0),
        ('dps:s', 'other', 'other', x'', x'', x'0b', 1, 'e', 0, 0);
INSERT INTO enrollment (dps, kind, entry_key, entry_id, status, etag, created_at, updated_at, mechanism,
        primary_key, primary_reference, iot_edge)
    VALUES ('s', 'group', 'disabled', 'disabled', 'enabled', 'e', 0, 0, 'x509', NULL, 'root', 0),
           ('s', 'group', 'deleted', 'deleted', 'enabled', 'e', 0, 0, 'x509', NULL, 'other', 0),
           ('s', 'group', 'rolled', 'rolled', 'enabled', 'e', 0, 0, 'x509', NULL, 'root', 0),
           ('s', 'individual', 'key', 'key', 'enabled', 'e', 0, 0, 'symmetricKey', x'01', NULL, 0);
INSERT INTO enrollment_anchor (dps, kind, entry_key, slot, reference_key)
    VALUES ('s', 'group', 'disabled', 'primary', 'root'), ('s', 'group', 'deleted', 'primary', 'other'),
           ('s', 'group', 'rolled', 'primary', 'root');
";

const ENTRIES_LATER: &str = "
UPDATE enrollment SET status = 'disabled' WHERE entry_key = 'disabled';
INSERT INTO disabled_anchor (dps, kind, entry_key, slot, thumbprint, reference_key)
    VALUES ('s', 'group', 'disabled', 'primary', x'0a', 'root');
DELETE FROM enrollment WHERE entry_key = 'deleted';
DELETE FROM enrollment_anchor WHERE entry_key = 'deleted';
UPDATE enrollment SET primary_reference = 'newer' WHERE entry_key = 'rolled';
UPDATE enrollment_anchor SET reference_key = 'newer' WHERE entry_key = 'rolled';
UPDATE enrollment SET primary_key = x'0a' WHERE entry_key = 'key';
UPDATE ca_certificate SET is_verified = 0 WHERE name_key = 'root';
DELETE FROM ca_certificate WHERE name_key = 'other';
UPDATE dps SET trust_version = 7;
";

#[test]
fn a_group_that_was_disabled_blocks_its_certificates_everywhere_again() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    for path in [&older, &newer] {
        open_existing(path).unwrap().execute_batch(ENTRIES).unwrap();
    }
    open_existing(&newer)
        .unwrap()
        .execute_batch(ENTRIES_LATER)
        .unwrap();
    let done = finish(&older, Some(&newer)).unwrap();
    let counts = (done.disabled_entries, done.renewed_entries);
    assert_eq!(counts, (2, 2));
    assert_eq!(
        (done.removed_ca_certificates, done.unverified_ca_certificates),
        (1, 1)
    );
    let connection = open_existing(&older).unwrap();
    let is = |sql: &str, wanted: &str| assert_eq!(text(&connection, sql), wanted, "{sql}");
    is(
        "SELECT group_concat(entry_key || hex(thumbprint) || reference_key) FROM \
         (SELECT * FROM disabled_anchor ORDER BY entry_key)",
        "deleted0Bother,disabled0Aroot",
    );
    is(
        "SELECT reference_key FROM enrollment_anchor WHERE entry_key = 'rolled'",
        "newer",
    );
    is(
        "SELECT hex(primary_key) FROM enrollment WHERE entry_key = 'key'",
        "0A",
    );
    is("SELECT CAST(trust_version AS TEXT) FROM dps", "8");
}

#[test]
fn only_a_later_state_of_the_same_database_counts_as_newer() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    finish(&older, Some(&newer)).unwrap();
    // After a restore too, as long as nothing else was done.
    finish(&older, Some(&newer)).unwrap();
    // Of another life.
    add_event(Engine::Sqlite(&open_existing(&older).unwrap()), "served");
    for newer in [&newer, &folder.path().join("elsewhere.db")] {
        if !newer.exists() {
            sqlite::create(newer).unwrap();
            migrate(Engine::Sqlite(&sqlite::open(newer).unwrap()), now()).unwrap();
        }
        let events = database_facts(&at(&older)).unwrap();
        let error = finish(&older, Some(newer)).unwrap_err().to_string();
        assert!(error.contains("no later state"), "{error}");
        assert_eq!(database_facts(&at(&older)).unwrap(), events);
    }
}

#[test]
fn without_a_newer_database_crls_still_rise_above_all_that_were_out() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    assert_eq!(finish(&older, None).unwrap(), Reapplied::default());
    let number = |path: &Path| -> i64 {
        let connection = open_existing(path).unwrap();
        let number = connection.query_row("SELECT MIN(number) FROM crl", [], |row| row.get(0));
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
    assert_eq!(
        check_sqlite(&older).unwrap(),
        database_facts(&at(&newer)).unwrap()
    );
    assert!(check_sqlite(&folder.path().join("nothing.db")).is_err());
}

/// What a root kept offline signed cannot be signed anew here: numbers stay those of the CRLs themselves, and the newest
/// that was brought stays out.
#[test]
fn the_crl_of_an_offline_root_is_the_newest_that_was_brought() {
    const ROOT: &str = "
    INSERT INTO ca (id, namespace, role, state, key_ref, subject, issuers, shards, created_at, changed_at)
        VALUES ('root', 'ns', 'root', 'active', 'offline', 'CN=root', x'', 1, 0, 0);
    INSERT INTO crl (ca, shard, number, entries, changes, told, due_at, rests_until, der)
        VALUES ('root', 0, 3, 0, 1, 1, 9, 0, x'03');";
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    for path in [&older, &newer] {
        open_existing(path).unwrap().execute_batch(ROOT).unwrap();
    }
    let later = "UPDATE crl SET number = 4, der = x'04' WHERE ca = 'root';
        INSERT INTO revoked_certificate (ca, shard, serial, revoked_at, reason, not_after)
            VALUES ('root', 0, x'0a', 7, 'cACompromise', 99);";
    open_existing(&newer).unwrap().execute_batch(later).unwrap();
    let out = "SELECT number || ' ' || hex(der) FROM crl WHERE ca = 'root'";
    finish(&older, Some(&newer)).unwrap();
    assert_eq!(text(&open_existing(&older).unwrap(), out), "4 04");
    let revoked = "SELECT hex(serial) FROM revoked_certificate WHERE ca = 'root'";
    assert_eq!(text(&open_existing(&older).unwrap(), revoked), "0A");
    finish(&older, None).unwrap();
    assert_eq!(text(&open_existing(&older).unwrap(), out), "4 04");
}

#[test]
fn a_database_put_back_by_hand_is_told_from_the_one_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    let connection = open_existing(&newer).unwrap();
    add_event(Engine::Sqlite(&connection), "after the backup");
    let newer_log = ReadTx {
        engine: Engine::Sqlite(&connection),
    };
    let mark = newer_log.audit_mark().unwrap().unwrap();
    let taken_at = Timestamp::from_micros(now().as_micros() - 1);
    assert!(newer_log.holds_audit_mark(&mark, taken_at).unwrap());
    let holds = || {
        let connection = open_existing(&older).unwrap();
        let log = ReadTx {
            engine: Engine::Sqlite(&connection),
        };
        log.holds_audit_mark(&mark, taken_at).unwrap()
    };
    assert!(!holds());
    // An event of another life under the same number is not the one.
    finish(&older, Some(&newer)).unwrap();
    assert!(holds(), "taken care of");
}

#[test]
fn nothing_is_looked_up_by_reading_a_whole_table_for_each_row() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = databases(folder.path());
    let connection = open_existing(&older).unwrap();
    finish::attach(&connection, &newer).unwrap();
    let plan = |sql: &str| {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = statement.query_map([], |row| row.get::<_, String>(3)).unwrap();
        lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    for table in newer::tables() {
        let (name, key) = table;
        let on: Vec<String> = key
            .split(", ")
            .map(|column| format!("n.{column} = o.{column}"))
            .collect();
        let plan = plan(&format!(
            "SELECT 1 FROM main.{name} o WHERE NOT EXISTS (SELECT 1 FROM newer.{name} n WHERE {})",
            on.join(" AND ")
        ));
        assert!(plan.contains("SEARCH n"), "{name}: {plan}");
    }
}
