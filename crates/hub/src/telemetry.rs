//! Device-to-cloud messages: kept in a bounded buffer per hub, read by back ends
//! (iot-hub-device-api.md 5).
//!
//! `intake` collects the messages of all sessions of a hub and stores many of them with one commit;
//! a session goes on meanwhile and holds a [`TelemetryTicket`] for each batch. `read` gives pages to
//! back ends, `consumer` remembers how far they came, `trim` keeps the buffer within its retention.

mod batch;
mod consumer;
mod counts;
mod intake;
mod intakes;
mod page;
mod read;
mod trim;

use std::sync::Arc;
use std::time::Duration;

use provost_model::AcceptedTelemetry;
use provost_wire::hub::MAX_MESSAGE;
use provost_wire::hub::device::PropertyBag;

pub use self::batch::TelemetryTicket;
pub use self::consumer::{ConsumerGroupView, MAX_CONSUMER_GROUPS};
pub use self::counts::TelemetryCounts;
pub(crate) use self::intake::Intake;
pub(crate) use self::intakes::Intakes;
pub use self::page::TelemetryPage;
pub use self::read::TelemetryRead;
use crate::service::HubService;
use crate::session::DeviceSession;
use crate::{DeviceCaller, HubError};

/// What a message of a batch counts beside its texts: each has a place of its own in the buffer.
const BATCHED: usize = 64;

/// The longest wait of one read.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

impl DeviceSession {
    /// Takes a message in; answers once it is on disk.
    ///
    /// # Errors
    /// [`HubError::SessionClosed`], [`HubError::MessageTooLarge`], [`HubError::Store`].
    pub async fn send_telemetry(&self, bag: PropertyBag, body: Vec<u8>) -> Result<(), HubError> {
        self.touch();
        self.accept_telemetry(&bag, &body).await?.stored().await
    }

    /// Takes a message in, behind those this session sent before. It may be acknowledged once the
    /// ticket says that it is stored. Waits only while the hub has as much to store as it holds. Notes no
    /// sign of life: whoever reads many messages at a time does that once.
    ///
    /// # Errors
    /// [`HubError::SessionClosed`], [`HubError::MessageTooLarge`], [`HubError::Store`].
    pub async fn accept_telemetry(
        &self,
        bag: &PropertyBag,
        body: &[u8],
    ) -> Result<TelemetryTicket, HubError> {
        self.open_link()?;
        self.take_in(bag, body).await
    }

    /// Takes a message in, of a session that may be over: a will.
    pub(crate) async fn take_in(&self, bag: &PropertyBag, body: &[u8]) -> Result<TelemetryTicket, HubError> {
        let link = self.link();
        let admitted = link.admitted().ok_or(HubError::SessionClosed)?;
        check_size(bag, body)?;
        let intake = if let Some(intake) = self.intake().get() {
            intake
        } else {
            let service = self.service();
            let intake = service.telemetry().of(service, &link.hub).await?;
            self.intake().get_or_init(|| intake)
        };
        let message = AcceptedTelemetry {
            device_id: link.device_id(),
            module_id: link.id.module_id.as_ref(),
            generation_id: &admitted.generation_id,
            auth_method: admitted.auth_method(),
            properties: &bag.properties,
            system_properties: &bag.system_properties,
            body,
            // Stamped when it gets its place.
            enqueued_at: provost_model::Timestamp::default(),
        };
        Ok(Arc::clone(intake).accept(self.service(), message).await)
    }
}

impl HubService {
    /// Takes messages of a device or module in, in their order; answers once all of them are on disk.
    /// Whoever is shut out while they are taken in is refused from there on.
    ///
    /// # Errors
    /// [`HubError::MessageTooLarge`], also when they are too large together,
    /// [`HubError::SessionClosed`], [`HubError::Store`].
    pub async fn send_events(
        &self,
        caller: &DeviceCaller,
        messages: &[(PropertyBag, Vec<u8>)],
    ) -> Result<(), HubError> {
        let sizes = messages.iter().map(|(bag, body)| size(bag, body));
        check(sizes.sum::<usize>() + BATCHED * messages.len().saturating_sub(1))?;
        let intake = self.telemetry().of(self, caller.hub()).await?;
        let mut ticket: Option<TelemetryTicket> = None;
        for (bag, body) in messages {
            let message = AcceptedTelemetry {
                device_id: caller.device_id(),
                module_id: caller.id().module_id.as_ref(),
                generation_id: caller.generation_id(),
                auth_method: caller.auth_method(),
                properties: &bag.properties,
                system_properties: &bag.system_properties,
                body,
                // Stamped when it gets its place.
                enqueued_at: provost_model::Timestamp::default(),
            };
            self.check_right(caller).await?;
            let next = Arc::clone(&intake).accept(self, message).await;
            if let Some(before) = &mut ticket
                && !before.is_of_same_commit(&next)
            {
                before.stored().await?;
            }
            ticket = Some(next);
        }
        match &mut ticket {
            Some(last) => last.stored().await,
            None => Ok(()),
        }
    }
}

fn check_size(bag: &PropertyBag, body: &[u8]) -> Result<(), HubError> {
    check(size(bag, body))
}

fn size(bag: &PropertyBag, body: &[u8]) -> usize {
    let pairs = bag.properties.iter().chain(&bag.system_properties);
    let properties: usize = pairs
        .map(|(key, value)| key.len() + value.as_ref().map_or(0, String::len))
        .sum();
    body.len() + properties
}

fn check(size: usize) -> Result<(), HubError> {
    if size > MAX_MESSAGE {
        return Err(HubError::MessageTooLarge {
            size,
            limit: MAX_MESSAGE,
        });
    }
    Ok(())
}
