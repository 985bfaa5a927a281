//! `provost dps enrollment-group registration`: the records of one group, under the names `az` has for them.

use clap::{Args, Subcommand};

use super::{COLUMNS, RecordArguments, list_of_group};
use crate::cli::dps::enrollment_group::GroupId;
use crate::cli::dps::entry::EntryId;
use crate::cli::{Context, Failure};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum GroupRegistrationVerb {
    /// List the records of a group, also of one that was deleted
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-10 --attestation-type symmetrickey\n  \
        provost simulate --devices 1 --prefix listed --gid line-10 --attestation symmetric\n  \
        provost dps enrollment-group registration list --gid line-10"
    )]
    List(ListArguments),
    /// Show the record of one device
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-11 --attestation-type symmetrickey\n  \
        provost simulate --devices 1 --prefix read --gid line-11 --attestation symmetric\n  \
        provost dps enrollment-group registration show --rid read-0000001"
    )]
    Show(RecordArguments),
    /// Delete the record of one device; group and hub identity stay
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-12 --attestation-type symmetrickey\n  \
        provost simulate --devices 1 --prefix left --gid line-12 --attestation symmetric\n  \
        provost dps enrollment-group registration delete --rid left-0000001"
    )]
    Delete(DeleteArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    #[command(flatten)]
    group: GroupId,
    /// At most so many
    #[arg(long)]
    top: Option<usize>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    #[command(flatten)]
    record: RecordArguments,
    /// Only if the record still has this etag
    #[arg(long, short)]
    etag: Option<String>,
}

impl GroupRegistrationVerb {
    pub(in crate::cli::dps) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(ListArguments { group, top }) => {
                let items = list_of_group(group.dps(), group.id(), top, context).await?;
                Ok(context.output.documents(&items, &COLUMNS)?)
            }
            Self::Show(record) => record.show(context).await,
            Self::Delete(DeleteArguments { record, etag }) => record.delete(etag.as_deref(), context).await,
        }
    }
}
