//! Sockets: everything between the network and the services.
//!
//! - [`listener`] accepts connections, [`tls`] secures them, [`peer`] says who is there.
//! - [`http`] serves requests and turns upgrades into `WebSocket` streams.
//! - [`mqtt`] reads and writes packets on a TLS stream or a WebSocket alike.
//! - [`throttle`] limits rates per key, [`shutdown`] tells every task when to end.
//!
//! Every read is limited in size and time, every write in time. Nothing here knows what a
//! request means.

#[cfg(test)]
mod fixture;
pub mod http;
pub mod listener;
pub mod mqtt;
pub mod peer;
pub mod shutdown;
pub mod throttle;
pub mod tls;
