//! The provisioning service's service side over HTTPS: addresses and bodies
//! (dps-service-api.md 2 and 3).
//!
//! Requests become input types that keep every difference the merge rules of 2.3 depend on (absent,
//! empty, given); answers are written from records.

mod attestation_input;
mod attestation_output;
mod bulk;
mod enrollment_input;
mod enrollment_output;
mod query;
mod route;
mod settings;
mod words;

pub use attestation_input::{AttestationInput, CertificateInput, X509Input};
pub use attestation_output::{AttestationOutput, KeyVisibility, group_attestation, individual_attestation};
pub use bulk::{BulkError, BulkInput, BulkMode, BulkResult, parse_bulk_enrollments, parse_bulk_groups};
pub use enrollment_input::{EnrollmentInput, GroupInput};
pub use enrollment_output::{ViewOptions, enrollment, enrollment_group};
pub use query::parse_query;
pub use route::{ServiceOperation, ServiceRoute, parse_route};
pub use settings::SettingsInput;
pub use words::{allocation_from_word, allocation_word, provisioning_status_word};

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
