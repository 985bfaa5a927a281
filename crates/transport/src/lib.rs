//! Sockets: everything between the network and the services.
//!
//! - [`listener`] accepts connections, [`tls`] secures them, [`peer`] says who is there.
//! - [`http`] serves requests and turns upgrades into `WebSocket` streams.
//! - [`mqtt`] reads and writes packets on a TLS stream or a WebSocket alike.
//! - [`throttle`] limits rates per key, [`metrics`] counts what happens, [`shutdown`] tells every task
//!   when to end.
//!
//! - [`device_api`] is the device side of provisioning, the same on every protocol.
//!
//! Every read is limited in size and time, every write in time. What a request means is read with
//! `provost-wire` and decided by the services.

pub mod device_api;
#[cfg(test)]
mod fixture;
pub mod http;
pub mod listener;
pub mod metrics;
pub mod mqtt;
pub mod peer;
pub mod publication;
pub mod shutdown;
pub mod throttle;
pub mod tls;
