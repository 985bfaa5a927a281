//! The device side of the protocols: what a device does to be provisioned and to talk to its hub.
//!
//! - [`tls`] says whom the device trusts and which certificate it shows.
//! - [`mqtt`] and [`http`] are small clients over TLS, MQTT also over a WebSocket.
//! - [`certificate`] is the certificate a device asks for and is issued.
//! - [`provisioning`] registers a device, [`hub`] is a session with the assigned hub.
//!
//! Made for simulators, load and tests: lean in memory, one owner per connection, no reconnecting
//! behind the caller's back.

pub mod certificate;
mod connect;
mod error;
#[cfg(test)]
mod fixture;
pub mod http;
pub mod hub;
pub mod mqtt;
pub mod provisioning;
#[cfg(test)]
mod tests;
pub mod tls;

pub use self::connect::Target;
pub use self::error::DeviceError;
