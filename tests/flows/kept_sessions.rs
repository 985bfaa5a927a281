//! iot-hub-device-api.md 2.4 and 18: sessions that outlive their connections, on the wire.

use std::time::Duration;

use provost_device::mqtt::{Message, MqttClient};
use provost_model::SymmetricKey;
use provost_testkit::{HubConnect, TestServer};
use provost_transport::mqtt::codec::QoS;
use serde_json::{Value, json};

use super::device_connect::device_with_key;

const SOON: Duration = Duration::from_secs(10);
const QUIET: Duration = Duration::from_millis(300);
const DESIRED: &str = "$iothub/twin/PATCH/properties/desired/#";
const METHODS: &str = "$iothub/methods/POST/#";

/// Connects and says whether the hub had kept the session.
async fn open(server: &TestServer, id: &str, key: &SymmetricKey) -> (MqttClient, bool) {
    let (client, connack) = HubConnect::of(server, id).key(key).open().await.unwrap();
    (client, connack.session_present)
}

async fn heard(client: &mut MqttClient) -> Message {
    client.next_publish(SOON).await.unwrap().expect("a message")
}

fn json_of(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}

async fn set_desired(server: &TestServer, id: &str, value: &Value) {
    let body = json!({ "properties": { "desired": value } });
    server.hub_api().patch(&format!("/twins/{id}"), &body).await.ok();
}

#[tokio::test]
async fn d_14_a_kept_session_is_told_on_return_what_changed_while_it_was_away() {
    let mut server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-14").await;
    let (mut client, is_present) = open(&server, "dev-14", &key).await;
    assert!(!is_present);
    client.subscribe(&[(DESIRED, QoS::AtMostOnce)]).await.unwrap();
    client.disconnect().await;
    set_desired(&server, "dev-14", &json!({ "rate": 1, "mode": "slow" })).await;
    set_desired(&server, "dev-14", &json!({ "rate": 2 })).await;
    server.restart().await;
    set_desired(&server, "dev-14", &json!({ "mode": null })).await;

    let (mut client, is_present) = open(&server, "dev-14", &key).await;
    assert!(is_present, "the session was kept through a restart");
    let told = heard(&mut client).await;
    assert_eq!(told.topic, "$iothub/twin/PATCH/properties/desired/?$version=4");
    // What came and went meanwhile is gone: nobody has to know whether the device heard of it.
    let expected = json!({ "rate": 2, "mode": null, "$version": 4 });
    assert_eq!(json_of(&told), expected);
    // Subscribing again, as every client does, tells nothing again.
    client.subscribe(&[(DESIRED, QoS::AtMostOnce)]).await.unwrap();
    assert_eq!(client.next_publish(QUIET).await.unwrap(), None);
    drop(client);
    let (mut client, _) = open(&server, "dev-14", &key).await;
    assert_eq!(client.next_publish(QUIET).await.unwrap(), None, "it is told once");
}

#[tokio::test]
async fn d_15_a_kept_session_hears_methods_without_subscribing_again() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-15").await;
    let (mut client, _) = open(&server, "dev-15", &key).await;
    client.subscribe(&[(METHODS, QoS::AtMostOnce)]).await.unwrap();
    let (mut client, is_present) = open(&server, "dev-15", &key).await;
    assert!(is_present, "the newcomer takes the session over");
    let body = json!({ "methodName": "reboot", "responseTimeoutInSeconds": 10 });
    let api = server.hub_api();
    let calling = api.post("/twins/dev-15/methods", &body);
    let answering = async {
        let call = heard(&mut client).await;
        let (_, rid) = call.topic.rsplit_once("$rid=").unwrap();
        let topic = format!("$iothub/methods/res/200/?$rid={rid}");
        client.publish(&topic, b"{}", QoS::AtMostOnce).await.unwrap();
    };
    let (answer, ()) = tokio::join!(calling, answering);
    assert_eq!(answer.ok()["status"], 200);
}

#[tokio::test]
async fn a_clean_session_forgets_what_was_kept_and_keeps_nothing() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-1").await;
    let (mut client, _) = open(&server, "dev-1", &key).await;
    client.subscribe(&[(DESIRED, QoS::AtLeastOnce)]).await.unwrap();
    drop(client);
    let clean = HubConnect::of(&server, "dev-1").key(&key).clean_session();
    let (mut client, connack) = clean.open().await.unwrap();
    assert!(!connack.session_present);
    client.subscribe(&[(DESIRED, QoS::AtLeastOnce)]).await.unwrap();
    drop(client);
    set_desired(&server, "dev-1", &json!({ "rate": 1 })).await;
    let (mut client, is_present) = open(&server, "dev-1", &key).await;
    assert!(!is_present);
    assert_eq!(client.next_publish(QUIET).await.unwrap(), None);
}

#[tokio::test]
async fn unsubscribing_is_kept_as_well() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-1").await;
    let (mut client, _) = open(&server, "dev-1", &key).await;
    let both = [(DESIRED, QoS::AtMostOnce), (METHODS, QoS::AtMostOnce)];
    client.subscribe(&both).await.unwrap();
    client.unsubscribe(&[DESIRED]).await.unwrap();
    drop(client);
    set_desired(&server, "dev-1", &json!({ "rate": 1 })).await;
    let (mut client, is_present) = open(&server, "dev-1", &key).await;
    assert!(is_present);
    assert_eq!(client.next_publish(QUIET).await.unwrap(), None);
}

#[tokio::test]
async fn s_14_a_device_made_anew_has_no_session_of_the_one_before() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-14").await;
    let (mut client, _) = open(&server, "dev-14", &key).await;
    client.subscribe(&[(METHODS, QoS::AtMostOnce)]).await.unwrap();
    server.hub_api().delete("/devices/dev-14").await.no_content();
    assert!(client.closed(SOON).await);
    let (_, key) = device_with_key(&server, "dev-14").await;
    let (_, is_present) = open(&server, "dev-14", &key).await;
    assert!(!is_present);
}
