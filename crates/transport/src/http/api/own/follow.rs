//! Telemetry as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use provost_hub::{ServiceCaller, TelemetryPage, TelemetryRead};
use provost_model::{HubName, PageSize, TelemetryCursor, TelemetryStart};
use provost_wire::RouteError;
use provost_wire::own::{COMMENT, EVENT_STREAM, TelemetryQuery, lost_event, message_event, parse_cursor};
use tokio::time::Instant;
use tracing::debug;

use super::super::ApiParts;
use super::super::call::Call;
use super::super::reply::Answer;
use super::Failure;
use super::telemetry::caller_of;
use crate::http::body::unfold;

/// How long the stream says nothing before it says that it is there, and may go on unproven: the
/// token is judged again each time.
const SILENCE: Duration = Duration::from_secs(5);
/// Messages read at a time; this and the pages' own limit of bytes are what a stream holds.
const STEP: usize = 100;

/// A stream from where the query says, or from behind the event the client saw last.
pub(super) async fn answer(
    parts: &Arc<ApiParts>,
    call: &Call,
    caller: &ServiceCaller,
    hub: &HubName,
    query: TelemetryQuery,
) -> Result<Answer, Failure> {
    let read = TelemetryRead {
        partition: query.partition,
        device_id: query.device_id,
        limit: PageSize::clamp(Some(STEP), STEP, STEP),
        wait: SILENCE,
    };
    let start = match call.header("last-event-id").filter(|id| !id.is_empty()) {
        Some(id) => TelemetryStart::Cursor(parse_cursor(id).ok_or(RouteError::Parameter("Last-Event-ID"))?),
        None => query.start,
    };
    let cursor = parts.hub.telemetry_cursor(caller, &read, start).await?;
    let follower = Follower {
        parts: Arc::clone(parts),
        call: call.for_later(),
        hub: hub.clone(),
        read,
        cursor,
        patience: query.wait,
        heard_at: Instant::now(),
        has_begun: false,
    };
    let body = unfold(follower, Follower::next);
    Ok(Answer::streamed(EVENT_STREAM, body).with_header("cache-control", "no-store"))
}

struct Follower {
    parts: Arc<ApiParts>,
    call: Call,
    hub: HubName,
    read: TelemetryRead,
    cursor: TelemetryCursor,
    /// How long nothing may come before the stream ends; it goes on for ever without.
    patience: Option<Duration>,
    heard_at: Instant,
    has_begun: bool,
}

impl Follower {
    /// The next piece; `None` ends the stream. The client comes back with the id it saw last.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        if !std::mem::replace(&mut self.has_begun, true) {
            // The head goes out at once, whenever the first message comes.
            return Some((Bytes::from_static(COMMENT), self));
        }
        let mut shutdown = self.parts.shutdown.clone();
        let page = tokio::select! {
            () = shutdown.requested() => return None,
            page = self.page() => page?,
        };
        if page.messages.is_empty() && page.lost.is_empty() {
            self.cursor = page.next;
            let is_over = self
                .patience
                .is_some_and(|patience| self.heard_at.elapsed() >= patience);
            return (!is_over).then(|| (Bytes::from_static(COMMENT), self));
        }
        self.heard_at = Instant::now();
        let bytes = self.events(&page);
        Some((bytes, self))
    }

    async fn page(&mut self) -> Option<TelemetryPage> {
        // The token may be over by now, its policy gone.
        let caller = caller_of(&self.parts, &self.call, &self.hub).await;
        let caller = caller
            .inspect_err(|error| debug!(%error, "an event stream ends"))
            .ok()?;
        if let Some(patience) = self.patience {
            self.read.wait = patience.saturating_sub(self.heard_at.elapsed()).min(SILENCE);
        }
        let page = self
            .parts
            .hub
            .read_telemetry(&caller, &self.read, self.cursor.clone());
        page.await
            .inspect_err(|error| debug!(%error, "an event stream ends"))
            .ok()
    }

    fn events(&mut self, page: &TelemetryPage) -> Bytes {
        let mut out = Vec::new();
        for lost in &page.lost {
            let (partition, count) = *lost;
            let next = self.cursor.next_of(partition).unwrap_or(0);
            self.cursor.set(partition, next.saturating_add(count));
            lost_event(&mut out, lost, &self.cursor);
        }
        for stored in &page.messages {
            self.cursor
                .set(stored.partition, stored.sequence_number.saturating_add(1));
            message_event(&mut out, stored, &self.cursor);
        }
        self.cursor = page.next.clone();
        out.into()
    }
}
