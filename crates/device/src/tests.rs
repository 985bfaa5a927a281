//! The clients against a scripted server.

use std::time::Duration;

use provost_model::SymmetricKey;
use provost_pki::issue::Profile;
use provost_transport::mqtt::codec::{ConnectReturnCode, QoS};
use serde_json::json;

use crate::fixture::{FixedClock, Server, identity};
use crate::hub::{HubEvent, HubLogin, HubSession};
use crate::mqtt::{ConnectOptions, MqttClient};
use crate::provisioning::{
    API_VERSION, PollDelay, RegisterError, Registration, RegistrationOutcome, RegistrationStatus, Transport,
    register,
};
use crate::tls::{ClientIdentity, TlsVersion};
use crate::{DeviceError, Target};

const WAIT: Duration = Duration::from_secs(10);

fn key() -> SymmetricKey {
    SymmetricKey::from_bytes(vec![7; 32]).unwrap()
}

async fn registered(
    server: &Server,
    (transport, websocket): (Transport, bool),
    (shown, key): (Option<&ClientIdentity>, Option<&SymmetricKey>),
    version: TlsVersion,
) -> Result<RegistrationOutcome, RegisterError> {
    let registration = Registration {
        target: &server.target(websocket || transport == Transport::Https),
        tls: &server.tls(shown, version),
        transport,
        id_scope: "0ne00111111",
        registration_id: "dev-1",
        key,
        api_version: API_VERSION,
        payload: Some(json!({"model": 7})),
        csr: None,
        poll_delay: PollDelay::Fixed(Duration::ZERO),
        patience: WAIT,
    };
    register(&registration, &FixedClock).await
}

const WAYS: [(Transport, bool); 3] = [
    (Transport::Mqtt, false),
    (Transport::Mqtt, true),
    (Transport::Https, false),
];

#[tokio::test]
async fn a_device_registers_over_every_transport_with_either_proof() {
    let server = Server::start();
    let (chain, private) = identity("dev-1", &Profile::Client);
    let shown = ClientIdentity::from_der(chain, &private).unwrap();
    let key = key();
    for way in WAYS {
        for (proof, version) in [
            ((Some(&shown), None), TlsVersion::Tls12),
            ((Some(&shown), None), TlsVersion::Tls13),
            ((None, Some(&key)), TlsVersion::Any),
        ] {
            let outcome = registered(&server, way, proof, version).await.unwrap();
            assert_eq!(outcome.status, RegistrationStatus::Assigned);
            assert_eq!(outcome.assigned_hub.as_deref(), Some("hub.test"));
            assert_eq!(outcome.device_id.as_deref(), Some("dev-1"));
        }
    }
}

