use std::collections::{BTreeMap, BTreeSet};

use provost_model::query::{Leaf, leaves};
use provost_model::twin::{Twin, TwinWrite};
use provost_model::{DeviceAuth, DeviceId, DeviceIdentity, InitialTwin, Random, Timestamp};
use provost_store::{IdSpan, Store, StoreError, TwinParts};
use provost_testkit::{SeededRandom, TestStore};
use serde_json::{Map, Value, json};

use super::devices::identity;
use super::{event, hub};

fn stamp(at: Timestamp) -> String {
    at.unix_seconds().to_string()
}

fn twin(tags: &Value) -> Twin {
    let initial = InitialTwin {
        tags: tags.as_object().cloned().unwrap(),
        desired: Map::new(),
    };
    Twin::new(&initial, Timestamp::from_unix_seconds(1), stamp)
}

fn device(id: &str) -> DeviceIdentity {
    identity(id, DeviceAuth::None)
}

fn id(id: &str) -> DeviceId {
    DeviceId::parse(id).unwrap()
}

async fn insert(store: &Store, name: &str, tags: Value) {
    let (device, twin) = (device(name), twin(&tags));
    let written: Result<(), StoreError> = store
        .write(move |tx| {
            tx.insert_device(&hub(), &device, &twin)?;
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
}

async fn set_tags(store: &Store, name: &str, tags: Value) {
    let name = id(name);
    let written: Result<(), StoreError> = store
        .write(move |tx| {
            let identity = name.into();
            let mut twin = tx.twin(&hub(), &identity)?.expect("a twin");
            let write = TwinWrite {
                tags: tags.as_object().cloned(),
                desired: None,
            };
            twin.replace(&write, Timestamp::from_unix_seconds(2), stamp)
                .unwrap();
            assert!(tx.update_twin(&hub(), &identity, &twin)?);
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
}

async fn delete(store: &Store, name: &str) {
    let name = id(name);
    let written: Result<(), StoreError> = store
        .write(move |tx| {
            assert!(tx.delete_device(&hub(), &name)?);
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
}

/// The whole index, and what it should be.
async fn index(store: &Store) -> (BTreeSet<(String, Leaf)>, BTreeSet<(String, Leaf)>) {
    let read: Result<_, StoreError> = store
        .scan(|tx| {
            let span = IdSpan {
                after: None,
                first: None,
                last: None,
                limit: 10_000,
            };
            Ok((
                tx.tag_leaves(&hub())?,
                tx.twins_within(&hub(), span, TwinParts::ALL)?,
            ))
        })
        .await;
    let (entries, rows) = read.unwrap();
    let found = entries
        .into_iter()
        .map(|(id, leaf)| (id.to_string(), leaf))
        .collect();
    let of_row = |(identity, twin): (DeviceIdentity, Twin)| {
        let id = identity.device_id.to_string();
        leaves(&twin.tags).into_iter().map(move |leaf| (id.clone(), leaf))
    };
    (found, rows.into_iter().flat_map(of_row).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_over_tags_is_that_of_the_tags_after_any_writes() {
    let test = TestStore::open().await;
    let random = SeededRandom::new(42);
    let byte = || {
        let mut bytes = [0; 1];
        random.fill(&mut bytes);
        usize::from(bytes[0])
    };
    let mut there = BTreeMap::new();
    for _ in 0..400 {
        let name = format!("d{}", byte() % 12);
        let value = match byte() % 6 {
            0 => json!(byte() % 3),
            1 => json!({ "inner": byte() % 3, "list": [1] }),
            2 => json!("nul\0and more"),
            3 => json!("long ".repeat(300)),
            4 => json!(true),
            _ => json!(-1.5),
        };
        let mut tags = json!({ "a": value, "site": format!("s{}", byte() % 3) });
        for extra in 0..byte() % 12 {
            tags[format!("x{extra}")] = json!(extra);
        }
        match (there.contains_key(&name), byte() % 4) {
            (false, _) => {
                insert(&test.store, &name, tags.clone()).await;
                there.insert(name, tags);
            }
            (true, 0) => {
                delete(&test.store, &name).await;
                there.remove(&name);
            }
            (true, _) => {
                set_tags(&test.store, &name, tags.clone()).await;
                there.insert(name, tags);
            }
        }
    }
    let (found, expected) = index(&test.store).await;
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_rolled_back_leaves_the_index_alone() {
    let test = TestStore::open().await;
    insert(&test.store, "a", json!({ "site": "x" })).await;
    let (before, _) = index(&test.store).await;
    let written: Result<(), StoreError> = test
        .store
        .write(|tx| {
            tx.delete_device(&hub(), &id("a"))?;
            tx.insert_device(&hub(), &device("b"), &twin(&json!({ "site": "y" })))?;
            Err(StoreError::Busy)
        })
        .await;
    assert!(written.is_err());
    assert_eq!(index(&test.store).await.0, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_lead_to_devices_in_order() {
    let test = TestStore::open().await;
    for (number, site) in [(3, "x"), (1, "x"), (2, "y"), (4, "x")] {
        insert(
            &test.store,
            &format!("d{number}"),
            json!({ "site": site, "n": number }),
        )
        .await;
    }
    let read: Result<_, StoreError> = test
        .store
        .scan(|tx| {
            let leaf = Leaf {
                path: "site".to_owned(),
                key: "sx".to_owned(),
            };
            let after = id("d1");
            let span = |after, limit| IdSpan {
                after,
                first: None,
                last: None,
                limit,
            };
            let numbers = leaves(json!({ "n": 2, "m": 4 }).as_object().unwrap());
            let keys: Vec<_> = numbers.iter().map(|leaf| leaf.key.as_str()).collect();
            let mut range = tx.devices_by_leaf_range(&hub(), "n", (keys[1], keys[0]), 9)?;
            range.sort();
            Ok((
                tx.devices_by_leaf(&hub(), &leaf, span(None, 2))?,
                tx.devices_by_leaf(&hub(), &leaf, span(Some(&after), 9))?,
                range,
                tx.count_leaf(&hub(), &leaf, 2)?,
                tx.twins_of(&hub(), &[id("d4"), id("nobody"), id("d1")], TwinParts::default())?,
            ))
        })
        .await;
    let (first, rest, range, count, rows) = read.unwrap();
    assert_eq!(first, [id("d1"), id("d3")]);
    assert_eq!(rest, [id("d3"), id("d4")]);
    assert_eq!(range, [id("d2"), id("d3"), id("d4")]);
    assert_eq!(count, 2);
    let names: Vec<_> = rows
        .iter()
        .map(|(identity, _)| identity.device_id.as_str())
        .collect();
    assert_eq!(names, ["d1", "d4"]);
    assert!(rows.iter().all(|(_, twin)| twin.tags.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_bound_a_stretch() {
    let test = TestStore::open().await;
    for name in ["a", "b", "c", "d", "z"] {
        insert(&test.store, name, json!({})).await;
    }
    let read: Result<_, StoreError> = test
        .store
        .scan(|tx| {
            let after = id("a");
            let bounded = IdSpan {
                after: Some(&after),
                first: Some("b"),
                last: Some("c"),
                limit: 9,
            };
            let open = IdSpan {
                after: Some(&after),
                first: None,
                last: None,
                limit: 9,
            };
            Ok((
                tx.twins_within(&hub(), bounded, TwinParts::ALL)?.len(),
                tx.twins_within(&hub(), open, TwinParts::ALL)?.len(),
            ))
        })
        .await;
    assert_eq!(read.unwrap(), (2, 4));
}
