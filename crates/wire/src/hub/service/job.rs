//! Jobs v2 (iot-hub-service-api.md 10).

mod input;
mod output;
mod query;

pub use input::parse_job;
pub use output::{device_job, job, taken_in};
pub use query::{JobQuery, JobToken, Sought};

/// How long a job may take whose caller does not say.
const MAX_EXECUTION_SECONDS: u64 = 3600;
