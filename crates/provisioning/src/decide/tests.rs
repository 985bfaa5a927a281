//! The rules of the decision, over a snapshot in memory.

mod by_chain;
mod by_key;
mod individual;
mod memory;
mod order;
