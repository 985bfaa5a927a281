//! Sockets: everything between the network and the services.

pub mod mqtt;
