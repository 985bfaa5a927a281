//! Who may administer what: bearer tokens, their roles, and what each role allows.
//!
//! [`authenticate`] is the only way to an [`AdminCaller`]. Services ask it for a [`Permission`] inside the
//! method that acts, beside the data; [`Role::allows`] is the whole table (certificate-management.md 1.9).

mod caller;
mod error;
mod permission;
mod role;
mod token;

pub use caller::{AdminCaller, authenticate};
pub use error::{AccessError, Forbidden};
pub use permission::Permission;
pub use provost_store::{with_origin, with_tracking_id};
pub use role::Role;
pub use token::NewToken;
