//! Sessions that rest on a revoked leaf end wherever they are: at hubs that are not linked and know the leaf by its
//! thumbprint or a copy of its CA, under another name, on other nodes, over every transport.

use std::time::Duration;

use provost_device::http::{HttpClient, Method};
use provost_device::hub::HubSession;
use provost_device::mqtt::MqttClient;
use provost_model::pem;
use provost_model::registry::NamespaceLink;
use provost_pki::Certificate;
use provost_registry::{Condition, DeviceRevocation};
use provost_testkit::{Device, Endpoints, Enrollment, HubConnect, eventually};
use provost_transport::mqtt::codec::QoS;
use serde_json::{Value, json};

use super::super::instances::endpoints;
use super::plant::{Certified, Plant, named, namespace, policy};

const SOON: Duration = Duration::from_secs(20);
const API: &str = "api-version=2021-04-12";

/// How somebody takes a leaf back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Revoke,
    RevokeAndDisable,
    RevokeMany,
    Delete,
    RevokeIssuer,
}

impl Deed {
    const ALL: [Self; 5] = [
        Self::Revoke,
        Self::RevokeAndDisable,
        Self::RevokeMany,
        Self::Delete,
        Self::RevokeIssuer,
    ];

    async fn is_done(self, plant: &Plant, id: &str) {
        let (registry, caller, of) = (plant.registry(), &plant.caller, &namespace());
        match self {
            Self::Revoke => plant.revoke(id, false).await,
            Self::RevokeAndDisable => plant.revoke(id, true).await,
            Self::RevokeMany => {
                let how = DeviceRevocation::default();
                let done = registry.revoke_devices(caller, of, &[named(id)], how).await;
                assert!(done.unwrap().iter().all(|(_, outcome)| outcome.is_ok()));
            }
            Self::Delete => registry
                .delete_device(caller, of, &named(id), Condition::default())
                .await
                .unwrap(),
            Self::RevokeIssuer => {
                registry.revoke_issuer(caller, of, &policy()).await.unwrap();
            }
        }
    }
}

/// A second hub, which is linked to no namespace.
async fn stray_hub(plant: &Plant) -> Endpoints {
    let own = plant.server.own_api();
    own.post("/provost/hubs", &json!({ "name": "hub-2" })).await.ok();
    endpoints(&plant.server, &plant.server.dps().name, "hub-2").await
}

/// Makes the issuing CA of a leaf known to a hub by hand.
async fn upload(plant: &Plant, hub: &Endpoints, certified: &Certified) {
    let certificate = pem("CERTIFICATE", &certified.chain[1]);
    let body = json!({ "properties": { "certificate": certificate, "isVerified": true } });
    let path = hub.hub_authority_path("/a-copy");
    plant.server.management().put(&path, &body).await.ok();
}

/// Makes a leaf known to a hub by its thumbprint, as that of this device or module.
async fn pin(hub: &Endpoints, path: &str, certified: &Certified) {
    let leaf = Certificate::from_der(&certified.chain[0]).unwrap();
    let thumbprint = json!({ "primaryThumbprint": leaf.sha256_thumbprint().to_string() });
    let body = json!({ "authentication": { "type": "selfSigned", "x509Thumbprint": thumbprint } });
    let made = hub.hub_api().put(path, &body).await.status;
    assert!(matches!(made, 200 | 201), "{made}");
}

async fn as_module(hub: &Endpoints, id: &str, certified: &Certified) -> MqttClient {
    let identity = certified.certificate.identity().clone();
    let module = HubConnect::of(hub, id).identity(identity);
    module.connect().await.unwrap()
}

async fn at(hub: &Endpoints, device: &Device) -> HubSession {
    device.connect(hub).await.unwrap()
}

