use std::sync::Arc;

use provost_hub::{Feature, SessionEvent};
use provost_model::IfMatch;
use provost_model::twin::TwinWrite;
use serde_json::{Map, Value, json};

use crate::house::{House, device, event};

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn desired(value: &Value) -> TwinWrite {
    TwinWrite {
        tags: None,
        desired: Some(object(value)),
    }
}

#[tokio::test]
async fn s06_patch_replace_tags_and_limits() {
    let house = House::new().await;
    house.create("d1").await;
    let (caller, id) = (house.owner().await, device("d1"));
    let fresh = house.service.twin(&caller, &id).await.unwrap().twin;
    let tag = IfMatch::Tag(fresh.etag());
    let write = desired(&json!({"a": 1, "b": 2}));
    let patched = house
        .service
        .patch_twin(&caller, &id, write, tag.clone())
        .await
        .unwrap()
        .twin;
    assert_eq!((patched.desired.version, patched.version), (2, 3));
    let stale = house
        .service
        .patch_twin(&caller, &id, TwinWrite::default(), tag)
        .await;
    assert_eq!(stale.unwrap_err().code(), 412_001);
    let replaced = house
        .service
        .replace_twin(&caller, &id, desired(&json!({"b": 3})), IfMatch::Absent)
        .await
        .unwrap()
        .twin;
    assert_eq!(replaced.desired.value, object(&json!({"b": 3})));
    let wrong = desired(&json!({"a b": 1}));
    let refused = house.service.patch_twin(&caller, &id, wrong, IfMatch::Any).await;
    assert_eq!(refused.unwrap_err().code(), 400_004);
    let unknown = house.service.twin(&caller, &device("none")).await;
    assert_eq!(unknown.unwrap_err().code(), 404_001);
}

#[tokio::test]
async fn d13_reported_patch() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    let patch = |value: Value, expected| session.patch_reported(object(&value), expected);
    assert_eq!(patch(json!({"a": 1}), None).await.unwrap(), 2);
    assert_eq!(patch(json!({"a": null, "b": 1}), Some(2)).await.unwrap(), 3);
    assert_eq!(patch(json!({"c": 1}), Some(2)).await.unwrap_err().code(), 412_001);
    let long = "x".repeat(5000);
    assert_eq!(patch(json!({"a": long}), None).await.unwrap_err().code(), 400_004);
    let twin = session.twin().await.unwrap();
    assert_eq!(twin.reported.value, object(&json!({"b": 1})));
}

#[tokio::test]
async fn d14_desired_patch_reaches_a_subscriber_once() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    let (caller, id) = (house.owner().await, device("d1"));
    let patch = |value: Value| {
        house
            .service
            .patch_twin(&caller, &id, desired(&value), IfMatch::Any)
    };
    patch(json!({"before": 1})).await.unwrap();
    session.subscribe(Feature::Desired).await.unwrap();
    let only_tags = TwinWrite {
        tags: Some(object(&json!({"t": 1}))),
        desired: None,
    };
    house
        .service
        .patch_twin(&caller, &id, only_tags, IfMatch::Any)
        .await
        .unwrap();
    patch(json!({"a": 1, "before": null})).await.unwrap();
    let SessionEvent::Desired(told) = event(&session).await else {
        panic!("not a notification")
    };
    assert_eq!(
        (told.version, told.patch),
        (3, object(&json!({"a": 1, "before": null})))
    );
    session.unsubscribe_all(&[Feature::Desired]).await.unwrap();
    patch(json!({"a": 2})).await.unwrap();
    session.subscribe(Feature::Desired).await.unwrap();
    patch(json!({"a": 3})).await.unwrap();
    let SessionEvent::Desired(told) = event(&session).await else {
        panic!("not a notification")
    };
    assert_eq!(told.version, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn notifications_leave_in_the_order_of_versions() {
    let house = Arc::new(House::new().await);
    let session = house.connected("d1").await;
    session.subscribe(Feature::Desired).await.unwrap();
    let caller = house.owner().await;
    let writing: Vec<_> = (0..40)
        .map(|number| {
            let (house, caller) = (Arc::clone(&house), caller.clone());
            tokio::spawn(async move {
                let write = desired(&json!({ "n": number }));
                let id = device("d1");
                let patch = house.service.patch_twin(&caller, &id, write, IfMatch::Any);
                patch.await.unwrap();
            })
        })
        .collect();
    for expected in 2..42 {
        let SessionEvent::Desired(told) = event(&session).await else {
            panic!("not a notification")
        };
        assert_eq!(told.version, expected);
    }
    for writing in writing {
        writing.await.unwrap();
    }
}
