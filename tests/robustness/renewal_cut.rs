use std::path::Path;
use std::time::Duration;

use provost_device::certificate::SigningRequest;
use provost_device::hub::HubSession;
use provost_model::ambient::SystemRandom;
use provost_model::{DeviceId, SymmetricKey};
use provost_store::{CertificateRenewal, RenewalState, Store};
use provost_testkit::{ChildServer, Device, Enrollment, Via, eventually};
use provost_transport::mqtt::codec::QoS;
use provost_wire::hub::device::{parse_credentials_topic, renewal_topic};
use serde_json::{Value, json};

use super::issuer_revocation_cut::{open, set_up};

const SOON: Duration = Duration::from_secs(20);
const ROUNDS: usize = 4;

/// A server with a policy, its devices' group, and a store beside it.
struct Floor {
    folder: tempfile::TempDir,
    group_key: SymmetricKey,
}

impl Floor {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            group_key: SymmetricKey::generate(&SystemRandom),
        }
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    async fn prepare(&self, server: &ChildServer) {
        set_up(server).await;
        let dps = format!("/provost/dps/{}/namespace", server.dps().name);
        let linked = server.own_api().put(&dps, &json!({ "namespace": "plant" })).await;
        assert!(linked.status < 300, "{}", linked.status);
        let group = Enrollment::group("line")
            .keys(Some(&self.group_key), None)
            .with("credentialPolicyName", "line-7");
        server.dps_api().put_enrollment(&group).await;
    }

    /// A device with its first certificate.
    async fn certified(&self, server: &ChildServer, id: &str) -> Device {
        let request = SigningRequest::new(id).unwrap();
        let device = Device::of_group(id, &self.group_key);
        let outcome = device.register_with_csr(server, Via::Https, request.csr()).await;
        let certificate = request.answered(outcome.unwrap().issued_chain).unwrap();
        Device::with_identity(id, certificate.identity().clone())
    }

    /// Takes the keys of CAs away, or brings them back.
    fn move_keys(&self, from: &str, to: &str) {
        std::fs::create_dir_all(self.data().join(to)).unwrap();
        for entry in std::fs::read_dir(self.data().join(from)).unwrap() {
            let name = entry.unwrap().file_name();
            // 32 hexadecimal digits: a key. What opens them stays.
            if name.len() == "0123456789abcdef0123456789abcdef.json".len() {
                let path = |folder: &str| self.data().join(folder).join(&name);
                std::fs::rename(path(from), path(to)).unwrap();
            }
        }
    }
}

/// A session that was told 202, and the id of what it asked for.
async fn accepted(server: &ChildServer, device: &Device, id: &str, csr: &str) -> (HubSession, Value) {
    let mut session = device.connect(server).await.unwrap();
    session.subscribe_credentials().await.unwrap();
    let body = json!({ "id": id, "csr": csr }).to_string();
    let client = session.mqtt();
    client
        .publish(&renewal_topic("renew-1"), body.as_bytes(), QoS::AtMostOnce)
        .await
        .unwrap();
    let (status, told) = told(&mut session).await;
    assert_eq!(status, 202, "{told}");
    (session, told["correlationId"].clone())
}

async fn told(session: &mut HubSession) -> (u16, Value) {
    let message = session
        .mqtt()
        .next_publish(SOON)
        .await
        .unwrap()
        .expect("an answer");
    let (status, rid) = parse_credentials_topic(&message.topic).expect("its topic");
    assert_eq!(rid, "renew-1");
    (status, serde_json::from_slice(&message.payload).unwrap())
}

async fn renewal(store: &Store, server: &ChildServer, id: &str) -> Option<CertificateRenewal> {
    let (hub, device) = (server.hub_name(), DeviceId::parse(id).unwrap());
    let read = store.read(move |tx| tx.certificate_renewal(&hub, &device));
    read.await.unwrap()
}

/// How many certificates a device was ever issued.
async fn issued(server: &ChildServer, id: &str) -> usize {
    let path = format!("/provost/namespaces/plant/certificates?device={id}");
    let answer = server.own_api().get(&path).await;
    let all: Value = serde_json::from_slice(&answer.raw).unwrap();
    let all = all["value"].as_array().expect("a list").clone();
    all.iter().filter(|one| one["state"] == "issued").count()
}

async fn start(data: &Path) -> ChildServer {
    ChildServer::start(data).await
}

/// The server dies when the device was told 202 and nothing was signed; the next one signs, and the device
/// hears of it when it is back, without asking or subscribing again.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_survives_a_power_cut_between_202_and_200() {
    let floor = Floor::new();
    let server = start(&floor.data()).await;
    floor.prepare(&server).await;
    let device = floor.certified(&server, "press").await;
    server.kill().await;
    floor.move_keys("keys", "away");
    let server = start(&floor.data()).await;
    let request = SigningRequest::new("press").unwrap();
    let (session, correlation) = accepted(&server, &device, "press", request.csr()).await;
    let store = open(&floor.data()).await;
    let waiting = renewal(&store, &server, "press")
        .await
        .expect("it is written down");
    assert_eq!(waiting.state, RenewalState::Pending);
    server.kill().await;
    drop(session);

    floor.move_keys("away", "keys");
    let server = start(&floor.data()).await;
    eventually("the certificate", async || {
        let renewal = renewal(&store, &server, "press").await?;
        matches!(renewal.state, RenewalState::Issued(_)).then_some(())
    })
    .await;
    let mut session = device.connect(&server).await.unwrap();
    let (status, issued_now) = told(&mut session).await;
    assert_eq!((status, &issued_now["correlationId"]), (200, &correlation));
    assert_eq!(issued(&server, "press").await, 2, "one for each request");
}

/// The server dies at any moment after 202; asking again by the same id with the same request is how devices
/// recover, and it ends in one certificate.
#[tokio::test(flavor = "multi_thread")]
async fn asking_again_after_a_power_cut_gives_one_certificate() {
    let floor = Floor::new();
    let mut server = start(&floor.data()).await;
    floor.prepare(&server).await;
    let mut devices = Vec::new();
    for round in 0..ROUNDS {
        devices.push(floor.certified(&server, &format!("press-{round}")).await);
    }
    for (round, device) in devices.iter().enumerate() {
        let id = format!("press-{round}");
        let request = SigningRequest::new(&id).unwrap();
        let (session, correlation) = accepted(&server, device, &id, request.csr()).await;
        server.kill().await;
        drop(session);
        server = start(&floor.data()).await;
        let mut session = device.connect(&server).await.unwrap();
        session.subscribe_credentials().await.unwrap();
        let body = json!({ "id": id, "csr": request.csr() }).to_string();
        let topic = renewal_topic("renew-1");
        let client = session.mqtt();
        client
            .publish(&topic, body.as_bytes(), QoS::AtLeastOnce)
            .await
            .unwrap();
        let chain = loop {
            let (status, told) = told(&mut session).await;
            assert_eq!(told["correlationId"], correlation, "{told}");
            if status == 200 {
                break told["certificates"].clone();
            }
            assert_eq!(status, 202, "{told}");
        };
        assert_eq!(chain.as_array().map(Vec::len), Some(3));
        assert_eq!(issued(&server, &id).await, 2, "round {round}");
    }
}