#[tokio::test]
async fn a_refused_registration_keeps_status_code_and_tracking_id() {
    let server = Server::start();
    for way in WAYS {
        let error = registered(&server, way, (None, None), TlsVersion::Any)
            .await
            .unwrap_err();
        let RegisterError::Refused {
            status,
            error_code,
            tracking_id,
            retry_after,
            ..
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!(
            (status, error_code, tracking_id.as_deref()),
            (401, Some(401_002), Some("t"))
        );
        assert_eq!(retry_after, Some(Duration::from_secs(3)));
    }
}

#[tokio::test]
async fn a_hub_session_talks_both_ways() {
    let server = Server::start();
    for websocket in [false, true] {
        let login = HubLogin {
            hub: "hub.test",
            device_id: "dev-1",
            key: Some(&key()),
            keep_alive: 60,
        };
        let (target, tls) = (server.target(websocket), server.tls(None, TlsVersion::Any));
        let mut session = HubSession::connect(&target, &tls, &login, &FixedClock)
            .await
            .unwrap();
        session.subscribe().await.unwrap();
        assert_eq!(session.twin_get().await.unwrap()["desired"]["$version"], 7);
        let Some(HubEvent::DesiredPatch { version: 7, patch }) = session.next_event(WAIT).await.unwrap()
        else {
            panic!("the patch that overtook the answer is lost");
        };
        assert_eq!(patch, br#"{"fan":1,"$version":7}"#);
        assert_eq!(session.patch_reported(&json!({"fan": 1})).await.unwrap(), Some(2));
        let error = session.patch_reported(&json!(null)).await.unwrap_err();
        assert!(
            matches!(error, DeviceError::Status { status: 400, .. }),
            "{error:?}"
        );
        let properties = [("$.ct", "application/json"), ("a b", "c&d")];
        session.send_telemetry(b"{}", &properties).await.unwrap();
        let Some(HubEvent::Method { name, rid, .. }) = session.next_event(WAIT).await.unwrap() else {
            panic!("no method");
        };
        assert_eq!((name.as_str(), rid.as_str()), ("reboot", "1f"));
        session.answer_method(&rid, 200, b"{}").await.unwrap();
        assert!(matches!(
            session.next_event(WAIT).await.unwrap(),
            Some(HubEvent::Other(_))
        ));
        assert!(session.next_event(Duration::ZERO).await.unwrap().is_none());
        session.disconnect().await;
    }
}

fn options(client_id: &str) -> ConnectOptions {
    ConnectOptions {
        client_id: client_id.to_owned(),
        keep_alive: 1,
        ..ConnectOptions::default()
    }
}

#[tokio::test]
async fn a_refused_connect_names_its_code() {
    let server = Server::start();
    let tls = server.tls(None, TlsVersion::Any);
    let error = MqttClient::connect(&server.target(false), &tls, &options("refused"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, DeviceError::Refused(ConnectReturnCode::NotAuthorized)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_close_by_the_server_is_noticed_and_a_quiet_connection_is_kept_alive() {
    let server = Server::start();
    let tls = server.tls(None, TlsVersion::Any);
    for websocket in [false, true] {
        let target = server.target(websocket);
        let (mut client, _) = MqttClient::connect(&target, &tls, &options("dev-1"))
            .await
            .unwrap();
        // Two pings go out in this time; a third would fail if they were not answered.
        assert_eq!(
            client.next_publish(Duration::from_millis(1_700)).await.unwrap(),
            None
        );
        assert!(!client.closed(Duration::ZERO).await);
        client
            .publish("nothing/known", b"", QoS::AtMostOnce)
            .await
            .unwrap();
        assert!(client.closed(WAIT).await);
        assert!(matches!(
            client.next_publish(WAIT).await,
            Err(DeviceError::Closed)
        ));
    }
}

#[tokio::test]
async fn an_unknown_server_certificate_and_a_closed_port_are_told_apart() {
    let (server, other) = (Server::start(), Server::start());
    let tls = other.tls(None, TlsVersion::Any);
    let error = MqttClient::connect(&server.target(false), &tls, &options("dev-1"))
        .await
        .unwrap_err();
    assert!(matches!(error, DeviceError::Handshake(_)), "{error:?}");
    let closed = Target {
        port: 1,
        ..server.target(false)
    };
    let error = MqttClient::connect(&closed, &tls, &options("dev-1"))
        .await
        .unwrap_err();
    assert!(matches!(error, DeviceError::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_shuts_down_closes_https_connections() {
    let server = Server::start();
    let tls = server.tls(None, TlsVersion::Any);
    let mut client = crate::http::HttpClient::connect(&server.target(true), &tls)
        .await
        .unwrap();
    let answer = client
        .request(crate::http::Method::GET, "/nothing", &[], None)
        .await
        .unwrap();
    assert_eq!(answer.status, 404);
    server.trigger.request();
    let closing = async {
        while client
            .request(crate::http::Method::GET, "/nothing", &[], None)
            .await
            .is_ok()
        {}
    };
    tokio::time::timeout(WAIT, closing).await.unwrap();
}
