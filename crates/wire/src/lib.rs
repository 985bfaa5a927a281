//! Azure's contracts as text: JSON shapes, HTTP addresses, MQTT topics and user names, headers.
//!
//! Everything here is pure: bytes and text in, typed values out, and back. Rules (who may, what is
//! kept, which hub) live in the services; sockets in `provost-transport`.
//!
//! - [`address`]: paths, queries, api-versions; [`mod@time`], [`json`]: the basics of every body
//! - [`dps`]: the provisioning service, device side and service side
//! - [`hub`]: the hub, device side and service side
//! - [`arm`]: the management shapes of both
//! - [`own`]: what lives under `/provost/`
//! - [`http`], [`mqtt`]: which of the above an HTTP request or an MQTT user name belongs to
//! - [`ConnectionString`]: the text clients are configured with
//!
//! Every parser takes untrusted input, is bounded by the length of what it is given, and answers
//! with an error instead of panicking.

pub mod address;
pub mod arm;
mod connection_string;
pub mod dps;
mod error;
pub mod http;
pub mod hub;
pub mod json;
pub mod keys;
pub mod mqtt;
pub mod own;
pub mod percent;
pub mod time;

#[cfg(test)]
mod every_body;

pub use address::{ApiVersion, RouteError, Routed};
pub use connection_string::{ConnectionString, ConnectionStringError};
pub use error::ErrorBody;
pub use json::BodyError;
