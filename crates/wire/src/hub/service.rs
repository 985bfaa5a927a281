//! The hub's service side over HTTPS: addresses and bodies (iot-hub-service-api.md).

mod auth;
mod bulk;
mod device_input;
mod device_output;
mod device_write;
mod job;
mod message;
mod method;
mod module;
mod query_request;
mod regenerate_keys;
mod route;
mod statistics;
mod twin_input;
mod twin_output;
mod twin_row;

pub use auth::{AuthInput, auth_kind_word};
pub use bulk::{BulkItem, BulkResult, BulkWarning, ImportMode, ItemError, parse_bulk};
pub use device_input::DeviceInput;
pub use device_output::{Presence, device};
pub use device_write::{carried_twin, device_write, initial_twin_patch};
pub use job::{JobQuery, JobToken, Sought, device_job, job, parse_job, taken_in};
pub use message::{FEEDBACK_BATCH, MessageInput, MessageSent, feedback_batch, purged};
pub(crate) use method::method_name;
pub use method::{MAX_METHOD_NAME, MethodRequest, method_answer};
pub use module::{ModuleInput, module, module_twin};
pub use query_request::parse_query_request;
pub use regenerate_keys::{RegenerateKeys, RegeneratedKeys};
pub use route::{HubOperation, HubRoute, NotServed, is_hub_path, parse_route};
pub use statistics::{DeviceStatistics, ServiceStatistics};
pub use twin_input::{parse_twin_patch, parse_twin_replacement};
pub use twin_output::twin;
pub use twin_row::TwinRow;

/// Page size asked for, in requests.
pub const HEADER_MAX_ITEM_COUNT: &str = "x-ms-max-item-count";
/// Where the next page begins, both ways.
pub const HEADER_CONTINUATION: &str = "x-ms-continuation";
/// Kind of the items, in answers.
pub const HEADER_ITEM_TYPE: &str = "x-ms-item-type";
/// Most items of a bulk request (iot-hub-service-api.md 5).
pub const MAX_BULK: usize = 100;
