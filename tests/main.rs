//! Everything that needs more than one room: the store on both engines, the wire over real sockets,
//! and the acceptance rules.

mod access;
mod audit;
mod flows;
mod operations;
mod robustness;
mod store;
