//! The hub.

pub mod device;
pub mod error;
pub mod query;
pub mod service;

/// Largest telemetry message in bytes, payload and properties (iot-hub-device-api.md 5).
pub const MAX_MESSAGE: usize = 262_144;
/// Largest method payload in bytes, each way (iot-hub-service-api.md 9).
pub const MAX_METHOD_PAYLOAD: usize = 128 * 1024;
/// Largest cloud-to-device message in bytes, payload and properties (iot-hub-device-api.md 13).
pub const MAX_CLOUD_MESSAGE: usize = 64 * 1024;
