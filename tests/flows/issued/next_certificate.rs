//! What links, policies and CAs were when the certificate before was issued counts no more once they have changed:
//! the very next one sees it.

use provost_device::certificate::SigningRequest;
use provost_model::ambient::SystemClock;
use provost_model::registry::{
    CertificateRefusal, CertificateRequest, NamespaceLink, PreparedCertificate, RequestedBy,
};
use provost_model::{Action, Actor, AuditEvent, Clock, DeviceId, RegistryDeviceName};
use provost_store::StoreError;

use super::plant::{Plant, namespace, policy};

/// Asks the registry as a registration does; each device is another one.
async fn prepared(plant: &Plant, id: &str) -> Result<PreparedCertificate, CertificateRefusal> {
    let request = CertificateRequest {
        device: RegistryDeviceName::parse(id).unwrap(),
        device_id: DeviceId::parse(id).unwrap(),
        by: RequestedBy::Registration {
            dps: plant.server.dps_name(),
            policy: policy(),
        },
        csr: SigningRequest::new(id).unwrap().csr().to_owned(),
    };
    plant.registry().prepare_certificate(&request).await
}

fn days_left(prepared: &PreparedCertificate) -> u64 {
    prepared
        .not_after
        .since(SystemClock.now())
        .as_secs()
        .div_ceil(86_400)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_gone_or_there_again() {
    let plant = Plant::open().await;
    let link = NamespaceLink::Dps(plant.server.dps_name());
    prepared(&plant, "press-1").await.unwrap();
    plant.registry().unlink(&plant.caller, &link).await.unwrap();
    let refused = prepared(&plant, "press-2").await.unwrap_err();
    assert!(matches!(refused, CertificateRefusal::NoPolicy(_)), "{refused}");
    plant
        .registry()
        .link(&plant.caller, &link, &namespace())
        .await
        .unwrap();
    prepared(&plant, "press-3").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_issuing_ca() {
    let plant = Plant::open().await;
    let before = prepared(&plant, "press-1").await.unwrap();
    plant
        .registry()
        .revoke_issuer(&plant.caller, &namespace(), &policy())
        .await
        .unwrap();
    let after = prepared(&plant, "press-2").await.unwrap();
    assert_ne!(after.ca, before.ca);
    assert_eq!(after.ca, plant.policy().await.issuing.unwrap().id);
    assert_ne!(after.issuers, before.issuers);
}

/// Also when the change is another node's, or another program's on the same store.
#[tokio::test(flavor = "multi_thread")]
async fn another_validity_written_by_another_node() {
    let plant = Plant::open().await;
    let before = prepared(&plant, "press-1").await.unwrap();
    assert!(days_left(&before) > 7);
    let mut changed = plant.policy().await.policy;
    changed.validity_days = 7;
    let written: Result<(), StoreError> = plant
        .server
        .stored()
        .store()
        .write(move |tx| {
            tx.put_credential_policy(&changed)?;
            let event = AuditEvent::new(Actor::System, Action::Update, "policy", "plant-7", "line-7");
            tx.record(&event, ())
        })
        .await;
    written.unwrap();
    let after = prepared(&plant, "press-2").await.unwrap();
    assert_eq!(days_left(&after), 7);
}