/// at a hub that is not linked, however it came to know the leaf.
#[tokio::test(flavor = "multi_thread")]
async fn a_007_sessions_at_a_hub_that_is_not_linked_end_with_their_leaf() {
    let plant = Plant::open().await;
    let other = plant.certify("drill").await;
    let stray = stray_hub(&plant).await;
    upload(&plant, &stray, &other).await;
    pin(&stray, "/devices/gateway", &other).await;
    let mut gateway = as_module(&stray, "gateway", &other).await;
    for deed in Deed::ALL {
        let id = format!("{deed:?}");
        let certified = plant.certify(&id).await;
        let by_authority = json!({ "authentication": { "type": "certificateAuthority" } });
        let path = format!("/devices/{id}");
        stray.hub_api().put(&path, &by_authority).await.ok();
        let (other_id, module) = (format!("{id}-pinned"), format!("gateway/{id}"));
        pin(&stray, &format!("/devices/{other_id}"), &certified).await;
        pin(&stray, &format!("/devices/gateway/modules/{id}"), &certified).await;
        let pinned = certified.device.named(&other_id);
        let mut ending = [
            at(&plant.server, &certified.device).await,
            at(&stray, &certified.device).await,
            pinned.connect_over(&stray, true).await.unwrap(),
        ];
        let mut module = as_module(&stray, &module, &certified).await;

        deed.is_done(&plant, &id).await;
        for (number, session) in ending.iter_mut().enumerate() {
            assert!(session.closed(SOON).await, "{deed:?} {number}");
        }
        assert!(module.closed(SOON).await, "{deed:?}");
        for device in [&certified.device, &pinned] {
            assert!(device.connect(&stray).await.is_err(), "{deed:?}");
        }
        if deed == Deed::RevokeIssuer {
            // It takes those of every device with it.
            assert!(gateway.closed(SOON).await);
        } else {
            let filter = [("$iothub/twin/res/#", QoS::AtMostOnce)];
            gateway.subscribe(&filter).await.expect("it goes on");
        }
    }
}

/// A hub that was unlinked admits no leaf as one of the registry's; one that is registered by hand it does, as
/// long as it is not revoked.
#[tokio::test(flavor = "multi_thread")]
async fn unlinking_a_hub_ends_the_sessions_of_issued_leaves() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let mut session = plant.connect(&certified).await;
    let link = NamespaceLink::Hub(plant.server.hub_name());
    plant.registry().unlink(&plant.caller, &link).await.unwrap();
    assert!(session.closed(SOON).await);
    assert!(!plant.connects(&certified).await);

    pin_anew(&plant, &certified).await;
    let mut session = plant.connect(&certified).await;
    plant.revoke("press", false).await;
    assert!(session.closed(SOON).await);
    assert!(!plant.connects(&certified).await);
}

async fn pin_anew(plant: &Plant, certified: &Certified) {
    let leaf = Certificate::from_der(&certified.chain[0]).unwrap();
    let thumbprint = json!({ "primaryThumbprint": leaf.sha256_thumbprint().to_string() });
    let authentication = json!({ "type": "selfSigned", "x509Thumbprint": thumbprint });
    let body = json!({ "deviceId": "press", "authentication": authentication });
    let api = plant.server.hub_api();
    api.put_if("/devices/press", "*", &body).await.ok();
}

/// Linked again, a hub admits its leaves again: nothing was revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_linked_again_admits_the_same_leaf() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let link = NamespaceLink::Hub(plant.server.hub_name());
    plant.registry().unlink(&plant.caller, &link).await.unwrap();
    assert!(!plant.connects(&certified).await);
    plant
        .registry()
        .link(&plant.caller, &link, &namespace())
        .await
        .unwrap();
    assert!(plant.connects(&certified).await);
}

