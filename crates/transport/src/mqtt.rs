//! MQTT 3.1.1: the packets and the connection that carries them.
//!
//! What a packet means to the provisioning service or the hub is not decided here.

pub mod codec;
pub mod connection;
