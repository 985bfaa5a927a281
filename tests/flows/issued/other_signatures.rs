//! Whoever holds a certificate can write it with another signature of the same content, and so with another
//! thumbprint. It is the certificate it was: revoked is revoked.

use provost_device::certificate::SigningRequest;
use provost_model::pem;
use provost_model::registry::NamespaceLink;
use provost_pki::Certificate;
use provost_testkit::{Device, Enrollment, Via, with_other_signature};
use serde_json::json;

use super::plant::{Plant, policy};

/// A device with the certificate that was issued to it, and the same with the other signature.
struct Twice {
    issued: Device,
    altered: Device,
    /// Leaf, issuing CA, root.
    chain: Vec<Vec<u8>>,
}

impl Twice {
    async fn certified(plant: &Plant, id: &str) -> Self {
        let request = SigningRequest::new(id).unwrap();
        let outcome = plant.ask(id, Via::Https, request.csr()).await.unwrap();
        let chain = outcome.issued_chain;
        let mut other = chain.clone();
        other[0] = with_other_signature(&chain[0]);
        assert_ne!(other[0], chain[0]);
        let device = |chain| {
            let certificate = request.answered(chain).unwrap();
            Device::with_identity(id, certificate.identity().clone())
        };
        Self {
            issued: device(chain.clone()),
            altered: device(other),
            chain,
        }
    }

    async fn connect(&self, plant: &Plant) -> [bool; 2] {
        let mut is_in = [false; 2];
        for (device, is_in) in [&self.issued, &self.altered].into_iter().zip(&mut is_in) {
            *is_in = device.connect(&plant.server).await.is_ok();
        }
        is_in
    }

    async fn register(&self, plant: &Plant, via: Via) -> [bool; 2] {
        let mut is_in = [false; 2];
        for (device, is_in) in [&self.issued, &self.altered].into_iter().zip(&mut is_in) {
            *is_in = device.register(&plant.server, via).await.is_ok();
        }
        is_in
    }
}

/// through a group that stands on the issuing CA.
#[tokio::test(flavor = "multi_thread")]
async fn a_016_a_revoked_leaf_with_another_signature_registers_nowhere() {
    let plant = Plant::open().await;
    let twice = Twice::certified(&plant, "press").await;
    let issuer = pem("CERTIFICATE", &twice.chain[1]);
    let x509 = json!({ "signingCertificates": { "primary": { "certificate": issuer } } });
    let group = Enrollment::group("by-leaf").x509(&x509);
    plant.server.dps_api().put_enrollment(&group).await;
    assert_eq!(twice.register(&plant, Via::Https).await, [true, true]);
    plant.revoke("press", false).await;
    for via in [Via::Https, Via::Mqtt] {
        assert_eq!(twice.register(&plant, via).await, [false, false], "{via:?}");
    }
}

/// at a hub that is not linked and trusts the root above.
#[tokio::test(flavor = "multi_thread")]
async fn a_007_a_revoked_leaf_with_another_signature_connects_nowhere() {
    let plant = Plant::open_bare(|_| {}).await;
    Box::pin(plant.make_policy(&policy(), false)).await;
    let twice = Twice::certified(&plant, "press").await;
    let link = NamespaceLink::Hub(plant.server.hub_name());
    plant.registry().unlink(&plant.caller, &link).await.unwrap();
    let body =
        json!({ "properties": { "certificate": pem("CERTIFICATE", &twice.chain[2]), "isVerified": true } });
    let path = plant.server.hub_authority_path("/above");
    plant.server.management().put(&path, &body).await.ok();
    assert_eq!(twice.connect(&plant).await, [true, true]);
    plant.revoke("press", false).await;
    assert_eq!(twice.connect(&plant).await, [false, false]);
}

/// nor by its thumbprint, whichever of them the hub was told.
#[tokio::test(flavor = "multi_thread")]
async fn a_007_a_revoked_leaf_is_refused_by_the_thumbprint_of_its_other_form() {
    let plant = Plant::open().await;
    let twice = Twice::certified(&plant, "press").await;
    let altered = Certificate::from_der(&with_other_signature(&twice.chain[0])).unwrap();
    let thumbprint = json!({ "primaryThumbprint": altered.sha256_thumbprint().to_string() });
    let authentication = json!({ "type": "selfSigned", "x509Thumbprint": thumbprint });
    let body = json!({ "deviceId": "press", "authentication": authentication });
    let hub = plant.server.hub_api();
    hub.put_if("/devices/press", "*", &body).await.ok();
    assert_eq!(twice.connect(&plant).await, [false, true]);
    plant.revoke("press", false).await;
    assert_eq!(twice.connect(&plant).await, [false, false]);
}
