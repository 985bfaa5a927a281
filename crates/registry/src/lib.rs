//! The Device Registry: namespaces, credentials, policies, devices, revocation, synchronization
//! (certificate-management.md 1 and 3).
//!
//! - [`RegistryService`] is what management calls; every method takes the [`AdminCaller`] and asks it for
//!   its permission.
//! - [`RegistryService::prepare_certificate`] and [`RegistryService::complete_certificate`] are what
//!   provisioning and hub issue through: signed before their transaction, handed out by it.
//! - [`LinkedHubs`] is the port through which revocation reaches devices and sessions of hubs.
//!
//! What lasts runs to its end whatever becomes of the request that asked for it, and is taken up again
//! after a crash ([`RegistryService::resume`]).
//!
//! [`AdminCaller`]: provost_access::AdminCaller

mod activate;
mod certificates;
mod complete;
mod configuration;
mod credentials;
mod delete_namespace;
mod devices;
mod error;
mod expiry;
mod facts;
mod forgetting;
mod ground;
mod hub_trust;
mod issuer;
mod links;
mod lookups;
mod maintenance;
mod namespaces;
mod new_ca;
mod offline;
mod once_in;
mod operations;
mod options;
mod orphans;
mod policies;
mod port;
mod prepare;
mod revoke_device;
mod revoke_issuer;
mod service;
mod signing;
mod standing_count;
mod synchronize;
mod touched;
mod unused_keys;

pub use certificates::CertificateFilter;
pub use credentials::{CredentialInput, CredentialView};
pub use devices::{Condition, DeviceInput, DevicePatch, DocumentChange, PolicyChange};
pub use error::RegistryError;
pub use namespaces::NamespaceInput;
pub use offline::{
    AnswerOutcome, ImportedAnswer, OfflineAnswers, OfflineNumbers, OfflineRequest, OfflineRoot,
    RequestPurpose,
};
pub use options::{ByorRevoke, RegistryOptions};
pub use orphans::Orphans;
pub use policies::{PolicyInput, PolicyView};
pub use port::{LinkedHubs, PortFuture};
pub use provost_store::IssuedAfter;
pub use revoke_device::DeviceRevocation;
pub use revoke_issuer::Outcome as IssuerRevoked;
pub use service::{Made, RegistryParts, RegistryService};
pub use touched::{RevocationTarget, Touched};