/// On every node that shares the store, also where the hub is not linked.
#[tokio::test(flavor = "multi_thread")]
async fn a_007_sessions_on_another_node_end_with_their_leaf() {
    let plant = Plant::open().await;
    if !plant.server.is_on_postgres() {
        return; // One node is all SQLite has.
    }
    stray_hub(&plant).await;
    let node = plant.server.second_node().await;
    let stray = endpoints(&node, &node.dps().name, "hub-2").await;
    for deed in Deed::ALL {
        let id = format!("{deed:?}");
        let certified = plant.certify(&id).await;
        pin(&stray, &format!("/devices/{id}"), &certified).await;
        let mut ending = [
            at(&node, &certified.device).await,
            certified.device.connect_over(&stray, true).await.unwrap(),
        ];
        deed.is_done(&plant, &id).await;
        for (number, session) in ending.iter_mut().enumerate() {
            assert!(session.closed(SOON).await, "{deed:?} {number}");
        }
        assert!(certified.device.connect(&stray).await.is_err(), "{deed:?}");
    }
}

/// Whoever asks over HTTPS on one connection is judged with each request.
#[tokio::test(flavor = "multi_thread")]
async fn a_007_a_connection_over_https_gets_nothing_after_its_leaf_was_revoked() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let stray = stray_hub(&plant).await;
    pin(&stray, "/devices/press", &certified).await;
    let tls = stray.tls(Some(certified.certificate.identity()));
    let mut client = HttpClient::connect(&stray.https(&stray.hub().host), &tls)
        .await
        .unwrap();
    let path = format!("/devices/press/messages/devicebound?{API}");
    let mut ask = async || {
        client
            .request(Method::GET, &path, &[], None)
            .await
            .unwrap()
            .status
            .as_u16()
    };
    assert_eq!(ask().await, 204);
    plant.revoke("press", false).await;
    assert_eq!(ask().await, 401);
}

/// on the connection it registered on, a device whose leaf was revoked is told nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn a_016_a_registration_is_not_told_on_a_connection_whose_leaf_was_revoked() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let issuer = pem("CERTIFICATE", &certified.chain[1]);
    let x509 = json!({ "signingCertificates": { "primary": { "certificate": issuer } } });
    let group = Enrollment::group("by-leaf").x509(&x509);
    plant.server.dps_api().put_enrollment(&group).await;
    let (host, scope) = (&plant.server.dps().host, &plant.server.dps().id_scope);
    let tls = plant.server.tls(Some(certified.certificate.identity()));
    let mut client = HttpClient::connect(&plant.server.https(host), &tls)
        .await
        .unwrap();
    let base = format!("/{scope}/registrations/press");
    let body = json!({ "registrationId": "press" });
    let version = "api-version=2021-06-01";
    let register = format!("{base}/register?{version}");
    let answer = client
        .request(Method::PUT, &register, &[], Some(body.to_string().into()))
        .await
        .unwrap();
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    let operation = told["operationId"].as_str().unwrap().to_owned();
    let poll = format!("{base}/operations/{operation}?{version}");
    let mut ask = async |path: &str, body: Option<String>, method| {
        let answer = client.request(method, path, &[], body.map(Into::into)).await;
        answer.unwrap().status.as_u16()
    };
    assert_eq!(ask(&poll, None, Method::GET).await, 200);
    plant.revoke("press", false).await;
    assert_eq!(ask(&poll, None, Method::GET).await, 401);
    let lookup = format!("{base}?{version}");
    assert_eq!(ask(&lookup, Some(body.to_string()), Method::POST).await, 401);
    assert_eq!(ask(&register, Some(body.to_string()), Method::PUT).await, 401);
}

/// A session does not outlive the certificate it came with.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_the_last_second_of_its_certificate() {
    // Thirty days of fifth parts of seconds.
    let shortened =
        |config: &mut provost::config::Config| config.registry.leaf_day = Duration::from_millis(200);
    let plant = Plant::open_with(shortened, false).await;
    let certified = plant.certify("press").await;
    let mut session = plant.connect(&certified).await;
    assert!(session.closed(SOON).await);
    let ended_at = plant.server.clock.now();
    let leaf = Certificate::from_der(&certified.chain[0]).unwrap();
    assert!(leaf.not_after() < ended_at);
    eventually("the place is free", async || {
        (!plant.connects(&certified).await).then_some(())
    })
    .await;
}
