//! Renewing an issued certificate in time (certificate-management.md 3.3 and 3.4).

use std::time::Duration;

use provost_device::DeviceError;
use provost_device::certificate::SigningRequest;
use provost_device::hub::HubSession;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::{Clock, Random};

use super::life::Life;
use super::tally::one_more;
use crate::simulate::operational::Operational;

/// What the SDKs wait for a certificate.
const PATIENCE: Duration = Duration::from_mins(3);
/// After a renewal that was refused a device waits so long; it also waits a tenth of what is left.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

impl Life {
    /// Listens to answers about certificates, when it has one to renew.
    pub(super) async fn prepare_renewals(&self, session: &mut HubSession) -> Result<(), DeviceError> {
        if self.device.operational.is_some() {
            session.subscribe_credentials().await?;
        }
        Ok(())
    }

    /// Whether it is time.
    pub(super) fn must_renew(&self) -> bool {
        self.until_renewal(Duration::MAX).is_zero()
    }

    /// How long until then, at most `longest`.
    pub(super) fn until_renewal(&self, longest: Duration) -> Duration {
        let Some(operational) = &self.device.operational else {
            return longest;
        };
        let due = operational.renew_at(self.crew.renew_at);
        let due = self.renew_again_at.map_or(due, |later| later.max(due));
        due.since(SystemClock.now()).min(longest)
    }

    /// Asks for another certificate; whether it has one now. One that was refused is asked for again later.
    pub(super) async fn renew(&mut self, session: &mut HubSession) -> Result<bool, DeviceError> {
        let renewed = match SigningRequest::new(&self.device.device_id) {
            Ok(request) => {
                let rid = SystemRandom.uuid();
                let chain = session.renew_certificate(&rid, request.csr(), PATIENCE).await;
                match chain {
                    Ok(chain) => Operational::issued(&self.crew.network, &request, chain)
                        .map_err(|error| error.to_string()),
                    // What is said of the request; anything else says that the connection is gone.
                    Err(DeviceError::Status { status, body }) => Err(told(status, &body)),
                    Err(error) => return Err(error),
                }
            }
            Err(error) => Err(error.to_string()),
        };
        match renewed {
            Ok(operational) => {
                self.device.operational = Some(operational);
                self.renew_again_at = None;
                self.generation += 1;
                one_more(&self.crew.tally.renewed);
                Ok(true)
            }
            Err(reason) => {
                self.crew.tally.interrupted(&format!("renew: {reason}"));
                let left = self
                    .device
                    .operational
                    .as_ref()
                    .map(|now| now.facts().valid_until);
                let left = left.map_or(Duration::ZERO, |end| end.since(SystemClock.now()));
                self.renew_again_at = Some(SystemClock.now().after((left / 10).max(SHORTEST_PAUSE)));
                Ok(false)
            }
        }
    }
}

fn told(status: u16, body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let code = body.get("errorCode").map(ToString::to_string).unwrap_or_default();
    format!("{status} {code}").trim_end().to_owned()
}
