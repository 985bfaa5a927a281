//! Fixtures for tests and benchmarks: a clock that is set by hand, a seeded random source, a store
//! on either engine, certificates and a running server.
//!
//! Nothing of this is linked into the product.

mod clock;
mod random;
mod store;

pub use clock::ManualClock;
pub use random::SeededRandom;
pub use store::TestStore;
