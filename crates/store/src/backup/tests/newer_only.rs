//! What keeps somebody out and was made after the backup.

use super::*;

/// As it was at the time of the backup: one device at a hub, one of the registry.
pub(super) const PLANT: &str = "
INSERT INTO hub (name_key, name, host_key, host, created_at) VALUES ('h', 'h', 'h', 'h', 0);
INSERT INTO namespace (name_key, name, uuid, location, tags, document, created_at, updated_at)
    VALUES ('ns', 'ns', 'n1', 'l', '{}', '{}', 0, 0), ('left', 'left', 'n2', 'l', '{}', '{}', 0, 0);
INSERT INTO remote_hub (hub, port, policy, policy_key, health, health_since) VALUES ('far', 1, 'p', x'', 'up', 0);
INSERT INTO device (hub, device_id, generation_id, etag, status, auth, primary_key, iot_edge, twin_version, twin_etag,
        model_id, desired_version, reported_version, tags, desired, desired_metadata, reported, reported_metadata)
    VALUES ('h', 'again', '1', 'e', 'enabled', 'sas', x'01', 0, 1, 1, '', 1, 1, '{}', '{}', '{}', '{}', '{}'),
           ('h', 'gone', '1', 'e', 'enabled', 'sas', x'01', 0, 1, 1, '', 1, 1, '{}', '{}', '{}', '{}', '{}'),
           ('h', 'off', '1', 'e', 'enabled', 'sas', x'01', 0, 1, 1, '', 1, 1, '{}', '{}', '{}', '{}', '{}');
INSERT INTO registry_device (namespace, name_key, name, uuid, generation, external_device_id, enabled,
        document, version, etag, created_at, updated_at, transition_at)
    VALUES ('ns', 'again', 'again', 'ua', 'ga', 'again', 1, '{}', 1, 'e', 0, 0, 0),
           ('ns', 'gone', 'gone', 'ug', 'gg', 'gone', 0, '{}', 1, 'e', 0, 0, 0);
INSERT INTO issued_certificate (number, ca, serial, namespace, device, policy, device_uuid, generation,
        key_sha256, not_before, not_after, shard, created_at)
    VALUES (20, 'ica1', x'20', 'ns', 'again', 'p', 'ua', 'ga', x'', 0, 0, 0, 0),
           (21, 'ica1', x'21', 'ns', 'gone', 'p', 'ug', 'gg', x'', 0, 0, 0, 0);
";

/// Since then: enrollments, devices and identities that are disabled, one of each that is not, a CA, a link.
pub(super) const PLANT_LATER: &str = "
INSERT INTO enrollment (dps, kind, entry_key, entry_id, status, etag, created_at, updated_at, mechanism,
        primary_key, primary_certificate, primary_reference, iot_edge)
    VALUES ('s', 'individual', 'q-2', 'Q-2', 'disabled', 'e', 0, 0, 'symmetricKey', x'01', NULL, NULL, 0),
           ('s', 'individual', 'own', 'own', 'enabled', 'e', 0, 0, 'symmetricKey', x'01', NULL, NULL, 0),
           ('s', 'individual', 'holder', 'holder', 'disabled', 'e', 0, 0, 'x509', NULL, x'30', NULL, 0),
           ('s', 'group', 'shut', 'shut', 'disabled', 'e', 0, 0, 'x509', NULL, NULL, 'newest', 0),
           ('s', 'group', 'open', 'open', 'enabled', 'e', 0, 0, 'x509', NULL, x'31', NULL, 0),
           ('elsewhere', 'group', 'shut', 'shut', 'disabled', 'e', 0, 0, 'x509', NULL, x'32', NULL, 0);
INSERT INTO enrollment_anchor (dps, kind, entry_key, slot, subject_hash, thumbprint, reference_key)
    VALUES ('s', 'individual', 'holder', 'primary', NULL, x'30', NULL),
           ('s', 'group', 'shut', 'primary', NULL, NULL, 'newest'),
           ('s', 'group', 'open', 'primary', x'31', x'31', NULL);
INSERT INTO disabled_anchor (dps, kind, entry_key, slot, thumbprint, reference_key)
    VALUES ('s', 'individual', 'holder', 'primary', x'30', NULL), ('s', 'group', 'shut', 'primary', x'33', 'newest');
