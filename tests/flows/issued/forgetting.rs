use std::time::Duration;

use provost_model::registry::RevocationReason;
use provost_model::{Clock, PageSize};
use provost_registry::{CertificateFilter, DeviceRevocation};

use super::plant::{Plant, named, namespace};

const DAY: Duration = Duration::from_hours(24);

/// What expired longer ago than it is kept is forgotten, revoked or not; the audit log says so and goes on
/// telling what was issued.
#[tokio::test(flavor = "multi_thread")]
async fn a_046_what_expired_long_ago_is_forgotten_and_the_audit_log_stays() {
    let (plant, clock) = Plant::open_with_clock().await;
    plant.certify("press").await;
    plant.certify("drill").await;
    let revocation = DeviceRevocation {
        disable: false,
        reason: RevocationReason::Superseded,
    };
    plant
        .registry()
        .revoke_device(&plant.caller, &namespace(), &named("press"), revocation)
        .await
        .unwrap();
    let issued = async |name| {
        let (name, page) = (named(name), PageSize::clamp(None, 100, 100));
        let filter = CertificateFilter::Device { name, before: None };
        let found = plant
            .registry()
            .certificates(&plant.caller, &namespace(), filter, page)
            .await;
        found.unwrap().len()
    };
    let validity = plant.policy().await.policy.validity_days;
    clock.set(clock.now().after(DAY * (validity + 364)));
    plant.registry().look_around().await;
    assert_eq!((issued("press").await, issued("drill").await), (1, 1));
    let before = plant.server.stored().audit_events().await.len();
    clock.set(clock.now().after(2 * DAY));
    plant.registry().look_around().await;
    assert_eq!((issued("press").await, issued("drill").await), (0, 0));
    let events = plant.server.stored().audit_events().await;
    assert!(events.len() > before);
    let forgotten: Vec<_> = events
        .iter()
        .filter(|event| event.action == "delete" && event.kind == "issuedCertificate")
        .map(|event| event.detail.as_str())
        .collect();
    assert_eq!(forgotten, ["2 that expired long ago are forgotten"]);
    assert!(
        events
            .iter()
            .any(|event| event.action == "revoke" && event.key == "press")
    );
    // The device is there, and gets another one.
    plant.certify("drill").await;
    assert_eq!(issued("drill").await, 1);
}
