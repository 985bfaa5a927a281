//! Device-to-cloud messages: kept in a bounded buffer per hub, read by back ends
//! (iot-hub-device-api.md 5).

mod buffer;
mod trim;

use std::time::Duration;

use provost_model::{AccessRight, PageSize, StoredTelemetry, Telemetry};
use provost_store::{ReadTx, StoreError};
use provost_wire::hub::MAX_MESSAGE;
use provost_wire::hub::device::PropertyBag;
use tokio::time::{Instant, timeout_at};

pub(crate) use self::buffer::Buffers;
use crate::service::HubService;
use crate::session::DeviceSession;
use crate::{HubError, ServiceCaller};

/// The longest wait of one read.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

/// Payload bytes after which a page ends, whatever was asked for.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Messages read at a time within a page.
const STEP: usize = 32;
/// How long a message taken in by another node may go unseen.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl DeviceSession {
    /// Takes a message in; answers once it is on disk.
    ///
    /// # Errors
    /// [`HubError::SessionClosed`], [`HubError::MessageTooLarge`], [`HubError::Store`].
    pub async fn send_telemetry(&self, bag: PropertyBag, body: Vec<u8>) -> Result<(), HubError> {
        self.open_link()?;
        self.touch();
        self.take_in(bag, body).await
    }

    /// Takes a message in, of a session that may be over: a will.
    pub(crate) async fn take_in(&self, bag: PropertyBag, body: Vec<u8>) -> Result<(), HubError> {
        let link = self.link();
        let admitted = link.admitted().ok_or(HubError::SessionClosed)?;
        check_size(&bag, &body)?;
        let service = self.service();
        let message = Telemetry {
            device_id: link.device_id().clone(),
            generation_id: admitted.generation_id.clone(),
            auth_method: admitted.auth_method().to_owned(),
            properties: bag.properties,
            system_properties: bag.system_properties,
            body,
            enqueued_at: service.now(),
        };
        let buffer = service.telemetry().of(service.store(), &link.hub).await?;
        let hub = link.hub.clone();
        let (number, size) = service
            .store()
            .append(move |tx| tx.append_telemetry(&hub, &message))
            .await?;
        let held = buffer.added(number, size);
        if held > service.retention().bytes {
            service.telemetry().ask_for_trim();
        }
        Ok(())
    }
}

impl HubService {
    /// Messages after the one numbered `after`, oldest first. When there is none, waits up to
    /// `wait`, at most [`MAX_WAIT`], and may then come back empty. A page ends early once it holds
    /// 4 MiB. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::Store`].
    pub async fn read_telemetry(
        &self,
        caller: &ServiceCaller,
        after: i64,
        limit: PageSize,
        wait: Duration,
    ) -> Result<Vec<StoredTelemetry>, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let until = Instant::now() + wait.min(MAX_WAIT);
        let buffer = self.telemetry().of(self.store(), caller.hub()).await?;
        let mut newest = buffer.newest();
        loop {
            newest.mark_unchanged();
            let hub = caller.hub().clone();
            let page = self
                .store()
                .scan(move |tx| read_page(limit, |after, step| tx.telemetry_after(&hub, after, step), after))
                .await?;
            if !page.is_empty() || Instant::now() >= until {
                return Ok(page);
            }
            let look_again = until.min(Instant::now() + LOOK_EVERY);
            // Woken, or time to look: both go on with a look.
            let _ = timeout_at(look_again, newest.changed()).await;
        }
    }

    /// The number of a hub's newest message, 0 when there is none: where a reader begins that wants
    /// only what is new. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::Store`].
    pub async fn last_telemetry(&self, caller: &ServiceCaller) -> Result<i64, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let hub = caller.hub().clone();
        Ok(self
            .store()
            .read(move |tx: &ReadTx<'_>| tx.last_telemetry(&hub))
            .await?)
    }
}

fn read_page(
    limit: PageSize,
    read: impl Fn(i64, usize) -> Result<Vec<StoredTelemetry>, StoreError>,
    mut after: i64,
) -> Result<Vec<StoredTelemetry>, StoreError> {
    let mut page: Vec<StoredTelemetry> = Vec::new();
    let mut bytes = 0;
    while page.len() < limit.get() && bytes < PAGE_BYTES {
        let step = STEP.min(limit.get() - page.len());
        let messages = read(after, step)?;
        let is_end = messages.len() < step;
        bytes += messages
            .iter()
            .map(|stored| stored.message.body.len())
            .sum::<usize>();
        page.extend(messages);
        after = page.last().map_or(after, |stored| stored.sequence_number);
        if is_end {
            break;
        }
    }
    Ok(page)
}

fn check_size(bag: &PropertyBag, body: &[u8]) -> Result<(), HubError> {
    let pairs = bag.properties.iter().chain(&bag.system_properties);
    let properties: usize = pairs
        .map(|(key, value)| key.len() + value.as_ref().map_or(0, String::len))
        .sum();
    let size = body.len() + properties;
    if size > MAX_MESSAGE {
        return Err(HubError::MessageTooLarge {
            size,
            limit: MAX_MESSAGE,
        });
    }
    Ok(())
}
