//! Whoever has CA certificates, shared access policies and a link to a namespace: a hub or a provisioning service. The
//! verbs for these are the same for both.

pub(super) mod certificate;
pub(super) mod link;
pub(super) mod policy;

use std::fmt::Debug;

use clap::Args;

use super::Context;
use crate::client::{ApiClient, ClientError};

/// The flags that name an owner, and with them which kind of owner it is.
pub(super) trait Owner: Args + Debug {
    /// What its verbs are below on the command line.
    const NOUN: &'static str;
    /// Rights that a policy of it may have, for examples.
    const RIGHTS: &'static str;
    /// One of these.
    const ONE_RIGHT: &'static str;

    /// Where it is below `/provost/`.
    async fn own_path(&self, context: &Context) -> Result<String, ClientError>;

    /// Requests to the management plane, and its path there.
    async fn management(&self, context: &Context) -> Result<(ApiClient, String), ClientError>;
}

/// An example that is the same for both but for these words.
fn example<O: Owner>(text: &str) -> String {
    text.replace("{noun}", O::NOUN)
        .replace("{rights}", O::RIGHTS)
        .replace("{right}", O::ONE_RIGHT)
}
