use clap::{Args, Subcommand};

use super::DpsName;
use crate::cli::input::segment;
use crate::cli::{Context, Failure};
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
    /// List the records of the devices of a group
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-9 --attestation-type symmetrickey\n  \
        provost dps registration list --enrollment-group-id line-9"
    )]
    List(ListArguments),
    /// Delete the record of a device; its enrollment and its hub identity stay
    #[command(after_help = "Example:\n  provost simulate --devices 1 --prefix gone\n  \
        provost dps registration delete --registration-id gone-0000001")]
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
    /// Name of the group
    #[arg(long, visible_aliases = ["gid", "group-id"], value_name = "ID")]
    enrollment_group_id: String,
    /// At most so many
    #[arg(long)]
    top: Option<usize>,
    #[command(flatten)]
    dps: DpsName,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    #[command(flatten)]
    record: RecordArguments,
    /// Only if the record still has this etag
    #[arg(long, short)]
    etag: Option<String>,
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
            Self::Show(record) => {
                let mut client = record.dps.client(context)?;
                Ok(context.output.document(&client.get(&record.path()).await?)?)
            }
            Self::Allocation(record) => {
                let name = record.dps.instance(context)?.name;
                let path = format!("/provost/dps/{}{}/allocation", segment(&name), record.path());
                let mut client = record.dps.client(context)?;
                Ok(context.output.document(&client.get(&path).await?)?)
            }
            Self::List(arguments) => {
                let mut client = arguments.dps.client(context)?;
                let path = format!("/registrations/{}/query", segment(&arguments.enrollment_group_id));
                let items = client.query(&path, arguments.top).await?;
                Ok(context.output.documents(&items, &COLUMNS)?)
            }
            Self::Delete(arguments) => {
                let mut client = arguments.record.dps.client(context)?;
                let path = arguments.record.path();
                Ok(client.delete(&path, arguments.etag.as_deref()).await?)
            }
        }
    }
}

impl RecordArguments {
    fn path(&self) -> String {
        format!("/registrations/{}", segment(&self.registration_id))
    }
}
