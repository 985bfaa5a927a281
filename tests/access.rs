//! Every operation and every kind of caller: who may do what is this table and nothing else.

mod policies;
mod roles;
mod strangers;

use std::collections::BTreeSet;

use provost_model::AccessRight;
use provost_testkit::Answer;

use self::policies::Policies;
use self::strangers::strangers;
use crate::operations::{Door, NAMES, Operation, World, catalogue, name};

#[tokio::test]
async fn the_catalogue_has_every_operation() {
    let world = World::new().await;
    let listed: BTreeSet<&str> = catalogue(&world)
        .iter()
        .map(|operation| name(operation.method, path(operation)))
        .collect();
    assert_eq!(listed, BTreeSet::from(NAMES));
}

/// The path, of a shape that can be read.
fn path(operation: &Operation) -> &'static str {
    Box::leak(operation.path.replace("{operation}", "4.0").into_boxed_str())
}

#[tokio::test]
async fn strangers_are_refused_and_the_right_alone_suffices() {
    let world = World::new().await;
    let policies = Policies::add(&world).await;
    let operations = catalogue(&world);
    for operation in &operations {
        for stranger in strangers(&world, &policies, operation.door) {
            let api = world
                .api(operation.door)
                .authorized(stranger.authorization.clone());
            let answer = world.call(&api, operation).await;
            let told = (answer.status, code(&answer));
            let expected = (u16::try_from(stranger.code / 1000).unwrap(), stranger.code);
            assert_eq!(
                told,
                expected,
                "{} by {}: {}",
                operation.title(),
                stranger.title,
                answer.body
            );
        }
    }
    for operation in &operations {
        let answer = world
            .call(&policies.sufficient(&world, operation.door), operation)
            .await;
        assert_eq!(
            answer.status,
            operation.status,
            "{}: {}",
            operation.title(),
            answer.body
        );
    }
}

#[tokio::test]
async fn writing_the_registry_implies_reading_it() {
    let world = World::new().await;
    let policies = Policies::add(&world).await;
    let api = policies.sufficient(&world, Door::Hub(AccessRight::RegistryWrite));
    for path in ["/devices/known", "/devices", "/statistics/devices"] {
        api.get(path).await.ok();
    }
}

/// The number of an error. The management plane has words only: there the status stands for it.
fn code(answer: &Answer) -> u32 {
    match answer.body["error"]["code"].as_str() {
        Some("InvalidAuthenticationToken") => 401_000,
        Some("AuthorizationFailed") => 403_001,
        Some(word) => panic!("{}: {word}", answer.asked),
        None => answer.code(),
    }
}
