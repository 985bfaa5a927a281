use std::sync::Arc;

use provost_keys::KeyProvider;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::{Action, Actor, AuditEvent, Clock};
use provost_store::{Store, StoreOptions};

use super::*;
use crate::config::KeysConfig;
use crate::serve::Ambient;

fn now() -> Timestamp {
    SystemClock.now()
}

/// A data folder as a server leaves it: a database with some audit events, a sealed key.
async fn data_folder(folder: &Path, events: usize) {
    let ambient = Ambient {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    private_file::make_folder(folder).unwrap();
    let keys = crate::serve::keys::open_ring(&KeysConfig::of_data(folder), &ambient).unwrap();
    keys.generate(&provost_keys::KeyPurpose {
        label: "ica-1".to_owned(),
        algorithm: provost_keys::KeyAlgorithm::P256,
    })
    .unwrap();
    add_events(folder, events).await;
}

async fn add_events(folder: &Path, events: usize) {
    let store = Store::open(StoreOptions {
        address: sqlite(folder),
        clock: Arc::new(SystemClock),
        queue: 10,
    })
    .await
    .unwrap();
    for _ in 0..events {
        store
            .write(|tx| {
                let event = AuditEvent::new(Actor::System, Action::Update, "test", "", "x");
                tx.record(&event, ())
            })
            .await
            .unwrap();
    }
}

fn sqlite(folder: &Path) -> StoreAddress {
    StoreAddress::Sqlite(folder.join(DATABASE))
}

fn order<'a>(from: &'a Path, data: &'a Path, force: bool) -> RestoreOrder<'a> {
    RestoreOrder {
        from,
        data,
        store: sqlite(data),
        is_store_named: false,
        revocations_from: None,
        without_revocations: false,
        force,
    }
}

#[tokio::test]
async fn a_backup_verifies_and_holds_nothing_that_opens_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (folder.path().join("data"), folder.path().join("backup"));
    data_folder(&data, 3).await;
    let made = create(&data, &sqlite(&data), &to, now()).unwrap();
    assert_eq!(made.last_audit_event, Some(3));
    assert_eq!(verify(&to).unwrap().files.len(), 3);
    assert!(data.join("keys/kek").exists() && !to.join("keys/kek").exists());
    // Another one goes elsewhere.
    assert!(create(&data, &sqlite(&data), &to, now()).is_err());
    for file in &made.files {
        let bytes = fs::read(to.join(&file.name)).unwrap();
        fs::write(to.join(&file.name), [bytes.as_slice(), b"x"].concat()).unwrap();
        assert!(verify(&to).is_err(), "{}", file.name.display());
        fs::write(to.join(&file.name), bytes).unwrap();
    }
    verify(&to).unwrap();
}

/// Names and bytes of everything below a folder, but for locks.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if !path.to_string_lossy().ends_with("lock") {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_restore_that_fails_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to, other) = (
        folder.path().join("data"),
        folder.path().join("backup"),
        folder.path().join("other"),
    );
    data_folder(&data, 2).await;
    create(&data, &sqlite(&data), &to, now()).unwrap();
    add_events(&data, 4).await;
    data_folder(&other, 9).await;
    fs::write(folder.path().join("no-database"), "text").unwrap();
    let before = contents(&data);
    for newer in [
        sqlite(&other),
        StoreAddress::Sqlite(folder.path().join("no-database")),
        StoreAddress::Sqlite(folder.path().join("nothing")),
    ] {
        let mut order = order(&to, &data, true);
        order.revocations_from = Some(newer);
        restore(&order, now()).unwrap_err();
        assert_eq!(contents(&data), before);
        refuse_cut_off(&data).unwrap();
    }
    // The retry shuts out what the one that was there had shut out.
    let report = restore(&order(&to, &data, true), now()).unwrap();
    assert!(
        report["revocationsFrom"].as_str().unwrap().ends_with(DATABASE),
        "{report}"
    );
    assert!(report["shutOutAgain"].is_object(), "{report}");
}

#[tokio::test]
async fn without_a_newer_database_nothing_is_restored_unless_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to, empty) = (
        folder.path().join("data"),
        folder.path().join("backup"),
        folder.path().join("empty"),
    );
    data_folder(&data, 2).await;
    create(&data, &sqlite(&data), &to, now()).unwrap();
    fs::create_dir(&empty).unwrap();
    let mut order = order(&to, &empty, false);
    let error = restore(&order, now()).unwrap_err().to_string();
    assert!(error.contains("--without-revocations"), "{error}");
    order.without_revocations = true;
    let report = restore(&order, now()).unwrap();
    assert!(
        report["revocationsFrom"]
            .as_str()
            .unwrap()
            .contains("let in again"),
        "{report}"
    );
    assert!(report["shutOutAgain"].is_null());
}

