//! Runs whose webhook is asked.

use super::*;

#[tokio::test]
async fn the_twin_of_a_webhook_beats_the_one_carried_over() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    run(&house, &leaf).await;
    let all = json!({"iotHubs": ["one.localhost", "far.localhost"]});
    send_by_webhook(&house, &leaf, all).await;
    house.outside.answer(
        200,
        r#"{"iotHubHostName":"one.localhost","initialTwin":{"tags":{"from":"webhook"}},"payload":5}"#,
    );
    assert_eq!(run(&house, &leaf).await, at("one", Substatus::DeviceDataMigrated));
    let identity = house.hubs.identity("one", "press-1").unwrap();
    assert_eq!(identity.initial_twin.tags["from"], "webhook");
    let asked = house.outside.asked.lock().unwrap()[0].clone();
    assert_eq!(
        asked["deviceRuntimeContext"]["currentIotHubHostName"],
        "far.localhost"
    );
}

#[tokio::test]
async fn an_answer_for_an_entry_that_changed_is_asked_for_again() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    let far = json!({"iotHubs": ["far.localhost"]});
    send_by_webhook(&house, &leaf, far.clone()).await;
    house.outside.answer(200, r#"{"iotHubHostName":"far.localhost"}"#);
    house.outside.set_trouble(Some(unreachable()));
    begin(&house, &leaf).await;
    house.work().await;
    assert_eq!(house.outside.asked(), 1);
    // Nothing changed: the answer is kept over the tries.
    house.clock.advance(Duration::from_secs(2));
    house.work().await;
    assert_eq!(house.outside.asked(), 1);
    send_by_webhook(
        &house,
        &leaf,
        json!({"iotHubs": ["far.localhost", "one.localhost"]}),
    )
    .await;
    house.outside.set_trouble(None);
    house.clock.advance(Duration::from_secs(4));
    house.work().await;
    assert_eq!(house.outside.asked(), 2);
    assert_eq!(state(&house).await, at("far", Substatus::InitialAssignment));
}

#[tokio::test]
async fn a_webhook_is_tried_three_times_with_pauses() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send_by_webhook(&house, &leaf, json!({})).await;
    house.outside.answer(503, "");
    begin(&house, &leaf).await;
    for (pause, asked) in [(0, 1), (1, 2), (1, 2), (1, 3)] {
        house.clock.advance(Duration::from_secs(pause));
        house.work().await;
        assert_eq!(house.outside.asked(), asked);
    }
    let ended = state(&house).await;
    assert_eq!(
        failure(&ended),
        (400_207, "Custom allocation failed with status code: 503")
    );
}

#[tokio::test]
async fn an_address_that_is_forbidden_is_tried_once() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send_by_webhook(&house, &leaf, json!({})).await;
    let forbidden = WebhookError::Forbidden("the address is private".to_owned());
    house.outside.answers.lock().unwrap().push_back(Err(forbidden));
    let ended = run(&house, &leaf).await;
    assert_eq!(
        failure(&ended),
        (400_207, "Custom allocation failed: the address is private")
    );
    assert_eq!(house.outside.asked(), 1);
}

/// What somebody else says is not stored as it stands.
#[tokio::test]
async fn a_nul_in_what_others_say_reaches_no_row() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send_by_webhook(&house, &leaf, json!({})).await;
    house.outside.answer(400, "a\0b");
    run(&house, &leaf).await;
    let dps = house.instance.name.clone();
    let call = house.service.allocation_call(&house.caller, dps, id("press-1"));
    assert_eq!(call.await.unwrap().answer.as_deref(), Some("a b"));

    send(&house, &leaf, "far.localhost", json!({})).await;
    let said = RemoteHubError::Unauthorized(format!("no\0{}", "x".repeat(5_000)));
    house.outside.set_trouble(Some(said));
    let ended = run(&house, &leaf).await;
    let message = failure(&ended).1.to_owned();
    assert!(!message.contains('\0') && message.len() <= 1_000, "{message}");
    let health = house.service.find_hub(&hub("far")).await.unwrap().unwrap().1;
    let error = health.error.unwrap();
    assert!(!error.contains('\0') && error.len() <= 1_000, "{error}");
}
