//! Signing requests that do not hold cost as much as a wrong proof, and are charged like one.

use std::time::Duration;

use provost_device::certificate::SigningRequest;
use provost_testkit::{over_every_transport, refusal};
use provost_transport::throttle::Rate;

use super::plant::Plant;

/// Attempts before a refused device waits.
const BURST: u32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_device_with_wrong_signing_requests_is_told_to_wait() {
    over_every_transport(async |via| {
        let plant = Plant::open_with(
            |config| {
                let (period, burst) = (Duration::from_hours(1), BURST);
                config.limits.rates.refusals_per_registration = Some(Rate { period, burst });
            },
            false,
        )
        .await;
        let other = SigningRequest::new("other").unwrap();
        for (round, csr) in (0..BURST).zip(["AAAA", other.csr(), "MAA="]) {
            let told = refusal(plant.ask("press", via, csr).await);
            assert_eq!(told, (400, 400_213), "{via:?}, attempt {round}");
        }
        // Also with one that would do.
        let good = SigningRequest::new("press").unwrap();
        for csr in ["AAAA", good.csr()] {
            assert_eq!(
                refusal(plant.ask("press", via, csr).await),
                (429, 429_001),
                "{via:?}"
            );
        }
        // Nobody else waits for it.
        plant.certify_over("drill", via).await;
    })
    .await;
}
