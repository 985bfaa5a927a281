//! The program: command line, configuration, wiring of the rooms, background work.
//!
//! - [`config`]: flags, environment and file become one checked [`config::Config`]
//! - [`serve`]: starts the services and listeners from it, and ends them in order
//! - `signer`: the process that holds the keys of CAs for a server
//! - [`cli`]: the verbs; [`client`], [`output`] and [`simulate`] do their work
//!
//! No rule lives here: what a device may do is decided in the services, what a request means in
//! `provost-wire`.

mod backup;
mod ceremony;
pub mod cli;
pub mod client;
pub mod config;
pub mod connection_file;
mod exchange;
pub mod outbound;
pub mod output;
pub mod serve;
mod signer;
pub mod simulate;
