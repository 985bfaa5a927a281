//! The hub's service side over HTTPS: addresses and bodies (iot-hub-service-api.md).

mod route;

pub use route::{HubOperation, HubRoute, parse_route};

/// Page size asked for, in requests.
pub const HEADER_MAX_ITEM_COUNT: &str = "x-ms-max-item-count";
/// Where the next page begins, both ways.
pub const HEADER_CONTINUATION: &str = "x-ms-continuation";
/// Kind of the items, in answers.
pub const HEADER_ITEM_TYPE: &str = "x-ms-item-type";
/// Most items of a bulk request (iot-hub-service-api.md 5).
pub const MAX_BULK: usize = 100;
