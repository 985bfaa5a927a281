//! The Device Provisioning Service.

mod certificate_info;
pub mod device;
pub mod service;
pub mod webhook;

pub use certificate_info::CertificateInfo;

/// Largest message of either side in bytes (dps-device-api.md 8.5).
pub const MAX_MESSAGE: usize = 96 * 1024;
