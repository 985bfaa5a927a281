//! The acceptance rules, one file per family, each test named after its rule.
//!
//! R-: certificate-management.md 5. D-: iot-hub-device-api.md 18. S-: iot-hub-service-api.md 19.
//! What concerns provisioning runs over MQTT, MQTT in a WebSocket and HTTPS.

mod blocking_one_device;
mod custom_allocation;
mod device_connect;
mod device_credentials;
mod direct_methods;
mod enrollment_groups;
mod hub_authorities;
mod individual_enrollments;
mod registry;
mod remote_hubs;
mod rolling;
mod service_twins;
mod twins_and_methods;
