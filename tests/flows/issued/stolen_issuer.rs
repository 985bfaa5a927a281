//! The key of an issuing CA is in other hands. Once the CA is revoked, what is signed with it opens nothing,
//! whichever CA above it is trusted: no row tells of such a leaf, and no CRL is needed to refuse it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_ca::CaKeys;
use provost_device::certificate::SigningRequest;
use provost_device::hub::HubSession;
use provost_keys::{SealedKeys, make_key_file};
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::registry::Ca;
use provost_model::{Clock, pem};
use provost_pki::issue::{Issuance, Profile, SubjectName, issue};
use provost_pki::{Certificate, Csr};
use provost_registry::ByorRevoke;
use provost_testkit::{Device, Enrollment, Via};
use serde_json::json;
use tempfile::TempDir;

use super::external_root::{Customer, activate, request};
use super::plant::{Plant, namespace, policy};

const SOON: Duration = Duration::from_secs(20);

/// A copy of the key of a policy's issuing CA.
struct StolenKey {
    keys: CaKeys,
    ca: Ca,
    _folder: TempDir,
}

impl StolenKey {
    async fn of(plant: &Plant) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        let data = plant.server.connection.admin_token_file.parent().unwrap();
        copy(&data.join("keys"), folder.path());
        let (kek, made) = make_key_file(&folder.path().join("kek"), &SystemRandom).unwrap();
        assert!(!made, "the KEK was copied");
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let keys = SealedKeys::open(folder.path(), &kek, Duration::ZERO, clock, random).unwrap();
        Self {
            keys: CaKeys::new(Arc::new(keys)),
            ca: plant.policy().await.issuing.unwrap(),
            _folder: folder,
        }
    }

    fn certificate(&self) -> Certificate {
        Certificate::from_der(&self.ca.certificate.as_ref().unwrap().0).unwrap()
    }

    /// A device with a certificate that this key signed and nobody wrote down.
    fn forge(&self, id: &str) -> Device {
        let request = SigningRequest::new(id).unwrap();
        let csr = Csr::from_der(&STANDARD.decode(request.csr()).unwrap()).unwrap();
        let now = SystemClock.now();
        let issuance = Issuance {
            subject: &SubjectName::common_name(id).unwrap(),
            public_key_der: csr.spki_der(),
            profile: &Profile::Client,
            not_before: now.before(Duration::from_secs(1)),
            not_after: now.after(Duration::from_hours(24)),
            serial: &[0x51; 16],
        };
        let (issuer, signer) = (self.certificate(), self.keys.signer(&self.ca.key).unwrap());
        let leaf = issue(&issuance, &issuer, &signer).unwrap();
        let chain = vec![leaf.der().to_vec(), issuer.der().to_vec()];
        let certificate = request.answered(chain).unwrap();
        Device::with_identity(id, certificate.identity().clone())
    }

    /// The root above, in PEM.
    fn root(&self) -> String {
        pem("CERTIFICATE", &self.ca.issuers.last().unwrap().0)
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// The hub trusts the root, and has a device the registry knows nothing of.
async fn trust_root(plant: &Plant, stolen: &StolenKey) {
    let body = json!({ "properties": { "certificate": stolen.root(), "isVerified": true } });
    let management = plant.server.management();
    for path in [
        plant.server.hub_authority_path("/above"),
        plant.server.authority_path("/above"),
    ] {
        management.put(&path, &body).await.ok();
    }
    let stray = json!({ "deviceId": "stray", "authentication": { "type": "certificateAuthority" } });
    plant.server.hub_api().put("/devices/stray", &stray).await.ok();
    let group = Enrollment::group("by-root")
        .authority("above")
        .with("credentialPolicyName", policy().as_str());
    plant.server.dps_api().put_enrollment(&group).await;
}

async fn revoke_issuer(plant: &Plant) {
    plant
        .registry()
        .revoke_issuer(&plant.caller, &namespace(), &policy())
        .await
        .unwrap();
}

/// Where nobody synchronized the CA the root alone lets its leaves in, until it is revoked.
async fn nothing_is_open_once_it_is_revoked(plant: &Plant) {
    let stolen = StolenKey::of(plant).await;
    trust_root(plant, &stolen).await;
    let (stray, other) = (stolen.forge("stray"), stolen.forge("other"));
    let mut session: HubSession = stray.connect(&plant.server).await.expect("the root is trusted");
    other.register(&plant.server, Via::Https).await.unwrap();
    revoke_issuer(plant).await;
    assert!(session.closed(SOON).await, "a live session rests on it");
    for device in [&stray, &stolen.forge("stray")] {
        assert!(device.connect(&plant.server).await.is_err());
    }
    let asked = SigningRequest::new("victim").unwrap();
    for via in [Via::Https, Via::Mqtt] {
        for id in ["other", "victim"] {
            let device = stolen.forge(id);
            assert!(device.register(&plant.server, via).await.is_err(), "{id} {via:?}");
        }
        let device = stolen.forge("victim");
        let asking = device.register_with_csr(&plant.server, via, asked.csr());
        assert!(asking.await.is_err(), "{via:?}");
    }
    assert!(plant.server.stored().identity("victim").await.is_none());
}

/// the root of the namespace is trusted by hub and provisioning service.
#[tokio::test(flavor = "multi_thread")]
async fn a_030_the_key_of_a_revoked_issuer_opens_nothing_where_its_root_is_trusted() {
    let plant = Plant::open_bare(|_| {}).await;
    Box::pin(plant.make_policy(&policy(), false)).await;
    nothing_is_open_once_it_is_revoked(&plant).await;
    // Its replacement under the same root lets its own in.
    assert!(plant.connects(&plant.certify("press").await).await);
}

/// The same under a customer's root that lets its issuing CAs be rotated.
#[tokio::test(flavor = "multi_thread")]
async fn a_036_the_key_of_a_rotated_external_issuer_opens_nothing_where_its_root_is_trusted() {
    let rotate = |config: &mut provost::config::Config| config.registry.byor_revoke = ByorRevoke::Rotate;
    let (plant, customer) = (Plant::open_external(rotate).await, Customer::new());
    let chain = customer.sign(&request(&plant).await, 800);
    activate(&plant, &chain).await.unwrap();
    nothing_is_open_once_it_is_revoked(&plant).await;
}

/// a CA whose policy was deleted is not revoked: what it signed goes on where its root is trusted.
#[tokio::test(flavor = "multi_thread")]
async fn a_039_a_closed_issuer_is_no_revoked_one() {
    let plant = Plant::open_bare(|_| {}).await;
    Box::pin(plant.make_policy(&policy(), false)).await;
    let stolen = StolenKey::of(&plant).await;
    trust_root(&plant, &stolen).await;
    let stray = stolen.forge("stray");
    let registry = plant.registry();
    registry
        .delete_policy(&plant.caller, &namespace(), &policy())
        .await
        .unwrap();
    assert!(stray.connect(&plant.server).await.is_ok());
}
