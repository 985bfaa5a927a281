//! Renewals that are under way while the CA that would sign them is revoked or renewed.

use std::time::Duration;

use provost_device::DeviceError;
use provost_device::certificate::SigningRequest;
use provost_model::registry::{CertificateRequest, Completion, RequestedBy};
use provost_model::{Assignment, DeviceId};
use provost_store::StoreError;
use provost_testkit::eventually;

use super::plant::{Plant, named};
use super::renewal::listening;

const SOON: Duration = Duration::from_secs(20);

/// What the old CA signed a moment before it was revoked is nobody's: the transaction that would hand it out
/// looks at the CA once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_signed_before_its_ca_was_revoked_is_not_handed_out() {
    let plant = Plant::open().await;
    plant.certify("press").await;
    let hub = plant.server.hub_name();
    let request = CertificateRequest {
        device: named("press"),
        device_id: DeviceId::parse("press").unwrap(),
        by: RequestedBy::Renewal { hub: hub.clone() },
        csr: SigningRequest::new("press").unwrap().csr().to_owned(),
    };
    let prepared = plant.registry().prepare_certificate(&request).await.unwrap();
    plant.revoke_issuer().await;
    let (registry, at) = (
        plant.registry().clone(),
        Assignment {
            hub,
            device_id: request.device_id.clone(),
        },
    );
    let completed: Result<Completion, StoreError> = plant
        .server
        .stored()
        .store()
        .write(move |tx| {
            let completion = registry.complete_certificate(&tx, &prepared, &at)?;
            Ok(tx.unchanged(completion))
        })
        .await;
    assert_eq!(completed.unwrap(), Completion::Moved);
    // Asked for anew it comes from the CA of now.
    let again = plant.registry().prepare_certificate(&request).await.unwrap();
    assert_eq!(again.ca, plant.policy().await.issuing.unwrap().id);
}

/// Devices ask while the CA is revoked under them: whatever they are handed is either refused with the old CA
/// or admitted with the new one, and all come back.
#[tokio::test(flavor = "multi_thread")]
async fn no_renewal_outlives_the_revocation_of_its_issuer() {
    const DEVICES: usize = 6;
    let plant = Plant::open().await;
    let mut sessions = Vec::new();
    for number in 0..DEVICES {
        sessions.push(listening(&plant, &format!("press-{number}")).await);
    }
    let asking = sessions
        .iter_mut()
        .enumerate()
        .map(|(number, session)| async move {
            let request = SigningRequest::new(&format!("press-{number}")).unwrap();
            let chain = session.renew_certificate("renew-1", request.csr(), SOON).await;
            (request, chain)
        });
    let all = async {
        let mut answers = Vec::new();
        for asked in asking {
            answers.push(asked.await);
        }
        answers
    };
    let (answers, _) = tokio::join!(all, plant.revoke_issuer());
    let issuing = plant.policy().await.issuing.unwrap().certificate.unwrap().0;
    for (number, (request, chain)) in answers.into_iter().enumerate() {
        let id = format!("press-{number}");
        match chain {
            Ok(chain) => {
                let is_new = chain[1] == issuing;
                let certificate = request.answered(chain).unwrap();
                let device = provost_testkit::Device::with_identity(&id, certificate.identity().clone());
                assert_eq!(device.connect(&plant.server).await.is_ok(), is_new, "{id}");
            }
            // The session was closed under it.
            Err(DeviceError::Status { status, body }) => {
                panic!("{id}: {status} {}", String::from_utf8_lossy(&body))
            }
            Err(_closed) => {}
        }
        assert!(plant.connects(&plant.certify(&id).await).await, "{id} is back");
    }
}

/// U-12: while both CAs of a policy are trusted, a renewal comes from the new one, over a session that the
/// old one admitted.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_after_the_issuer_was_renewed_comes_from_the_new_one() {
    let (plant, clock) = Plant::open_with_clock().await;
    let now = provost_model::Clock::now(&clock);
    clock.set(now.after(Duration::from_hours(240 * 24)));
    let mut session = listening(&plant, "press").await;
    let before = plant.policy().await.issuing.unwrap().id;
    clock.set(now.after(Duration::from_hours(250 * 24)));
    plant.registry().look_around().await;
    let issuing = eventually("another issuing CA", async || {
        let issuing = plant.policy().await.issuing?;
        (issuing.id != before).then_some(issuing)
    })
    .await;
    let request = SigningRequest::new("press").unwrap();
    let chain = session
        .renew_certificate("renew-1", request.csr(), SOON)
        .await
        .unwrap();
    assert_eq!(chain[1], issuing.certificate.unwrap().0);
    let certificate = request.answered(chain).unwrap();
    let device = provost_testkit::Device::with_identity("press", certificate.identity().clone());
    assert!(device.connect(&plant.server).await.is_ok());
}
