//! Ends that are in sight.

use std::time::Duration;

use provost_model::PageSize;
use provost_registry::CertificateFilter;

use super::plant::{Plant, namespace};

#[tokio::test(flavor = "multi_thread")]
async fn a_051_ends_of_leaves_and_cas_are_told_by_api_and_metrics() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let now = plant.server.clock.now();
    let expiring = |days: u64| CertificateFilter::Expiring {
        from: now,
        until: now.after(Duration::from_hours(24 * days)),
        after: None,
    };
    let page = PageSize::clamp(None, 100, 100);
    let found = async |days| {
        let found = plant
            .registry()
            .certificates(&plant.caller, &namespace(), expiring(days), page)
            .await;
        found.unwrap().len()
    };
    assert_eq!((found(14).await, found(31).await), (0, 1));
    let answer = plant.server.own_api().get("/provost/metrics").await;
    let text = String::from_utf8_lossy(&answer.raw);
    let standing = plant.registry().standing_authorities().await.unwrap();
    assert_eq!(standing.len(), 2);
    for ca in standing {
        let (policy, role) = (
            ca.policy.as_ref().map_or("", |policy| policy.key()),
            ca.role.as_str(),
        );
        let line = format!(
            "provost_ca_not_after_seconds{{namespace=\"plant-7\",policy=\"{policy}\",ca=\"{}\",role=\"{role}\"}} {}",
            ca.id,
            ca.not_after.unwrap().unix_seconds()
        );
        assert!(
            text.lines().any(|present| present == line),
            "{line} is not in\n{text}"
        );
    }
    assert!(plant.connects(&certified).await);
}
