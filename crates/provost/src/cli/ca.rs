//! `provost ca`: CAs apart from a server.

mod ceremony;

use clap::Subcommand;

use super::{Context, Failure};

/// Verbs around CAs.
#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// A root kept offline, in a folder on a machine without a network; files go in and out
    #[command(subcommand)]
    Ceremony(ceremony::CeremonyVerb),
}

impl CaCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Ceremony(verb) => verb.run(context),
        }
    }
}
