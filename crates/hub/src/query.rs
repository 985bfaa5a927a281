//! Queries over twins (iot-hub-service-api.md 8).
//!
//! A condition is turned into the shortest way an index offers ([`candidates`]); what that leads to
//! is read in small steps, each row looked at again ([`walk`]), and goes into a page ([`page`]), into
//! groups ([`groups`]) or to a job ([`matching`]). The fleet is never in memory, and no request looks
//! at more rows than it may.

mod candidates;
mod documents;
mod groups;
mod matching;
mod page;
mod walk;

pub(crate) use self::groups::MAX_TIME;
pub use self::matching::MatchPage;
pub use self::page::{QueryItems, QueryPage};
