//! `provost ca`: the CAs of a namespace and their CRLs; and CAs apart from a server.

mod ceremony;
mod crl;

use clap::Subcommand;

use super::adr::NamespaceFlag;
use super::adr::authority::{ShowArguments, list};
use super::{Context, Failure};

/// Verbs around CAs.
#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// List the CAs of a namespace, those of the past, too: role, state, serial number, where the key is
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost ca list --ns plant --output table"
    )]
    List(NamespaceFlag),
    /// Show one CA with its chain; the one that is active in its role when none is named
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost ca show --ns plant --role root --out root.pem\n  provost cert inspect root.pem"
    )]
    Show(ShowArguments),
    /// Show the CRL of a CA, or write it into a file
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost ca crl --ns plant --role root --out root.crl\n  \
        openssl crl -in root.crl -noout -text"
    )]
    Crl(crl::CrlArguments),
    /// A root kept offline, in a folder on a machine without a network; files go in and out
    #[command(subcommand)]
    Ceremony(ceremony::CeremonyVerb),
}

impl CaCommand {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(namespace) => list(&namespace, context).await,
            Self::Show(arguments) => arguments.run(context).await,
            Self::Crl(arguments) => arguments.run(context).await,
            Self::Ceremony(verb) => verb.run(context),
        }
    }
}
