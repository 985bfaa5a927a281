//! The acceptance rules, one file per family, each test named after its rule.
//!
//! A-, R-: certificate-management.md 4 and 5. D-: iot-hub-device-api.md 18. S-: iot-hub-service-api.md 19.
//! What concerns provisioning runs over MQTT, MQTT in a WebSocket and HTTPS.

mod backups;
mod blocking_and_the_hub;
mod blocking_certificates;
mod blocking_groups;
mod blocking_one_device;
mod custom_allocation;
mod device_connect;
mod device_credentials;
mod direct_methods;
mod disenroll;
mod enrollment_groups;
mod explain;
mod fleet_reprovision;
mod geo_latency;
mod hammering;
mod hub_authorities;
mod individual_enrollments;
mod instances;
mod issued;
mod issuers;
mod jobs;
mod kept_sessions;
mod live_sessions;
mod messages_over_https;
mod messages_over_mqtt;
mod modules;
mod mqtt_rules;
mod policies;
mod queries;
mod registration_records;
mod registry;
mod registry_contract;
mod registry_devices;
mod registry_mistakes;
mod remote_hubs;
mod reprovisioning;
mod rolling;
mod rolling_continuously;
mod rolling_individual;
mod rolling_intermediate;
mod rolling_root;
mod service_twins;
mod telemetry;
mod telemetry_stream;
mod twins_and_methods;
