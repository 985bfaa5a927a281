//! The management plane's shapes, as far as they are served: instances and hubs (read, and linked to a
//! namespace), their keys and CA certificates (dps-service-api.md 4, iot-hub-service-api.md 14), and the
//! Device Registry (certificate-management.md 1).

mod certificate;
mod error;
mod instance;
pub mod registry;
mod route;

pub use certificate::{CertificateUpload, CertificateView, certificate, parse_verification};
pub use error::ArmError;
pub use instance::{InstanceView, instance, key_entry, list};
pub use route::{ArmOperation, ArmRoute, ArmScope, parse_route};
