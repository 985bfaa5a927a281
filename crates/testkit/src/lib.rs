//! Fixtures for tests and benchmarks: a clock that is set by hand, a seeded random source, a store
//! on either engine, certificates, a running server, and those who talk to it.
//!
//! - [`TestServer`] is a server in this process, [`ChildServer`] the real program in a process of
//!   its own. Both are [`Endpoints`] to whoever talks to them.
//! - [`Device`] is a device: it registers over a transport ([`Via`]) and connects to its hub.
//! - [`ServiceApi`] is a back end or an operator.
//! - [`Webhook`] answers the server as it is told.
//! - [`FixtureAuthority`] makes the certificates of devices, [`OpensslFolder`] has openssl make and judge them.
//!
//! Nothing of this is linked into the product. A fixture that cannot do its work panics: the test
//! that uses it has failed.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fixture that fails is a failed test"
)]

mod answer;
mod authority;
mod authority_upload;
mod child;
mod clock;
mod device;
mod endpoints;
mod enrollment;
mod hub_login;
mod openssl;
mod other_signature;
mod random;
mod raw;
mod refusal;
mod server;
mod service_api;
mod store;
mod stored;
mod verdict;
mod wait;
mod webhook;

pub use answer::Answer;
pub use authority::{FixtureAuthority, Leaf};
pub use child::{ChildServer, program};
pub use clock::ManualClock;
pub use device::{Device, Via, over_every_transport};
pub use endpoints::Endpoints;
pub use enrollment::{Enrollment, authority_slots, client_slots, clients, signer_slots, signers};
pub use hub_login::HubConnect;
pub use openssl::OpensslFolder;
pub use other_signature::with_other_signature;
pub use random::SeededRandom;
pub use raw::RawStream;
pub use refusal::{assigned, assigned_hub, connack_code, refusal};
pub use server::TestServer;
pub use service_api::{ServiceApi, service_token};
pub use store::TestStore;
pub use stored::Stored;
pub use wait::{DEADLINE, eventually};
pub use webhook::Webhook;
