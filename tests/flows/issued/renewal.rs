use std::time::Duration;

use provost_device::DeviceError;
use provost_device::certificate::SigningRequest;
use provost_device::hub::HubSession;
use provost_pki::Certificate;
use provost_transport::mqtt::codec::QoS;
use provost_wire::hub::device::{CREDENTIALS_FILTER, parse_credentials_topic, renewal_topic};
use serde_json::{Value, json};

use super::plant::{Plant, policy};

const SOON: Duration = Duration::from_secs(20);
/// Long enough for an answer that must not come: what is asked afterwards was answered by then.
const NOTHING: Duration = Duration::from_millis(300);

/// A connected device that listens for answers about certificates.
pub(super) async fn listening(plant: &Plant, id: &str) -> HubSession {
    let mut session = plant.connect(&plant.certify(id).await).await;
    session.subscribe_credentials().await.unwrap();
    session
}

async fn send(session: &mut HubSession, rid: &str, body: &str) {
    let sent = session
        .mqtt()
        .publish(&renewal_topic(rid), body.as_bytes(), QoS::AtMostOnce)
        .await;
    sent.unwrap();
}

async fn ask(session: &mut HubSession, rid: &str, body: &Value) {
    send(session, rid, &body.to_string()).await;
}

/// The next answer: status, id, body.
async fn answer(session: &mut HubSession) -> (u16, String, Value) {
    let message = session
        .mqtt()
        .next_publish(SOON)
        .await
        .unwrap()
        .expect("no answer");
    let (status, rid) = parse_credentials_topic(&message.topic).expect("another topic");
    let body = serde_json::from_slice(&message.payload).unwrap();
    (status, rid.to_owned(), body)
}

async fn is_silent(session: &mut HubSession) -> bool {
    session.mqtt().next_publish(NOTHING).await.unwrap().is_none()
}