#[tokio::test]
async fn what_a_restore_reads_may_lie_in_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    data_folder(&data, 2).await;
    let to = data.join("backup");
    create(&data, &sqlite(&data), &to, now()).unwrap();
    add_events(&data, 4).await;
    let mut order = order(&to, &data, true);
    order.revocations_from = Some(sqlite(&data));
    let report = restore(&order, now()).unwrap();
    assert!(report["shutOutAgain"].is_object(), "{report}");
    verify(&to).unwrap();
    let kept = PathBuf::from(report["keptAside"].as_str().unwrap());
    assert_eq!(
        provost_store::database_facts(&sqlite(&kept))
            .unwrap()
            .last_audit_event,
        6
    );
    // Inside of what is replaced it may not.
    create(&data, &sqlite(&data), &data.join("keys/backup"), now()).unwrap();
    assert!(restore(&self::order(&data.join("keys/backup"), &data, true), now()).is_err());
}

#[tokio::test]
async fn a_database_elsewhere_is_backed_up_and_restored_there() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to, disk) = (
        folder.path().join("data"),
        folder.path().join("backup"),
        folder.path().join("disk"),
    );
    data_folder(&data, 2).await;
    fs::create_dir(&disk).unwrap();
    copy_sqlite(&data.join(DATABASE), &disk.join("hub.db")).unwrap();
    fs::remove_file(data.join(DATABASE)).unwrap();
    let store = StoreAddress::Sqlite(disk.join("hub.db"));
    let made = create(&data, &store, &to, now()).unwrap();
    assert_eq!(made.store, Some(disk.canonicalize().unwrap().join("hub.db")));
    let mut order = order(&to, &data, true);
    let error = restore(&order, now()).unwrap_err().to_string();
    assert!(error.contains("hub.db"), "{error}");
    order.store = store.clone();
    order.is_store_named = true;
    restore(&order, now()).unwrap();
    // With the event of the restore; what was there is beside it.
    assert_eq!(provost_store::database_facts(&store).unwrap().last_audit_event, 3);
    let names: Vec<_> = fs::read_dir(&disk)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        names
            .iter()
            .any(|name| name.to_string_lossy().starts_with("hub.db.before-restore-")),
        "{names:?}"
    );
    assert!(!data.join(DATABASE).exists());
}

#[tokio::test]
async fn keys_under_two_keks_make_no_backup() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (folder.path().join("data"), folder.path().join("backup"));
    data_folder(&data, 1).await;
    create(&data, &sqlite(&data), &to, now()).unwrap();
    for path in files_to_copy(&to).unwrap() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.len() < 32 {
            continue;
        }
        // As if it had been made of a folder where the key is gone, or sealed under another KEK.
        let text = fs::read_to_string(to.join(&path)).unwrap();
        let kek: serde_json::Value =
            serde_json::from_slice(&fs::read(to.join("keys/kek.json")).unwrap()).unwrap();
        let other = text.replace(kek["id"].as_str().unwrap(), "0000000000000000");
        assert_ne!(text, other);
        fs::write(data.join(&path), other).unwrap();
    }
    let error = create(&data, &sqlite(&data), &folder.path().join("second"), now()).unwrap_err();
    assert!(format!("{error:#}").contains("another KEK"), "{error:#}");
    assert!(!folder.path().join("second").exists());
}

#[tokio::test]
async fn a_newer_data_folder_is_not_replaced_without_force_and_kept_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (folder.path().join("data"), folder.path().join("backup"));
    data_folder(&data, 2).await;
    create(&data, &sqlite(&data), &to, now()).unwrap();
    add_events(&data, 4).await;
    let error = restore(&order(&to, &data, false), now()).unwrap_err().to_string();
    assert!(error.contains("4 more audit events"), "{error}");
    let report = restore(&order(&to, &data, true), now()).unwrap();
    let kept = PathBuf::from(report["keptAside"].as_str().unwrap());
    assert_eq!(
        provost_store::database_facts(&sqlite(&kept))
            .unwrap()
            .last_audit_event,
        6
    );
    // With the event of the restore; the key file was carried over, and opens the keys.
    assert!(
        provost_store::database_facts(&sqlite(&data))
            .unwrap()
            .last_audit_event
            >= 3
    );
    let source = crate::config::OpenedBy::OwnKeyFile(data.join("keys/kek"))
        .source()
        .unwrap();
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let keys = provost_keys::SealedKeys::open(
        &data.join("keys"),
        &source,
        std::time::Duration::ZERO,
        clock,
        random,
    );
    let keys = keys.unwrap();
    for key in keys.list().unwrap() {
        keys.check(&key.unwrap().key).unwrap();
    }
}

#[tokio::test]
async fn a_data_folder_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (folder.path().join("data"), folder.path().join("backup"));
    data_folder(&data, 1).await;
    create(&data, &sqlite(&data), &to, now()).unwrap();
    let ambient = Ambient {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    let served = crate::serve::keys::open_ring(&KeysConfig::of_data(&data), &ambient).unwrap();
    let error = restore(&order(&to, &data, true), now()).unwrap_err();
    assert!(format!("{error:#}").contains("in use"), "{error:#}");
    assert!(data.join(DATABASE).exists());
    drop(served);
    restore(&order(&to, &data, true), now()).unwrap();
}
