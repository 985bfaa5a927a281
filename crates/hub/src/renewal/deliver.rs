//! The outcome on its way to the device.

use provost_model::CertificateDer;
use provost_store::{CertificateRenewal, LeafStanding, ReadTx, RenewalState, StoreError};
use provost_wire::hub::device::{RenewalFailure, failed_body, issued_body};

use super::LATE;
use super::counts::RenewalStep;
use super::failure::of_kept;
use crate::HubError;
use crate::session::{DeviceSession, Feature};

/// An answer to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalReply {
    /// HTTP status, in the topic.
    pub status: u16,
    /// The device's name for its request, in the topic.
    pub rid: String,
    /// JSON.
    pub body: Vec<u8>,
}

impl DeviceSession {
    /// The outcome of the device's renewal, when there is one that was not sent yet and the device listens.
    /// It counts as sent from here on; a device that did not get it asks again by the same name.
    ///
    /// # Errors
    /// [`HubError::SessionClosed`], [`HubError::Store`].
    pub async fn take_renewal(&self) -> Result<Option<RenewalReply>, HubError> {
        self.open_link()?;
        if !self.id().is_device() || !self.is_subscribed(Feature::CredentialResponses) {
            return Ok(None);
        }
        let (hub, device_id, now) = (self.hub().clone(), self.device_id().clone(), self.service().now());
        let read = move |tx: &ReadTx<'_>| {
            let Some(renewal) = tx.certificate_renewal(&hub, &device_id)? else {
                return Ok(None);
            };
            let registry = tx.registry_identity(&hub, &device_id)?;
            let counts = registry.is_some_and(|device| device.identifier == renewal.identifier);
            if renewal.is_delivered || renewal.expires_at <= now || !counts {
                return Ok(None);
            }
            let RenewalState::Issued(number) = renewal.state else {
                return Ok::<_, StoreError>(Some((renewal, Vec::new())));
            };
            if tx.issued_standing(number)? == Some(LeafStanding::Revoked) {
                // Its CA was revoked: the device must not put a dead leaf in the place of a good one.
                return Ok(None);
            }
            Ok(Some((renewal, tx.issued_chain(number)?)))
        };
        let Some((renewal, chain)) = self.service().store().read(read).await? else {
            return Ok(None);
        };
        let Some(reply) = self.outcome(&renewal, &chain) else {
            return Ok(None);
        };
        let step = if now.since(renewal.asked_at) > LATE {
            RenewalStep::DeliveredLate
        } else {
            RenewalStep::Delivered
        };
        let note = self
            .service()
            .store()
            .append(move |tx| tx.note_renewal_delivered(&renewal, true));
        note.await?;
        self.service().renewal_counters().add(self.hub(), step);
        Ok(Some(reply))
    }

    fn outcome(&self, renewal: &CertificateRenewal, chain: &[CertificateDer]) -> Option<RenewalReply> {
        match &renewal.state {
            RenewalState::Pending => None,
            RenewalState::Issued(_) => Some(RenewalReply {
                status: 200,
                rid: renewal.request_id.clone(),
                body: issued_body(&renewal.correlation_id, chain),
            }),
            RenewalState::Failed(error) => Some(self.refusal(&renewal.request_id, &of_kept(renewal, error))),
        }
    }

    /// An error, as the device is told it; logged with the tracking id it gets.
    pub(super) fn refusal(&self, rid: &str, failure: &RenewalFailure) -> RenewalReply {
        let tracking_id = self.service().random().uuid();
        tracing::info!(
            device = %self.id(),
            code = failure.code,
            message = failure.message,
            tracking_id,
            "certificate request refused"
        );
        RenewalReply {
            status: u16::try_from(failure.code / 1000).unwrap_or(500),
            rid: rid.to_owned(),
            body: failed_body(failure, &tracking_id, self.service().now()),
        }
    }
}
