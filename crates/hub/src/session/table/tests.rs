use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use provost_model::{SymmetricKey, Timestamp};

use super::super::subscription::Granted;
use super::*;
use crate::auth::AdmittedBy;

fn hub() -> HubName {
    HubName::parse("hub").unwrap()
}

fn device(number: u64) -> IdentityId {
    IdentityId::parse(&format!("d{number}")).unwrap()
}

fn admitted(generation: u64) -> Admitted {
    Admitted {
        by: AdmittedBy::DeviceKey(SymmetricKey::from_bytes(vec![1; 32]).unwrap()),
        hub_made_at: Timestamp::default(),
        generation_id: generation.to_string(),
        at: Timestamp::from_unix_seconds(1),
        expires_at: None,
    }
}

fn connect(table: &Arc<SessionTable>, number: u64) -> Place {
    let place = table.enter(&hub(), &device(number), false, None);
    place.link().begin_reading();
    assert!(place.admit(admitted(0)));
    place
}

#[test]
fn newcomer_takes_over_and_the_late_drop_of_the_old_changes_nothing() {
    let table = Arc::new(SessionTable::new());
    let old = connect(&table, 1);
    let new = connect(&table, 1);
    assert!(old.link().is_closed() && !new.link().is_closed());
    assert!(!old.leave());
    drop(old);
    let live = table.live(&hub(), &device(1)).unwrap();
    assert!(Arc::ptr_eq(&live, new.link()));
    assert_eq!(table.connected(&hub()), 1);
    assert!(new.leave());
    assert_eq!(table.connected(&hub()), 0);
    drop(new);
    assert_eq!(table.connected(&hub()), 0);
}

#[test]
fn one_being_judged_does_not_disturb_the_live_one() {
    let table = Arc::new(SessionTable::new());
    let live = connect(&table, 1);
    let newcomer = table.enter(&hub(), &device(1), false, None);
    drop(newcomer);
    assert!(!live.link().is_closed());
    assert!(table.live(&hub(), &device(1)).is_some());
}

#[test]
fn hubs_are_counted_apart_and_device_ids_keep_their_case() {
    let table = Arc::new(SessionTable::new());
    let other = HubName::parse("other").unwrap();
    let place = table.enter(&other, &IdentityId::parse("A").unwrap(), false, None);
    assert!(place.admit(admitted(0)));
    assert_eq!((table.connected(&hub()), table.connected(&other)), (0, 1));
    assert!(table.live(&other, &IdentityId::parse("a").unwrap()).is_none());
    let spelled_otherwise = HubName::parse("OTHER").unwrap();
    assert!(
        table
            .live(&spelled_otherwise, &IdentityId::parse("A").unwrap())
            .is_some()
    );
}

#[test]
fn modules_live_beside_their_device_and_are_found_with_it() {
    let table = Arc::new(SessionTable::new());
    let enter = |id: &str| {
        let place = table.enter(&hub(), &IdentityId::parse(id).unwrap(), false, None);
        assert!(place.admit(admitted(0)));
        place
    };
    let (own, one, other) = (enter("d"), enter("d/one"), enter("d/other"));
    let stranger = enter("e/one");
    assert!(
        [&own, &one, &other, &stranger]
            .iter()
            .all(|place| !place.link().is_closed())
    );
    assert_eq!(table.connected(&hub()), 1);
    let device = DeviceId::parse("d").unwrap();
    assert_eq!(table.look_after_change(&hub(), &device).len(), 3);
    let again = enter("d/one");
    assert!(one.link().is_closed() && !again.link().is_closed() && !own.link().is_closed());
    drop((own, one, again));
    assert_eq!(table.look_after_change(&hub(), &device).len(), 1);
    drop((other, stranger));
    assert!(table.shards().all(|shard| shard.lock().by_device.is_empty()));
}

#[test]
fn empty_slots_are_removed() {
    let table = Arc::new(SessionTable::new());
    for number in 0..100 {
        drop(connect(&table, number));
        drop(table.enter(&hub(), &device(number), false, None));
    }
    assert!(table.shards().all(|shard| shard.lock().by_device.is_empty()));
}

