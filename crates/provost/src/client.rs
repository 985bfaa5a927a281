//! The command line as a client of the server: where it is, who we are, what it answers.

mod address;
mod api;
mod error;
mod hubs;
mod locate;
mod refusal;

pub use self::address::Address;
pub use self::api::{Answer, ApiClient};
pub use self::error::ClientError;
pub use self::locate::{Instance, Locator, MANAGEMENT_SUBSCRIPTION};
pub use self::refusal::Refusal;
