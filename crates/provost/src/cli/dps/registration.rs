mod many;
mod of_group;

use clap::{Args, Subcommand};
use serde_json::Value;

pub(in crate::cli) use self::of_group::GroupRegistrationVerb;

use self::many::Selection;
use super::DpsName;
use crate::cli::input::segment;
use crate::cli::{Context, Failure};
use crate::client::ClientError;
use crate::output::Column;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RegistrationVerb {
    /// Show the record of one device
    #[command(after_help = "Example:\n  provost simulate --devices 1 --prefix shown\n  \
        provost dps registration show --registration-id shown-0000001")]
    Show(RecordArguments),
    /// Show what the webhook of a custom allocation was asked last, and what it answered
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-7 --attestation-type symmetrickey\n  \
        provost dps enrollment-group update --gid line-7 --ap custom --wh https://localhost/ --av 1\n  \
        ! provost simulate --devices 1 --prefix asked --gid line-7 --attestation symmetric\n  \
        provost dps registration allocation --registration-id asked-0000001"
    )]
    Allocation(RecordArguments),
    /// List records: all, those of a group, old ones, orphans
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-9 --attestation-type symmetrickey\n  \
        provost dps registration list --enrollment-group-id line-9\n  \
        provost dps registration list --orphans-only"
    )]
    List(ListArguments),
    /// Delete the record of a device, or many records; enrollments and hub identities stay
    #[command(after_help = "Example:\n  provost simulate --devices 1 --prefix gone\n  \
        provost dps registration delete --registration-id gone-0000001\n  \
        provost dps registration delete --orphans-only --updated-before 2026-01-31T12:00:00Z --dry-run")]
    Delete(DeleteArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RecordArguments {
    /// Registration ID of the device
    #[arg(long, visible_alias = "rid", value_name = "ID")]
    registration_id: String,
    #[command(flatten)]
    dps: DpsName,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    #[command(flatten)]
    selection: Selection,
    /// At most so many
    #[arg(long)]
    top: Option<usize>,
    #[command(flatten)]
    dps: DpsName,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    /// Registration ID of the one device
    #[arg(
        long,
        visible_alias = "rid",
        value_name = "ID",
        required_unless_present_any = ["enrollment_group_id", "updated_before", "orphans_only", "all"],
        conflicts_with_all = ["enrollment_group_id", "updated_before", "orphans_only", "all", "dry_run"]
    )]
    registration_id: Option<String>,
    /// Only if the record still has this etag
    #[arg(long, short, requires = "registration_id")]
    etag: Option<String>,
    #[command(flatten)]
    selection: Selection,
    /// Every record of the provisioning service
    #[arg(long)]
    all: bool,
    /// Say how many, delete none
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before many are deleted
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    dps: DpsName,
}

const COLUMNS: [Column; 6] = [
    Column::new("registration id", "/registrationId"),
    Column::new("device id", "/deviceId"),
    Column::new("status", "/status"),
    Column::new("assigned hub", "/assignedHub"),
    Column::new("substatus", "/substatus"),
    Column::new("last updated", "/lastUpdatedDateTimeUtc"),
];

impl RegistrationVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Show(record) => record.show(context).await,
            Self::Allocation(record) => {
                let name = record.dps.instance(context)?.name;
                let path = format!("/provost/dps/{}{}/allocation", segment(&name), record.path());
                let mut client = record.dps.client(context)?;
                Ok(context.output.document(&client.get(&path).await?)?)
            }
            Self::List(arguments) => {
                let (dps, selection) = (&arguments.dps, &arguments.selection);
                let group = selection.enrollment_group_id.as_deref();
                let items = match group.filter(|_| selection.is_plain()) {
                    Some(group) => list_of_group(dps, group, arguments.top, context).await?,
                    None => many::list(dps, selection, arguments.top, context).await?,
                };
                Ok(context.output.documents(&items, &COLUMNS)?)
            }
            Self::Delete(arguments) => {
                let (dps, selection) = (arguments.dps, &arguments.selection);
                let Some(registration_id) = arguments.registration_id else {
                    let done =
                        many::delete(&dps, selection, arguments.dry_run, arguments.yes, context).await?;
                    return Ok(context.output.document(&done)?);
                };
                let record = RecordArguments { registration_id, dps };
                record.delete(arguments.etag.as_deref(), context).await
            }
        }
    }
}

/// The records of a group, whether or not it still exists.
async fn list_of_group(
    dps: &DpsName,
    group: &str,
    top: Option<usize>,
    context: &Context,
) -> Result<Vec<Value>, ClientError> {
    let path = format!("/registrations/{}/query", segment(group));
    dps.client(context)?.query(&path, top).await
}

impl RecordArguments {
    async fn show(&self, context: &Context) -> Result<(), Failure> {
        let record = self.dps.client(context)?.get(&self.path()).await?;
        Ok(context.output.document(&record)?)
    }

    async fn delete(&self, etag: Option<&str>, context: &Context) -> Result<(), Failure> {
        Ok(self.dps.client(context)?.delete(&self.path(), etag).await?)
    }

    fn path(&self) -> String {
        format!("/registrations/{}", segment(&self.registration_id))
    }
}
