use super::{AUTH_METHODS, FORM, MAX_SEGMENT};
use crate::{DeviceId, ModuleId, Timestamp};

/// A message that was just accepted, borrowed from where it was read.
#[derive(Debug, Clone, Copy)]
pub struct AcceptedTelemetry<'a> {
    /// The device.
    pub device_id: &'a DeviceId,
    /// The module of it, when one sent it.
    pub module_id: Option<&'a ModuleId>,
    /// The sender's generation.
    pub generation_id: &'a str,
    /// How the sender proved itself.
    pub auth_method: &'a str,
    /// Application properties.
    pub properties: &'a [(String, Option<String>)],
    /// System properties, keys with their `$.` prefix.
    pub system_properties: &'a [(String, Option<String>)],
    /// The payload.
    pub body: &'a [u8],
    /// When it was accepted.
    pub enqueued_at: Timestamp,
}

/// Messages of one partition on their way to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetrySegment {
    /// The messages.
    pub bytes: Vec<u8>,
    /// How many.
    pub count: i64,
    /// The earliest and the latest instant of them.
    pub enqueued_at: (Timestamp, Timestamp),
}

/// Collects messages of one partition, in segments of bounded size.
#[derive(Debug, Default)]
pub struct SegmentBuilder {
    segments: Vec<TelemetrySegment>,
    /// Room for the first segment.
    spare: Vec<u8>,
}

impl SegmentBuilder {
    /// A builder that fills memory used before: what is in it does not matter.
    pub fn reusing(spare: Vec<u8>) -> Self {
        Self {
            segments: Vec::new(),
            spare,
        }
    }

    /// Adds a message; returns the bytes it takes.
    pub fn push(&mut self, message: &AcceptedTelemetry<'_>) -> usize {
        let is_full = self
            .segments
            .last()
            .is_none_or(|segment| segment.bytes.len() >= MAX_SEGMENT);
        if is_full {
            let mut bytes = std::mem::take(&mut self.spare);
            bytes.clear();
            bytes.push(FORM);
            self.segments.push(TelemetrySegment {
                bytes,
                count: 0,
                enqueued_at: (message.enqueued_at, message.enqueued_at),
            });
        }
        let Some(segment) = self.segments.last_mut() else {
            return 0;
        };
        let before = segment.bytes.len();
        put_message(&mut segment.bytes, message);
        segment.count += 1;
        let (first, last) = segment.enqueued_at;
        segment.enqueued_at = (first.min(message.enqueued_at), last.max(message.enqueued_at));
        segment.bytes.len() - before
    }

    /// What was collected, in order.
    pub fn into_segments(self) -> Vec<TelemetrySegment> {
        self.segments
    }
}

fn put_message(out: &mut Vec<u8>, message: &AcceptedTelemetry<'_>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&message.enqueued_at.as_micros().to_le_bytes());
    put_text(out, message.device_id.as_str());
    put_optional(out, message.module_id.map(ModuleId::as_str));
    put_text(out, message.generation_id);
    let known = AUTH_METHODS
        .iter()
        .position(|known| *known == message.auth_method);
    put_number(out, known.map_or(0, |position| position + 1));
    if known.is_none() {
        put_text(out, message.auth_method);
    }
    for properties in [message.properties, message.system_properties] {
        put_number(out, properties.len());
        for (key, value) in properties {
            put_text(out, key);
            put_optional(out, value.as_deref());
        }
    }
    out.extend_from_slice(message.body);
    // Messages are at most 256 KiB (iot-hub-device-api.md 13).
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => {
            put_number(out, text.len() + 1);
            out.extend_from_slice(text.as_bytes());
        }
        None => put_number(out, 0),
    }
}

fn put_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        // The low seven bits; the eighth says that more follow.
        out.push(low_bits(number) | 0x80);
        number >>= 7;
    }
    out.push(low_bits(number));
}

fn low_bits(number: usize) -> u8 {
    number.to_le_bytes().first().map_or(0, |byte| byte & 0x7f)
}
