//! Everything that needs more than one room: the store on both engines, the wire over real sockets,
//! and the acceptance rules.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails here is a failed test"
)]
#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method of a transaction is not general enough in its lifetime"
)]

mod access;
mod audit;
mod cli;
mod flows;
mod listed;
mod operations;
mod robustness;
mod store;
