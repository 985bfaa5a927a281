use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use provost_model::NamespaceName;
use provost_model::ambient::SystemClock;
use provost_model::registry::{Ca, CaState};
use provost_store::{ReadTx, Store, StoreAddress, StoreError, StoreOptions};
use provost_testkit::{ChildServer, Endpoints, eventually, program};
use serde_json::{Value, json};

const POLICIES: usize = 6;
const NAMESPACE: &str =
    "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.DeviceRegistry/namespaces/plant";
const VERSION: &str = "?api-version=2026-03-01-preview";
const OFFLINE: &str = "/provost/namespaces/plant/offlineRoot";
const CONFIGURATION: &str = "[registry]\npolicies_per_credential = 6\n";

/// The process dies without a warning while it takes what a root kept offline signed, a piece at a time; what was
/// taken is whole, and bringing the same again does the rest.
#[tokio::test(flavor = "multi_thread")]
async fn answers_of_an_offline_root_are_taken_to_the_end_after_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = ChildServer::start_configured(&data, CONFIGURATION).await;
    set_up(&server).await;
    let answers = signed(&server, folder.path()).await;
    let mut server = server;
    // Each round dies after some more of the pieces.
    for taken in [1, 4, 9] {
        let endpoints = Endpoints::clone(&server);
        let body = answers.clone();
        let asked = tokio::spawn(async move {
            // The answer may never come.
            endpoints
                .own_api()
                .post(&format!("{OFFLINE}/answers"), &body)
                .await;
        });
        let store = open(&data).await;
        eventually("the round's piece", async || {
            (certified(&store).await.len() >= taken).then_some(())
        })
        .await;
        server.kill().await;
        asked.abort();
        for ca in certified(&store).await {
            assert!(matches!(ca.state, CaState::Active | CaState::Spare), "{ca:?}");
        }
        server = ChildServer::start_configured(&data, CONFIGURATION).await;
    }
    let done = server
        .own_api()
        .post(&format!("{OFFLINE}/answers"), &answers)
        .await;
    assert_eq!(done.status, 200, "{}", done.body);
    let all = certified(&open(&data).await).await;
    let count = |state: CaState| all.iter().filter(|ca| ca.state == state).count();
    assert_eq!(
        (count(CaState::Active), count(CaState::Spare)),
        (POLICIES + 1, POLICIES)
    );
    let status = server.own_api().get(OFFLINE).await.body;
    assert_eq!(status["warnings"], json!([]), "{status}");
    server.kill().await;
}

/// Revoking is one transaction: whenever the process dies, the policy has its old CA or its spare, and the keys of
/// what was revoked go.
#[tokio::test(flavor = "multi_thread")]
async fn a_spare_that_took_over_stands_after_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = ChildServer::start_configured(&data, CONFIGURATION).await;
    set_up(&server).await;
    let answers = signed(&server, folder.path()).await;
    let done = server
        .own_api()
        .post(&format!("{OFFLINE}/answers"), &answers)
        .await;
    assert_eq!(done.status, 200, "{}", done.body);
    let store = open(&data).await;
    let endpoints = Endpoints::clone(&server);
    let asked = tokio::spawn(async move {
        let path = format!("{NAMESPACE}/credentials/default/policies/line-0/revokeIssuer{VERSION}");
        endpoints.own_api().post(&path, &json!({})).await;
    });
    let revoked = async || {
        let all = all(&store).await;
        all.into_iter().find(|ca| ca.state == CaState::Revoked)
    };
    eventually("the revocation", &revoked).await;
    server.kill().await;
    asked.abort();
    let old = revoked().await.unwrap();
    let server = ChildServer::start_configured(&data, CONFIGURATION).await;
    let status = server.own_api().get(OFFLINE).await.body;
    assert_eq!(status["missing"].as_array().unwrap().len(), 1, "{status}");
    let active = all(&store)
        .await
        .into_iter()
        .filter(|ca| ca.state == CaState::Active && ca.policy == old.policy);
    assert_eq!(active.count(), 1);
    eventually("the key is destroyed", async || {
        let id = old.id.clone();
        let at = store.read(move |tx: &ReadTx<'_>| tx.key_destroyed_at(&id)).await;
        at.unwrap_or_else(|error: StoreError| panic!("{error}"))
    })
    .await;
    server.kill().await;
}

async fn set_up(server: &ChildServer) {
    let api = server.own_api();
    let at = |below: &str| format!("{NAMESPACE}{below}{VERSION}");
    let place = json!({ "location": "local" });
    assert_eq!(api.put(&at(""), &place).await.status, 201);
    let link = json!({ "namespace": "plant" });
    let hub = format!("/provost/hubs/{}/namespace", server.hub().name);
    assert!(api.put(&hub, &link).await.status < 300);
    assert_eq!(api.put(OFFLINE, &json!({})).await.status, 201);
    let certificate = json!({
        "certificateAuthorityConfiguration": { "keyType": "ECC" },
        "leafCertificateConfiguration": { "validityPeriodInDays": 30 },
    });
    let policy = json!({ "properties": { "certificate": certificate } });
    for number in 0..POLICIES {
        let path = at(&format!("/credentials/default/policies/line-{number}"));
        assert_eq!(api.put(&path, &policy).await.status, 201);
    }
}

fn provost(folder: &Path, arguments: &[&str]) {
    let done = Command::new(program())
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Root, an issuing CA and a spare for each policy, and the CRL, signed by the ceremony.
async fn signed(server: &ChildServer, folder: &Path) -> Value {
    std::fs::write(folder.join("passphrase"), "correct horse battery").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(folder.join("passphrase"), mode).unwrap();
    let open = ["--folder", "root", "--passphrase-file", "passphrase"];
    provost(folder, &[&["ca", "ceremony", "root"][..], &open].concat());
    let status = server.own_api().get(OFFLINE).await.body;
    let requests = status["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 2 * POLICIES);
    let mut chains = Vec::new();
    for request in requests {
        std::fs::write(
            folder.join("ica.csr"),
            request["certificateSigningRequest"].as_str().unwrap(),
        )
        .unwrap();
        let files = ["--request", "ica.csr", "--out", "ica.pem"];
        provost(folder, &[&["ca", "ceremony", "sign"][..], &open, &files].concat());
        chains.push(std::fs::read_to_string(folder.join("ica.pem")).unwrap());
    }
    let crl = std::fs::read(folder.join("root/root.crl")).unwrap();
    let root = std::fs::read_to_string(folder.join("root/root.pem")).unwrap();
    let crl = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, crl);
    json!({ "rootCertificate": root, "certificateChains": chains, "crl": crl })
}

async fn open(data: &Path) -> Store {
    let options = StoreOptions {
        address: StoreAddress::Sqlite(data.join("provost.db")),
        clock: Arc::new(SystemClock),
        queue: 10,
    };
    Store::open(options).await.expect("the store opens")
}

async fn all(store: &Store) -> Vec<Ca> {
    let namespace = NamespaceName::parse("plant").unwrap();
    let read = store.read(move |tx: &ReadTx<'_>| tx.cas(&namespace)).await;
    read.unwrap_or_else(|error: StoreError| panic!("{error}"))
}

async fn certified(store: &Store) -> Vec<Ca> {
    let mut all = all(store).await;
    all.retain(|ca| ca.certificate.is_some());
    all
}
