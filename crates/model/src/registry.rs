//! The nouns of the Device Registry (certificate-management.md 1): namespace, credential, policy,
//! device, the CAs behind them and what they issued.

mod ca;
mod device;
mod identifier;
mod issued;
mod key_intent;
mod namespace;
mod operation;
mod policy;
mod request;
mod responder;

pub use self::ca::{Ca, CaId, CaRole, CaState, KeyRef};
pub use self::device::RegistryDevice;
pub use self::identifier::DeviceIdentifier;
pub use self::issued::{
    IssuedCertificate, IssuedState, Revocation, RevocationReason, RevokedEntry, SerialNumber,
};
pub use self::key_intent::{KeyIntent, KeyOwner};
pub use self::namespace::{Credential, Namespace, NamespaceLink};
pub use self::operation::{OperationFailure, OperationState, RegistryOperation};
pub use self::policy::{ByorStatus, CredentialPolicy};
pub use self::request::{
    CertificateRefusal, CertificateRequest, Completion, PreparedCertificate, RequestedBy,
};
pub use self::responder::{DelegatedResponder, ResponderState};