#[tokio::test]
async fn method_listener_waits_for_the_subscription() {
    let table = Arc::new(SessionTable::new());
    let place = connect(&table, 1);
    let waiting = {
        let table = Arc::clone(&table);
        tokio::spawn(async move { table.method_listener(&hub(), &device(1)).await })
    };
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    let mut subscriptions = Subscriptions::default();
    subscriptions.set(Feature::Methods, Some(Granted::AtMostOnce));
    place.subscribe(subscriptions);
    assert!(Arc::ptr_eq(&waiting.await.unwrap(), place.link()));
}

/// Whatever the interleaving of connects and revocations, no session admitted under a generation
/// that was revoked is live once the revoker has looked.
#[test]
fn no_revoked_session_survives() {
    const DEVICES: u64 = 4;
    let table = Arc::new(SessionTable::new());
    // The "store": the generation of each device that may connect.
    let stored: Arc<Vec<AtomicU64>> = Arc::new((0..DEVICES).map(|_| AtomicU64::new(0)).collect());
    thread::scope(|scope| {
        for worker in 0..6 {
            let (table, stored) = (Arc::clone(&table), Arc::clone(&stored));
            scope.spawn(move || {
                let mut held = Vec::new();
                for round in 0..3_000_u64 {
                    let number = (round + worker) % DEVICES;
                    let place = table.enter(&hub(), &device(number), false, None);
                    place.link().begin_reading();
                    let generation = stored[usize::try_from(number).unwrap()].load(Ordering::SeqCst);
                    if round % 3 == 0 {
                        thread::yield_now();
                    }
                    if place.admit(admitted(generation)) {
                        held.push(place);
                    }
                    if round % 7 == 0 {
                        held.clear();
                    }
                }
            });
        }
        for number in 0..DEVICES {
            let (table, stored) = (Arc::clone(&table), Arc::clone(&stored));
            scope.spawn(move || {
                let committed = &stored[usize::try_from(number).unwrap()];
                for _ in 0..2_000 {
                    let revoked = committed.fetch_add(1, Ordering::SeqCst);
                    for link in table.look_after_change(&hub(), &device(number).device_id) {
                        if link.admitted().unwrap().generation_id.parse::<u64>().unwrap() <= revoked {
                            table.evict(&link, CloseReason::CredentialChanged);
                        }
                    }
                    if let Some(link) = table.live(&hub(), &device(number)) {
                        let generation = &link.admitted().unwrap().generation_id;
                        assert!(generation.parse::<u64>().unwrap() > revoked);
                    }
                }
            });
        }
    });
    assert_eq!(table.connected(&hub()), 0);
    assert!(table.shards().all(|shard| shard.lock().by_device.is_empty()));
}

/// However many connect at once, exactly one session per device is live and the others know.
#[test]
fn one_live_session_per_device() {
    let table = Arc::new(SessionTable::new());
    let places: Vec<Place> = thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let table = &table;
                scope.spawn(move || (0..50).map(|round| connect(table, round % 5)).collect::<Vec<_>>())
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    assert_eq!(table.connected(&hub()), 5);
    let open: Vec<_> = places.iter().filter(|place| !place.link().is_closed()).collect();
    let devices: HashSet<_> = open
        .iter()
        .map(|place| place.link().device_id().clone())
        .collect();
    assert_eq!((open.len(), devices.len()), (5, 5));
}

#[test]
fn places_are_found_by_what_the_leaf_says_from_the_judging_to_the_end() {
    let table = Arc::new(SessionTable::new());
    let (one, other) = (Uuid::from_bytes([1; 16]), Uuid::from_bytes([2; 16]));
    let first = table.enter(&hub(), &device(1), false, Some(one));
    assert_eq!(
        table.places_of_leaves(one),
        [(hub(), device(1).device_id)],
        "while it is judged"
    );
    assert!(first.admit(admitted(0)));
    let by_another_name = table.enter(&hub(), &device(2), false, Some(one));
    let _stranger = table.enter(&hub(), &device(3), false, Some(other));
    assert_eq!(table.places_of_leaves(one).len(), 2);
    drop(by_another_name);
    assert!(table.evict(first.link(), CloseReason::Revoked));
    assert!(table.places_of_leaves(one).is_empty());
    assert_eq!(table.places_of_leaves(other).len(), 1);
}
