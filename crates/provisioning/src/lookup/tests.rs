//! A caller kept for a connection, while other entries than its own change: a refusal is not late
//! even within the time a decision may be kept.

use provost_model::RegistrationState;
use provost_wire::dps::device::RegisterRequest;

use crate::RegistrationCaller;
use crate::fixture::{House, Made, disabled, pinned, signed};

struct Kept {
    house: House,
    root: Made,
    leaf: Made,
    caller: RegistrationCaller,
}

impl Kept {
    /// Proven under an enabled group of its intermediate.
    async fn new() -> Self {
        let house = House::new().await;
        let root = Made::root("root");
        let line = root.ca("line");
        let leaf = line.leaf("press-1");
        house.group("line", signed(&line)).await.unwrap();
        let proof = house.by_chain("press-1", leaf.with(&[&line]));
        let caller = house.service.authenticate(proof).await.unwrap();
        Self {
            house,
            root,
            leaf,
            caller,
        }
    }

    async fn state(&self) -> RegistrationState {
        let service = &self.house.service;
        let request = RegisterRequest::default();
        let operation = service.register(&self.caller, &request).await.unwrap();
        let outcome = service.operation_status(&self.caller, operation.as_str()).await;
        outcome.unwrap().1.record.state
    }
}

#[tokio::test]
async fn a_group_above_that_appears_disabled_counts_at_once() {
    let kept = Kept::new().await;
    assert!(kept.state().await.assignment().is_some());
    kept.house
        .group("root", disabled(signed(&kept.root)))
        .await
        .unwrap();
    assert_eq!(kept.state().await, RegistrationState::Disabled);
    kept.house.group("root", signed(&kept.root)).await.unwrap();
    assert!(kept.state().await.assignment().is_some());
}

#[tokio::test]
async fn a_disabled_entry_that_takes_the_leaf_counts_at_once() {
    let kept = Kept::new().await;
    kept.house
        .enroll("quarantine", disabled(pinned(&kept.leaf)))
        .await
        .unwrap();
    assert_eq!(kept.state().await, RegistrationState::Disabled);
    kept.house.enroll("quarantine", pinned(&kept.leaf)).await.unwrap();
    assert!(kept.state().await.assignment().is_some());
}
