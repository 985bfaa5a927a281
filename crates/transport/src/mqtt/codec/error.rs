//! What makes a packet unreadable or unwritable.

use thiserror::Error;

/// Why bytes from a peer are not an MQTT 3.1.1 packet. Every one of them ends the connection
/// (MQTT 3.1.1 4.8): nothing after a malformed packet can be trusted.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The packet type is 0 or 15, which are reserved.
    #[error("packet type {0} is reserved")]
    ReservedType(u8),
    /// The low four bits of the first byte are not those the type prescribes (MQTT 3.1.1 2.2.2).
    #[error("flags {flags:#06b} are not allowed in packet type {packet_type}")]
    ReservedFlags {
        /// The type, 1 to 14.
        packet_type: u8,
        /// The four flag bits as received.
        flags: u8,
    },
    /// The remaining length takes more than four bytes.
    #[error("remaining length is not a valid number")]
    InvalidLength,
    /// The packet announces more bytes than the connection accepts.
    #[error("packet of {remaining} bytes is over the limit of {limit}")]
    TooLarge {
        /// Announced remaining length in bytes.
        remaining: usize,
        /// Accepted remaining length in bytes.
        limit: usize,
    },
    /// A field reaches past the end of its packet.
    #[error("packet ends inside a field")]
    Truncated,
    /// Bytes are left after the last field.
    #[error("packet has {0} bytes after its last field")]
    TrailingBytes(usize),
    /// A text field is not UTF-8.
    #[error("text is not utf-8")]
    InvalidUtf8,
    /// A text field holds U+0000 (MQTT 3.1.1 1.5.3).
    #[error("text holds a nul character")]
    NulInText,
    /// A packet identifier is zero (MQTT 3.1.1 2.3.1).
    #[error("packet identifier is zero")]
    ZeroPacketId,
    /// A quality of service is 3.
    #[error("quality of service {0} does not exist")]
    InvalidQos(u8),
    /// DUP is set on a `QoS` 0 PUBLISH (MQTT 3.1.1 3.3.1.1).
    #[error("duplicate flag on a packet without acknowledgement")]
    DuplicateAtMostOnce,
    /// A topic name is empty or holds `+` or `#`.
    #[error("topic name is empty or holds a wildcard")]
    InvalidTopic,
    /// A topic filter is empty or has a wildcard in a wrong place (MQTT 3.1.1 4.7.1).
    #[error("topic filter is not valid")]
    InvalidFilter,
    /// SUBSCRIBE, SUBACK or UNSUBSCRIBE without an entry.
    #[error("packet lists nothing")]
    EmptyList,
    /// A reserved bit of a SUBSCRIBE option or of the CONNACK flags is set.
    #[error("reserved bits are set in {0:#010b}")]
    ReservedBits(u8),
    /// The CONNECT flags contradict each other (MQTT 3.1.1 3.1.2).
    #[error("connect flags {0:#010b} are not valid")]
    InvalidConnectFlags(u8),
    /// A CONNACK or SUBACK return code that does not exist.
    #[error("return code {0:#04x} does not exist")]
    InvalidReturnCode(u8),
}

/// Why a packet cannot be written. The output is left as it was.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A text or binary field has more than 65,535 bytes.
    #[error("field of {0} bytes is over 65535")]
    FieldTooLong(usize),
    /// The packet would have a remaining length over 268,435,455 bytes.
    #[error("packet of {0} bytes is over 268435455")]
    PacketTooLong(usize),
    /// The topic name is empty or holds a wildcard or a nul character.
    #[error("topic name is not valid")]
    InvalidTopic,
    /// SUBSCRIBE, SUBACK or UNSUBSCRIBE without an entry.
    #[error("packet lists nothing")]
    EmptyList,
    /// A password without a user name cannot be said in MQTT 3.1.1.
    #[error("password without a user name")]
    PasswordWithoutUsername,
}
