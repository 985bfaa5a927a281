//! Runs that are tried again, and runs that wait.

use super::*;

#[tokio::test]
async fn a_hub_that_is_down_is_tried_until_patience_ends() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    house.outside.set_trouble(Some(unreachable()));
    begin(&house, &leaf).await;
    for _ in 0..9 {
        house.work().await;
        assert_eq!(state(&house).await, RegistrationState::Assigning);
        house.clock.advance(Duration::from_secs(31));
    }
    house.clock.advance(Duration::from_secs(31));
    house.work().await;
    let ended = state(&house).await;
    assert_eq!(
        failure(&ended),
        (400_209, "IoT hub far.localhost cannot be reached: down")
    );
}

/// A hub that answers 429 is there: the run waits as it is told, and others are not kept from it.
#[tokio::test]
async fn a_busy_hub_stays_healthy_and_says_when() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    house.outside.set_trouble(Some(RemoteHubError::Busy {
        reason: "HTTP 429".to_owned(),
        retry_after: Some(Duration::from_secs(20)),
    }));
    begin(&house, &leaf).await;
    house.work().await;
    let health = house.service.find_hub(&hub("far")).await.unwrap().unwrap().1;
    assert_eq!(health.state, provost_model::HubHealthState::Healthy);
    house.outside.set_trouble(None);
    house.clock.advance(Duration::from_secs(19));
    house.work().await;
    assert_eq!(state(&house).await, RegistrationState::Assigning);
    house.clock.advance(Duration::from_secs(1));
    house.work().await;
    assert_eq!(state(&house).await, at("far", Substatus::InitialAssignment));
}

/// A device that asks again and again does not make the pauses shorter.
#[tokio::test]
async fn registering_again_hurries_nothing() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    house.outside.set_trouble(Some(unreachable()));
    begin(&house, &leaf).await;
    for _ in 0..4 {
        house.work().await;
        house.clock.advance(Duration::from_secs(10));
    }
    house.work().await;
    let due = house.next_outbound().await.unwrap();
    assert!(due > provost_model::Clock::now(&house.clock));
    begin(&house, &leaf).await;
    assert_eq!(house.next_outbound().await, Some(due));
}

#[test]
fn whoever_waits_for_a_turn_waits_longer_and_not_with_the_others() {
    let random = provost_model::ambient::SystemRandom;
    let waits = |age: u64| -> Vec<Duration> {
        let wait =
            || crate::pending::wait_for_turn(Duration::from_secs(age), Duration::from_secs(1), &random);
        std::iter::repeat_with(wait).take(200).collect()
    };
    for (age, longest) in [(0, 1), (40, 10), (10_000, 30)] {
        let (waits, longest) = (waits(age), Duration::from_secs(longest));
        assert!(
            waits.iter().all(|wait| (longest / 2..=longest).contains(wait)),
            "{age}"
        );
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{age}");
    }
}

/// A store that fails in the middle of a run costs a try, and the run goes on after a pause.
#[tokio::test]
async fn a_run_that_fails_within_is_tried_after_a_pause() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    begin(&house, &leaf).await;
    let mut run = take(&house).await;
    // As a row would be that cannot be read back.
    run.work.proof.chain = vec![provost_model::CertificateDer(vec![0])];
    assert!(house.service.run_pending(run).await.is_err());
    let now = provost_model::Clock::now(&house.clock);
    assert_eq!(
        house.next_outbound().await,
        Some(now.after(Duration::from_secs(1)))
    );
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(take(&house).await.work.attempts, 1);
}

/// One run tries a hub that is down; the others stand back and leave the workers to those who can go on.
#[tokio::test]
async fn a_hub_that_is_down_is_tried_by_one_run_at_a_time() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    let down = unreachable();
    house.service.note_health(&hub("far"), Err(&down)).await;
    let turn = house.service.turns().take("far", 1).unwrap();
    begin(&house, &leaf).await;
    house.work().await;
    assert_eq!(state(&house).await, RegistrationState::Assigning);
    let waiting = house.next_outbound().await.unwrap();
    assert!(waiting > provost_model::Clock::now(&house.clock));
    drop(turn);
    house.clock.advance(Duration::from_secs(2));
    house.work().await;
    assert_eq!(state(&house).await, at("far", Substatus::InitialAssignment));
}

#[tokio::test]
async fn standing_back_ends_with_patience_too() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    let down = unreachable();
    house.service.note_health(&hub("far"), Err(&down)).await;
    let _turn = house.service.turns().take("far", 1).unwrap();
    begin(&house, &leaf).await;
    house.clock.advance(Duration::from_mins(5));
    house.work().await;
    let ended = state(&house).await;
    assert_eq!(
        failure(&ended),
        (400_209, "IoT hub far.localhost cannot be reached: down")
    );
}
