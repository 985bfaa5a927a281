//! The management plane's shapes, as far as they are served: instances (read), their keys, and CA
//! certificates of instances and hubs (dps-service-api.md 4, iot-hub-service-api.md 14).

mod certificate;
mod error;
mod instance;
mod route;

pub use certificate::{CertificateUpload, CertificateView, certificate, parse_verification};
pub use error::ArmError;
pub use instance::{InstanceView, instance, key_entry, list};
pub use route::{ArmOperation, ArmRoute, ArmScope, parse_route};
