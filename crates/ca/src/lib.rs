//! Signs: roots, issuing CAs and leaves, CRLs and OCSP answers. Who asks and whether he may is decided
//! elsewhere.
//!
//! Every signature may block on a disk or a token: it belongs on a thread that may. What is signed is
//! decided before ([`LeafOrder`], [`IssuingOrder`]), so that it can be written down first (DESIGN 3.9).

mod addresses;
mod authority;
mod delegate;
mod error;
#[cfg(test)]
mod fixture;
mod keys;
mod leaf;
mod ocsp;
mod publications;
mod publish;
mod serial;
mod signatures;

pub use addresses::PublicAddresses;
pub use authority::{IssuingOrder, RootOrder, SignedCa, request_for_ca, sign_issuing_ca, sign_root};
pub use error::CaError;
pub use keys::{CaKeys, CaSigner};
pub use leaf::{LeafOrder, LeafToSign, SignedLeaf};
pub use ocsp::{DelegateError, OcspAnswer, OcspDelegates, OcspResponder, OcspStanding, OcspWord};
pub use provost_store::{CrlPart, StoreError};
pub use publications::{Publications, PublishedCrl};
pub use publish::{CrlPublisher, CrlSchedule, PublishError};
pub use serial::{new_serial, shard_of};
pub use signatures::SignatureCounts;