fn body(id: &str, request: &SigningRequest) -> Value {
    json!({ "id": id, "csr": request.csr(), "replace": null })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_admitted_and_the_one_before_too() {
    let (plant, clock) = Plant::open_with_clock().await;
    let first = plant.certify("press").await;
    let mut session = plant.connect(&first).await;
    session.subscribe_credentials().await.unwrap();
    let request = SigningRequest::new("press").unwrap();
    ask(&mut session, "renew-1", &body("press", &request)).await;
    let (status, rid, accepted) = answer(&mut session).await;
    assert_eq!((status, rid.as_str()), (202, "renew-1"));
    assert!(accepted["operationExpires"].as_str().unwrap().ends_with('Z'));
    let (status, rid, issued) = answer(&mut session).await;
    assert_eq!((status, rid.as_str()), (200, "renew-1"));
    assert_eq!(issued["correlationId"], accepted["correlationId"]);
    assert_eq!(issued["certificates"].as_array().unwrap().len(), 3);
    clock.advance(Duration::from_secs(2));
    // The session goes on, and so does the key pair of the next connection.
    let second = session
        .renew_certificate("renew-2", SigningRequest::new("press").unwrap().csr(), SOON)
        .await
        .unwrap();
    let leaf = Certificate::from_der(&second[0]).unwrap();
    let identifier = plant.device("press").await.identifier;
    assert_eq!(
        leaf.device_identifier(),
        Some(identifier),
        "renewal rotates nothing"
    );
    assert!(plant.connects(&first).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_renewed_key_connects() {
    let plant = Plant::open().await;
    let mut session = listening(&plant, "press").await;
    let request = SigningRequest::new("press").unwrap();
    let chain = session
        .renew_certificate("renew-1", request.csr(), SOON)
        .await
        .unwrap();
    let certificate = request.answered(chain).unwrap();
    let device = provost_testkit::Device::with_identity("press", certificate.identity().clone());
    assert!(device.connect(&plant.server).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_goes_through_a_websocket() {
    let plant = Plant::open().await;
    let certified = plant
        .certify_over("press", provost_testkit::Via::MqttWebSocket)
        .await;
    let mut session = certified.device.connect_over(&plant.server, true).await.unwrap();
    session.subscribe_credentials().await.unwrap();
    let request = SigningRequest::new("press").unwrap();
    ask(&mut session, "renew-1", &body("press", &request)).await;
    let (status, rid, accepted) = answer(&mut session).await;
    assert_eq!((status, rid.as_str()), (202, "renew-1"));
    let (status, rid, issued) = answer(&mut session).await;
    assert_eq!((status, rid.as_str()), (200, "renew-1"));
    assert_eq!(issued["correlationId"], accepted["correlationId"]);
}

/// What is asked of a session whose user name names an older api-version.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_version_before_certificate_management_is_told_its_number() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    for tail in ["/?api-version=2021-04-12", ""] {
        let identity = certified.certificate.identity().clone();
        let connect = provost_testkit::HubConnect::of(&plant.server, "press").identity(identity);
        let mut client = connect.username_tail(tail).connect().await.unwrap();
        let filter = [(CREDENTIALS_FILTER, QoS::AtMostOnce)];
        client.subscribe(&filter).await.unwrap();
        let request = SigningRequest::new("press").unwrap();
        let text = body("press", &request).to_string();
        let topic = renewal_topic("renew-1");
        client
            .publish(&topic, text.as_bytes(), QoS::AtMostOnce)
            .await
            .unwrap();
        let told = client.next_publish(SOON).await.unwrap().expect("an answer");
        assert_eq!(parse_credentials_topic(&told.topic), Some((400, "renew-1")));
        let told: Value = serde_json::from_slice(&told.payload).unwrap();
        assert_eq!(told["errorCode"], 400_001, "{tail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_are_counted_for_operators() {
    let plant = Plant::open().await;
    let mut session = listening(&plant, "press").await;
    send(&mut session, "renew-0", "{").await;
    assert_eq!(answer(&mut session).await.0, 400);
    let request = SigningRequest::new("press").unwrap();
    let chain = session.renew_certificate("renew-1", request.csr(), SOON).await;
    assert!(chain.is_ok());
    let hub = plant.server.hub_name();
    let expected = [
        ("refused", "400006"),
        ("accepted", ""),
        ("issued", ""),
        ("delivered", ""),
    ]
    .map(|(step, code)| {
        let labels = format!("hub=\"{}\",step=\"{step}\",code=\"{code}\"", hub.key());
        format!("provost_certificate_renewals_total{{{labels}}} 1")
    });
    let answer = plant.server.own_api().get("/provost/metrics").await;
    let text = String::from_utf8_lossy(&answer.raw);
    for line in expected {
        assert!(
            text.lines().any(|present| present == line),
            "{line} is not in\n{text}"
        );
    }
    let pending = format!("provost_certificate_renewals_pending{{hub=\"{}\"}} 0", hub.key());
    assert!(text.contains(&pending), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_body_is_told_by_number_and_name() {
    let plant = Plant::open().await;
    let mut session = listening(&plant, "press").await;
    for (text, code, word) in [
        ("", 400_004, "empty"),
        ("{", 400_006, "JSON"),
        (r#"{"id":"other","csr":"AAAA"}"#, 400_004, "`id`"),
        (r#"{"id":"press"}"#, 400_004, "`csr`"),
        (r#"{"id":"press","csr":"AAAA","extra":1}"#, 400_004, "member"),
    ] {
        send(&mut session, "renew-1", text).await;
        let (status, rid, body) = answer(&mut session).await;
        assert_eq!((status, rid.as_str()), (400, "renew-1"), "{text}");
        assert_eq!(body["errorCode"], code, "{text}");
        assert!(body["message"].as_str().unwrap().contains(word), "{body}");
        assert!(body["timestampUtc"].as_str().unwrap().ends_with('Z'));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_none_or_for_another_name_is_accepted_and_then_refused() {
    let (plant, clock) = Plant::open_with_clock().await;
    let mut session = listening(&plant, "press").await;
    for (rid, csr, word) in [
        ("renew-1", "AAAA".to_owned(), "FailedToDecodeCsr"),
        (
            "renew-2",
            SigningRequest::new("other").unwrap().csr().to_owned(),
            "CertificateValidationFailed",
        ),
    ] {
        ask(&mut session, rid, &json!({ "id": "press", "csr": csr })).await;
        let (status, _, accepted) = answer(&mut session).await;
        assert_eq!(status, 202);
        let (status, told, body) = answer(&mut session).await;
        assert_eq!((status, told.as_str()), (400, rid));
        assert_eq!(body["errorCode"], 400_040);
        assert_eq!(body["info"]["correlationId"], accepted["correlationId"]);
        assert_eq!(body["info"]["credentialError"], word);
        clock.advance(Duration::from_secs(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_and_request_get_the_same_certificate_again() {
    let plant = Plant::open().await;
    let mut session = listening(&plant, "press").await;
    let request = SigningRequest::new("press").unwrap();
    let first = session
        .renew_certificate("renew-1", request.csr(), SOON)
        .await
        .unwrap();
    let again = session
        .renew_certificate("renew-1", request.csr(), SOON)
        .await
        .unwrap();
    assert_eq!(first, again);
    let other = SigningRequest::new("press").unwrap();
    let refused = session.renew_certificate("renew-1", other.csr(), SOON).await;
    assert!(matches!(refused, Err(DeviceError::Status { status: 409, .. })));
    let mut replacing = body("press", &other);
    replacing["replace"] = json!("renew-1");
    ask(&mut session, "renew-1", &replacing).await;
    let (status, _, told) = answer(&mut session).await;
    assert_eq!((status, &told["errorCode"]), (412, &json!(412_001)));
    assert_eq!(told["info"], json!({ "requestId": "renew-1" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_subscription_or_id_there_is_no_answer() {
    let plant = Plant::open().await;
    let mut session = plant.connect(&plant.certify("press").await).await;
    let request = SigningRequest::new("press").unwrap();
    ask(&mut session, "renew-1", &body("press", &request)).await;
    assert!(is_silent(&mut session).await);
    session.subscribe_credentials().await.unwrap();
    assert!(is_silent(&mut session).await, "nothing was done for it");
    let topic = "$iothub/credentials/POST/issueCertificate/";
    let text = body("press", &request).to_string();
    let sent = session
        .mqtt()
        .publish(topic, text.as_bytes(), QoS::AtLeastOnce)
        .await;
    sent.unwrap();
    assert!(is_silent(&mut session).await);
    assert!(
        session
            .renew_certificate("renew-2", request.csr(), SOON)
            .await
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_singular_filter_is_an_alias() {
    let plant = Plant::open().await;
    let mut session = plant.connect(&plant.certify("press").await).await;
    let filter = [("$iothub/credential/#", QoS::AtMostOnce)];
    session.mqtt().subscribe(&filter).await.unwrap();
    let request = SigningRequest::new("press").unwrap();
    assert!(
        session
            .renew_certificate("renew-1", request.csr(), SOON)
            .await
            .is_ok()
    );
    assert_ne!(filter[0].0, CREDENTIALS_FILTER);
}

/// A-038: no policy, no renewal. The precondition is told before or after the request is accepted.
#[tokio::test(flavor = "multi_thread")]
async fn a_038_after_the_policy_is_deleted_renewal_fails_with_a_precondition() {
    let plant = Plant::open().await;
    let mut session = listening(&plant, "press").await;
    let deleted = plant
        .registry()
        .delete_policy(&plant.caller, &super::plant::namespace(), &policy())
        .await;
    deleted.unwrap();
    let request = SigningRequest::new("press").unwrap();
    let refused = session.renew_certificate("renew-1", request.csr(), SOON).await;
    let Err(DeviceError::Status { status, body }) = refused else {
        panic!("{refused:?}");
    };
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &body["errorCode"]), (412, &json!(412_005)));
}

/// A-016: what was asked for before a revocation comes to nothing after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_016_no_certificate_asked_for_before_a_revocation_is_handed_out_after_it() {
    let plant = Plant::open().await;
    let mut session = listening(&plant, "press").await;
    let request = SigningRequest::new("press").unwrap();
    session
        .renew_certificate("renew-1", request.csr(), SOON)
        .await
        .unwrap();
    plant.revoke("press", false).await;
    assert!(session.closed(SOON).await);
    let mut session = listening(&plant, "press").await;
    assert!(is_silent(&mut session).await);
    let again = SigningRequest::new("press").unwrap();
    let chain = session
        .renew_certificate("renew-1", again.csr(), SOON)
        .await
        .unwrap();
    let leaf = Certificate::from_der(&chain[0]).unwrap();
    assert_eq!(
        leaf.device_identifier(),
        Some(plant.device("press").await.identifier)
    );
}
