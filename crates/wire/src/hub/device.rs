//! The hub's device side: user names, topics, property bags and twin documents of MQTT, addresses,
//! headers and bodies of HTTPS (iot-hub-device-api.md 2, 5 to 7, 9 and 10).

mod bag;
mod credentials;
mod devicebound;
mod event;
pub(crate) mod route;
mod server_topic;
mod subscription;
mod topic;
mod twin;
mod username;

use provost_model::IdentityId;

pub use bag::{BagError, MAX_PROPERTIES, PropertyBag, format_bag, parse_bag};
pub use credentials::{
    CREDENTIALS_FILTER, RenewalBodyError, RenewalFailure, RenewalRequest, Replace, RequestId, accepted_body,
    credentials_topic, failed_body, issued_body, parse_credentials_topic, renewal_topic, renews_certificates,
};
pub use devicebound::{MAX_TOPIC, devicebound_headers, devicebound_topic, devicebound_topic_length};
pub use event::{EVENT_BATCH, event_properties, parse_events};
pub use route::{DeviceOperation, HubDeviceRoute, parse_route};
pub use server_topic::{ServerTopic, parse_server_topic};
pub use subscription::{Subscription, parse_filter};
pub use topic::{
    DeviceTopic, desired_topic, method_request_topic, method_response_topic, parse_topic, reported_topic,
    telemetry_topic, twin_get_topic, twin_response_topic,
};
pub use twin::{desired_patch, parse_reported, twin_document};
pub use username::{Username, UsernameError};

/// The SAS audience of a device, `{host}/devices/{deviceId}`, or of a module of it,
/// `{host}/devices/{deviceId}/modules/{moduleId}` (iot-hub-device-api.md 3.1).
pub fn sas_audience(host: &str, id: &IdentityId) -> String {
    let device = format!("{host}/devices/{}", id.device_id);
    match &id.module_id {
        Some(module_id) => format!("{device}/modules/{module_id}"),
        None => device,
    }
}
