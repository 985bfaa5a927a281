//! Many messages of a partition in one piece of bytes: what the store keeps in a row.
//!
//! One byte names the form, 1. Each message is its length (four bytes, little-endian) and so many
//! bytes: the instant (eight), device, module, generation, auth method, application properties,
//! system properties, and the payload to the end. Numbers are LEB128; a text is its length and its
//! bytes; what may be absent is one more than its length, or 0.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use self::read::{SegmentError, StoredSegment};
pub use self::write::{AcceptedTelemetry, SegmentBuilder, TelemetrySegment};

/// A segment that has reached so many bytes takes no more messages: retention works by segment, and
/// a reader holds a whole one.
pub const MAX_SEGMENT: usize = 512 * 1024;

const FORM: u8 = 1;

/// Auth methods with a number, from 1; any other is written out after a 0.
const AUTH_METHODS: [&str; 3] = [
    r#"{"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#,
    r#"{"scope":"hub","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#,
    r#"{"scope":"device","type":"x509","issuer":"iothub","acceptingIpFilterRule":null}"#,
];
