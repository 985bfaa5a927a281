//! The process that holds the keys of CAs: it ends with its server and not before, and the server has none of what it holds.

mod memory;
pub(super) mod token;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use provost_device::certificate::SigningRequest;
use provost_device::provisioning::RegisterError;
use provost_model::SymmetricKey;
use provost_model::ambient::SystemRandom;
use provost_testkit::{ChildServer, Device, Endpoints, Enrollment, Via, eventually, program};
use serde_json::json;
use tempfile::TempDir;

const NAMESPACE: &str =
    "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.DeviceRegistry/namespaces/plant";
const VERSION: &str = "?api-version=2026-03-01-preview";

/// The real program with a namespace, a policy and a group that names it.
struct House {
    server: ChildServer,
    group_key: SymmetricKey,
    folder: TempDir,
}

impl House {
    async fn open(toml: &str) -> Self {
        Self::open_in(tempfile::tempdir().unwrap(), toml, &[]).await
    }

    async fn open_in(folder: TempDir, toml: &str, environment: &[(&str, &Path)]) -> Self {
        let server = ChildServer::start_in(&folder.path().join("data"), toml, environment).await;
        let house = Self {
            server,
            group_key: SymmetricKey::generate(&SystemRandom),
            folder,
        };
        house.furnish().await;
        house
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn furnish(&self) {
        let api = self.server.own_api();
        let at = |below: &str| format!("{NAMESPACE}{below}{VERSION}");
        let place = json!({ "location": "local" });
        assert_eq!(api.put(&at(""), &place).await.status, 201);
        let link = json!({ "namespace": "plant" });
        for path in [
            format!("/provost/hubs/{}/namespace", self.server.hub().name),
            format!("/provost/dps/{}/namespace", self.server.dps().name),
        ] {
            assert!(api.put(&path, &link).await.status < 300, "{path}");
        }
        assert_eq!(api.put(&at("/credentials/default"), &place).await.status, 201);
        let certificate = json!({
            "certificateAuthorityConfiguration": { "keyType": "ECC" },
            "leafCertificateConfiguration": { "validityPeriodInDays": 30 },
        });
        let policy = json!({ "properties": { "certificate": certificate } });
        let path = at("/credentials/default/policies/line-7");
        assert_eq!(api.put(&path, &policy).await.status, 201);
        let group = Enrollment::group("line")
            .keys(Some(&self.group_key), None)
            .with("credentialPolicyName", "line-7");
        self.server.dps_api().put_enrollment(&group).await;
    }

    async fn certify(&self, id: &str) -> Result<(), String> {
        certify(&self.server, &self.group_key, id).await
    }
}

/// Registers with a signing request; says why there is no certificate.
async fn certify(server: &Endpoints, group_key: &SymmetricKey, id: &str) -> Result<(), String> {
    let request = SigningRequest::new(id).unwrap();
    let device = Device::of_group(id, group_key);
    match device.register_with_csr(server, Via::Https, request.csr()).await {
        Ok(outcome) if outcome.issued_chain.is_empty() => Err(outcome.raw.to_string()),
        Ok(_) => Ok(()),
        Err(RegisterError::Refused { .. }) => Err("refused".to_owned()),
        Err(other) => panic!("the server does not answer: {other}"),
    }
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([name, &process.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Whether there is such a process that still runs.
fn runs(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.contains("Name:") && !status.contains("State:\tZ")
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_register_while_the_signer_is_killed_are_refused_or_certified_and_later_all_are() {
    const DEVICES: usize = 40;
    let mut house = House::open("").await;
    let first = house.server.signer().expect("a signer");
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..DEVICES {
        let (server, key) = (Endpoints::clone(&house.server), house.group_key.clone());
        asking.spawn(async move {
            let id = format!("press-{number}");
            (certify(&server, &key, &id).await, id)
        });
    }
    let mut refused = Vec::new();
    let mut note = |(outcome, id): (Result<(), String>, String)| {
        if outcome.is_err() {
            refused.push(id);
        }
    };
    note(asking.join_next().await.unwrap().unwrap());
    signal("-KILL", first);
    while let Some(done) = asking.join_next().await {
        note(done.unwrap());
    }
    for id in &refused {
        eventually("a certificate after all", async || house.certify(id).await.ok()).await;
    }
    let second = eventually("another signer", async || house.server.signer()).await;
    assert_ne!(first, second);
    assert!(house.server.try_ended().is_none(), "the server itself went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_signer_a_device_is_refused_at_once_and_health_and_metrics_say_so() {
    let house = House::open("").await;
    house.certify("press").await.unwrap();
    // Whatever is started again dies, until the pause is long enough to look around in.
    let killing = async {
        for _ in 0..6 {
            let signer = eventually("a signer", async || house.server.signer()).await;
            signal("-KILL", signer);
            eventually("its end", async || (!runs(signer)).then_some(())).await;
        }
    };
    killing.await;
    let health = house.server.own_api().get("/provost/health").await.ok();
    assert_eq!(health["status"], "keysUnavailable");
    let begun = tokio::time::Instant::now();
    let refused = house.certify("drill").await;
    assert!(refused.is_err(), "there is nobody who could sign");
    assert!(begun.elapsed() < Duration::from_secs(15), "it hangs");
    eventually("a certificate after all", async || {
        house.certify("drill").await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_no_signer_behind() {
    let house = House::open("").await;
    house.certify("press").await.unwrap();
    let signer = house.server.signer().expect("a signer");
    house.server.kill().await;
    eventually("the end of the signer", async || (!runs(signer)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_server_has_ended_so_has_its_signer_and_the_keys_can_be_opened_alone() {
    let house = House::open("").await;
    house.certify("press").await.unwrap();
    let (signer, keys) = (
        house.server.signer().expect("a signer"),
        house.data().join("keys"),
    );
    assert!(
        provost_keys::lock_folder(&keys).is_err(),
        "the signer has them open"
    );
    let ended = house.server.terminate(Duration::from_secs(15)).await;
    assert!(ended.expect("it ends").success());
    assert!(!runs(signer));
    provost_keys::lock_folder(&keys).expect("nobody has them open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_outlives_the_signals_that_end_its_server() {
    let house = House::open("").await;
    let signer = house.server.signer().expect("a signer");
    for name in ["-INT", "-TERM", "-INT"] {
        signal(name, signer);
    }
    house.certify("press").await.unwrap();
    assert_eq!(house.server.signer(), Some(signer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_keys_cannot_be_opened_does_not_start_and_says_why() {
    let house = House::open("").await;
    let data = house.data();
    house.server.kill().await;
    let passphrase = house.folder.path().join("passphrase");
    std::fs::write(&passphrase, "correct horse").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&passphrase, mode).unwrap();
    let done = tokio::process::Command::new(program())
        .args(["serve", "--https-port", "0", "--mqtt-port", "0", "--data"])
        .arg(&data)
        .arg("--keys-passphrase-file")
        .arg(&passphrase)
        .output();
    let done = tokio::time::timeout(Duration::from_secs(30), done)
        .await
        .expect("it ends");
    let done = done.unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(3), "{said}");
    assert!(said.contains("error: cannot open the keys of the CAs"), "{said}");
    assert!(
        said.contains("they are sealed with a key file, a passphrase is configured"),
        "{said}"
    );
    assert_eq!(
        said.matches("error:").count(),
        1,
        "the server alone says it: {said}"
    );
    assert!(!said.contains("horse"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_may_be_in_the_process_of_the_server() {
    let house = House::open("[keys]\nprocess = 'server'\n").await;
    house.certify("press").await.unwrap();
    assert_eq!(house.server.signer(), None);
}
