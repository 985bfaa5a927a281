//! The Device Registry's rows: one file for each noun.

mod ca;
mod certificates;
mod credential;
mod crl;
mod device;
mod ending;
mod expired;
mod holders;
mod identity;
mod intent;
mod issued;
mod issued_list;
mod key_intent;
mod link;
mod namespace;
mod operation;
mod policy;
mod responder;
mod revoked;
mod standing;
mod standing_leaves;
mod version;

pub(crate) use self::ca::identify as identify_cas;
pub use self::crl::{CrlWork, NewCrl, StoredCrl};
pub use self::expired::CaOfNamespace;
pub use self::holders::{HolderCounts, Holders};
pub use self::identity::RegistryIdentity;
pub use self::intent::NewIntent;
pub use self::issued_list::IssuedAfter;
pub use self::key_intent::GivenUpKey;
pub use self::responder::LeafStatus;
pub use self::revoked::{CrlPart, RevokedLeaves};
pub use self::standing::{KnownIssuers, LeafStanding};
pub use self::standing_leaves::{StandingOf, StandingPage};
pub use self::version::RegistryVersion;
