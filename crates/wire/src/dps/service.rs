//! The provisioning service's service side over HTTPS: addresses and bodies
//! (dps-service-api.md 2 and 3).

mod route;

pub use route::{ServiceOperation, ServiceRoute, parse_route};

/// Page size, both ways; 0 asks for the default.
pub const HEADER_MAX_ITEM_COUNT: &str = "x-ms-max-item-count";
/// Where the next page begins, both ways; never sent empty, Node would read on for ever.
pub const HEADER_CONTINUATION: &str = "x-ms-continuation";
/// Kind of the items, in answers to queries.
pub const HEADER_ITEM_TYPE: &str = "x-ms-item-type";
/// Item type of individual enrollments.
pub const ITEM_ENROLLMENT: &str = "enrollment";
/// Item type of enrollment groups.
pub const ITEM_ENROLLMENT_GROUP: &str = "enrollmentGroup";
/// Item type of registration records.
pub const ITEM_DEVICE_REGISTRATION: &str = "deviceRegistration";
/// Most items of a bulk request (dps-service-api.md 2.4).
pub const MAX_BULK: usize = 10;