DELETE FROM device WHERE device_id = 'gone';
UPDATE device SET generation_id = '2', primary_key = x'02' WHERE device_id = 'again';
UPDATE device SET status = 'disabled', status_reason = 'disabled in the device registry' WHERE device_id = 'off';
INSERT INTO device (hub, device_id, generation_id, etag, status, auth, primary_key, iot_edge, twin_version, twin_etag,
        model_id, desired_version, reported_version, tags, desired, desired_metadata, reported, reported_metadata)
    VALUES ('h', 'shut', '3', 'e', 'disabled', 'sas', x'01', 0, 1, 1, '', 1, 1, '{}', '{}', '{}', '{}', '{}'),
           ('h', 'open', '3', 'e', 'enabled', 'sas', x'01', 0, 1, 1, '', 1, 1, '{}', '{}', '{}', '{}', '{}'),
           ('elsewhere', 'shut', '3', 'e', 'disabled', 'sas', x'01', 0, 1, 1, '', 1, 1, '{}', '{}', '{}', '{}', '{}');
DELETE FROM registry_device WHERE name_key IN ('again', 'gone');
INSERT INTO registry_device (namespace, name_key, name, uuid, generation, external_device_id, enabled,
        document, version, etag, created_at, updated_at, transition_at)
    VALUES ('ns', 'again', 'again', 'ua2', 'ga2', 'again', 1, '{}', 1, 'e', 0, 0, 0),
           ('ns', 'shut', 'Shut', 'us', 'gs', 'shut', 0, '{}', 1, 'e', 0, 0, 0),
           ('ns', 'open', 'open', 'uo', 'go', 'open', 1, '{}', 1, 'e', 0, 0, 0),
           ('elsewhere', 'shut', 'shut', 'ue', 'ge', 'shut', 0, '{}', 1, 'e', 0, 0, 0);
INSERT INTO ca (id, namespace, role, state, key_ref, subject, certificate, issuers, shards, created_at, changed_at)
    VALUES ('ica9', 'ns', 'issuing', 'active', 'k9', 'CN=ica-9', x'09', x'', 1, 0, 0),
           ('ica8', 'ns', 'issuing', 'revoked', 'k8', 'CN=ica-8', x'08', x'', 1, 0, 0),
           ('ica7', 'ns', 'issuing', 'pending', 'k7', 'CN=ica-7', NULL, x'', 1, 0, 0);
INSERT INTO crl (ca, shard, number, entries, changes, told, due_at, rests_until, der)
    VALUES ('ica9', 0, 5, 0, 0, 0, 9, 0, x'99');
INSERT INTO issued_certificate (number, ca, serial, namespace, device, policy, device_uuid, generation,
        key_sha256, not_before, not_after, shard, revoked_at, reason, created_at)
    VALUES (45, 'ica9', x'90', 'ns', 'shut', 'p', 'us', 'gs', x'', 0, 0, 0, 7, 'unspecified', 0);
INSERT INTO revoked_certificate (ca, shard, serial, revoked_at, reason, not_after)
    VALUES ('ica9', 0, x'90', 7, 'unspecified', 0);
INSERT INTO namespace_link (owner, namespace) VALUES ('dps:s', 'ns'), ('hub:h', 'ns'), ('hub:elsewhere', 'ns');
INSERT INTO hub_removal (hub, device_id, action, attempts, asked_at, due_at)
    VALUES ('far', 'd', 'delete', 3, 1, 2), ('nowhere', 'd', 'delete', 3, 1, 2);
";

fn plant(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (older, newer) = databases(folder);
    for path in [&older, &newer] {
        let connection = open_existing(path).unwrap();
        connection.execute_batch(ENTRIES).unwrap();
        connection.execute_batch(PLANT).unwrap();
    }
    open_existing(&newer).unwrap().execute_batch(PLANT_LATER).unwrap();
    (older, newer)
}

/// The rows of a query, each its first column, in order.
fn rows(path: &Path, sql: &str) -> String {
    let sql = format!("SELECT COALESCE(group_concat(row, ' '), '') FROM ({sql} ORDER BY row)");
    text(&open_existing(path).unwrap(), &sql)
}

#[test]
fn enrollments_that_keep_devices_out_are_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = plant(folder.path());
    let done = finish(&older, Some(&newer)).unwrap();
    assert_eq!(done.made_entries, 4);
    assert_eq!(
        rows(
            &older,
            "SELECT entry_key || '=' || status AS row FROM enrollment WHERE dps = 's' \
             AND entry_key IN ('q-2', 'own', 'holder', 'shut', 'open')"
        ),
        "holder=disabled own=disabled q-2=disabled shut=disabled"
    );
    assert_eq!(
        rows(
            &older,
            "SELECT entry_key || hex(thumbprint) AS row FROM disabled_anchor WHERE entry_key IN ('holder', 'shut')"
        ),
        "holder30 shut33"
    );
    assert_eq!(
        rows(
            &older,
            "SELECT kind || value AS row FROM entry_count WHERE dps = 's' AND kind <> 'registration'"
        ),
        "individual4 x509Group4"
    );
    for name in ["enrollment s/Q-2", "enrollment group s/shut"] {
        assert!(done.named.iter().any(|named| named == name), "{:?}", done.named);
    }
}

