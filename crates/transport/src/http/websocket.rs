//! The WebSocket that carries MQTT where only port 443 is open (RFC 6455, MQTT 3.1.1 6).

mod handshake;
mod io;
#[cfg(test)]
mod tests;

pub use self::handshake::{Refusal, SUBPROTOCOL_MQTT, accept, accept_key, is_upgrade};
pub use self::io::{WebSocketIo, WebSocketLimits};
