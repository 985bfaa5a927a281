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
        revocations_from: None,
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

#[tokio::test]
async fn a_newer_data_folder_is_not_replaced_without_force_and_kept_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (folder.path().join("data"), folder.path().join("backup"));
    data_folder(&data, 2).await;
    create(&data, &sqlite(&data), &to, now()).unwrap();
    add_events(&data, 4).await;
    let error = restore(&order(&to, &data, false), now()).unwrap_err().to_string();
    assert!(error.contains("4 more than the backup"), "{error}");
    let report = restore(&order(&to, &data, true), now()).unwrap();
    let kept = PathBuf::from(report["keptAside"].as_str().unwrap());
    assert_eq!(
        provost_store::sqlite_facts(&kept.join(DATABASE))
            .unwrap()
            .last_audit_event,
        6
    );
    // With the event of the restore; the key file was carried over, and opens the keys.
    assert!(
        provost_store::sqlite_facts(&data.join(DATABASE))
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
