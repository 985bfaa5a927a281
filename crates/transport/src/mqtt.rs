//! MQTT 3.1.1: the packets and the connection that carries them.
//!
//! What a packet means is in [`session`].

pub mod codec;
pub mod connection;
pub mod session;
