//! Private keys in a process of their own, which takes nothing from the network (certificate-management.md 7.2).
//!
//! Server and signer hold the two ends of one socket pair; the signer has it as its standard input. Frames ([`frame`]) carry messages
//! ([`message`]): first the settings and whether the keys could be opened with them, then requests and answers in any order. What is signed is
//! hashed by who asks, so that no frame is large. [`client`] is the server's end, a [`KeyProvider`](crate::KeyProvider) that forwards, [`server`] the
//! signer's.

mod client;
mod connection;
mod fields;
mod frame;
mod message;
mod outbox;
mod server;

pub use client::{LaunchedSigner, SignerLauncher, SignerProcess};
pub use frame::{FrameError, MAX_FRAME_BYTES, read_frame, write_frame};
pub use message::{Answer, MessageError, NotOpened, Opened, Opening, PROTOCOL_VERSION, Request, Task};
pub use server::{OpenedKeys, SignerError, serve_signer};

#[cfg(test)]
mod tests;
