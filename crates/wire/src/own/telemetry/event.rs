//! Server-sent events (WHATWG HTML 9.2): one message, or what was lost, each with the place behind it
//! as its id, so that `Last-Event-ID` goes on without a gap and without a repetition.

use provost_model::{PartitionId, StoredTelemetry, TelemetryCursor};

use super::{LostView, TelemetryItem, format_cursor};
use crate::json;

/// The media type.
pub const EVENT_STREAM: &str = "text/event-stream";

/// A comment: keeps the connection alive and says nothing.
pub const COMMENT: &[u8] = b": still here\n\n";

/// A message.
pub fn message_event(out: &mut Vec<u8>, stored: &StoredTelemetry, place: &TelemetryCursor) {
    put(
        out,
        "telemetry",
        &json::to_bytes(&TelemetryItem::from(stored)),
        place,
    );
}

/// Messages this reader came too late for.
pub fn lost_event(out: &mut Vec<u8>, lost: &(PartitionId, i64), place: &TelemetryCursor) {
    put(out, "lost", &json::to_bytes(&LostView::new(lost)), place);
}

/// JSON has no line break outside of its strings, and inside they are escaped.
fn put(out: &mut Vec<u8>, name: &str, data: &[u8], place: &TelemetryCursor) {
    out.extend_from_slice(format!("id: {}\nevent: {name}\ndata: ", format_cursor(place)).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_an_id_a_name_and_one_line_of_data() {
        let id = PartitionId::new(1).unwrap();
        let mut out = Vec::new();
        lost_event(&mut out, &(id, 5), &TelemetryCursor::new([(id, 9)]));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "id: 1-9\nevent: lost\ndata: {\"partitionId\":\"1\",\"count\":5}\n\n"
        );
    }
}
