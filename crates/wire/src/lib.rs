//! Azure's contracts as text: JSON shapes, HTTP addresses, MQTT topics and user names, headers.
//!
//! Everything here is pure: bytes and text in, typed values out, and back. Rules (who may, what is
//! kept, which hub) live in the services; sockets in `provost-transport`.
//!
//! - [`address`]: paths, queries, api-versions; [`mod@time`], [`json`]: the basics of every body
//! - [`dps`]: the provisioning service, device side and service side
//! - [`hub`]: the hub, device side and service side
//! - [`ConnectionString`]: the text clients are configured with
//!
//! Every parser takes untrusted input, is bounded by the length of what it is given, and answers
//! with an error instead of panicking.

pub mod address;
mod connection_string;
pub mod dps;
mod error;
pub mod hub;
pub mod json;
pub mod keys;
pub mod mqtt;
pub mod percent;
pub mod time;

pub use address::{ApiVersion, RouteError, Routed};
pub use connection_string::{ConnectionString, ConnectionStringError};
pub use error::ErrorBody;
pub use json::BodyError;