#[test]
fn disabled_identities_are_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = plant(folder.path());
    let done = finish(&older, Some(&newer)).unwrap();
    assert_eq!((done.made_registry_devices, done.made_hub_devices), (1, 1));
    let device = "SELECT hub || '/' || device_id || ' ' || status AS row FROM device WHERE device_id IN ('shut', 'open')";
    assert_eq!(rows(&older, device), "h/shut disabled");
    let registered = "SELECT namespace || '/' || name || ' ' || uuid || ' ' || generation || enabled AS row \
                      FROM registry_device WHERE name_key IN ('shut', 'open')";
    assert_eq!(rows(&older, registered), "ns/Shut us gs0");
    assert!(
        done.named.contains(&"device h/shut".to_owned()),
        "{:?}",
        done.named
    );
    assert_eq!(finish(&older, Some(&newer)).unwrap(), Reapplied::default());
}

#[test]
fn a_device_that_was_deleted_gets_a_fresh_identifier_and_one_made_again_the_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = plant(folder.path());
    let done = finish(&older, Some(&newer)).unwrap();
    assert_eq!(done.replaced_registry_devices, 1);
    let again = "SELECT uuid || generation || enabled AS row FROM registry_device WHERE name_key = 'again'";
    assert_eq!(rows(&older, again), "ua2ga21");
    let gone =
        "SELECT generation AS row FROM registry_device WHERE name_key IN ('gone', 'd2') AND enabled = 0";
    let generations = rows(&older, gone);
    assert_eq!(
        generations.split(' ').filter(|one| one.len() == 36).count(),
        2,
        "{generations}"
    );
}

#[test]
fn who_disabled_a_device_at_its_hub_is_known_again() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = plant(folder.path());
    finish(&older, Some(&newer)).unwrap();
    let device = "SELECT device_id || ' ' || status || ' ' || COALESCE(status_reason, '') || hex(primary_key) AS row \
                  FROM device WHERE device_id IN ('off', 'again', 'gone')";
    let connection = open_existing(&older).unwrap();
    let all = format!("SELECT group_concat(row, '; ') FROM ({device} ORDER BY row)");
    assert_eq!(
        text(&connection, &all),
        "again enabled 02; gone disabled deleted after the backup that was restored01; \
         off disabled disabled in the device registry01"
    );
}

#[test]
fn what_a_newer_ca_signed_is_known_and_it_signs_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = plant(folder.path());
    let done = finish(&older, Some(&newer)).unwrap();
    assert_eq!(done.made_cas, 2);
    let cas = "SELECT id || ' ' || state || ' ' || (key_destroyed_at IS NOT NULL) AS row FROM ca \
               WHERE id IN ('ica7', 'ica8', 'ica9')";
    assert_eq!(rows(&older, cas), "ica8 revoked 1 ica9 closed 1");
    let leaves = "SELECT hex(serial) || revoked_at AS row FROM issued_certificate WHERE ca = 'ica9' AND serial = x'90'";
    assert_eq!(rows(&older, leaves), "907");
    let crl = "SELECT number || hex(der) || COALESCE(due_at, 'never') AS row FROM crl WHERE ca = 'ica9'";
    assert_eq!(rows(&older, crl), "599never");
}

#[test]
fn links_and_removals_that_were_asked_for_are_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = plant(folder.path());
    let done = finish(&older, Some(&newer)).unwrap();
    assert_eq!((done.made_links, done.removals), (2, 1));
    let links = "SELECT owner || '>' || namespace AS row FROM namespace_link";
    assert_eq!(rows(&older, links), "dps:s>ns hub:h>ns");
    let removals = "SELECT hub || '/' || device_id || ' ' || action || attempts AS row FROM hub_removal";
    assert_eq!(rows(&older, removals), "far/d delete0");
}

/// A column that is not read would be lost of every row that is there again.
#[test]
fn every_column_of_what_is_there_again_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (_, newer) = plant(folder.path());
    let connection = open_existing(&newer).unwrap();
    for table in [
        "enrollment",
        "enrollment_anchor",
        "disabled_anchor",
        "registry_device",
        "ca",
        "crl",
        "issued_certificate",
        "revoked_certificate",
    ] {
        let read = newer::columns_of(table).unwrap();
        let read: std::collections::BTreeSet<&str> = read.split(", ").collect();
        let mut statement = connection
            .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .unwrap();
        let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        for name in names.map(Result::unwrap) {
            assert!(read.contains(name.as_str()), "{table}.{name}");
        }
    }
}
