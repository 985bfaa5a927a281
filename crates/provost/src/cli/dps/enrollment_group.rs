use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::DpsName;
use super::attestation::Holder;
use super::compute_device_key::ComputeArguments;
use super::entry::{
    CreateArguments, DeleteArguments, EntryId, ListArguments, OwnSettings, ShowArguments, UpdateArguments,
};
use super::registration::GroupRegistrationVerb;
use crate::cli::{Context, Failure};
use crate::output::Column;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum GroupVerb {
    /// Make a group
    #[command(after_help = "Examples:\n  \
        provost dps enrollment-group create --gid line-8 --attestation-type symmetrickey\n\n  \
        samples/certificates.sh certificates press-0001\n  \
        provost dps enrollment-group create --gid line-2 --cp certificates/intermediate.pem\n\n  \
        provost dps certificate create -n my-root --path certificates/root.pem --verified\n  \
        provost dps enrollment-group create --gid line-3 --root-ca-name my-root")]
    Create(Box<CreateArguments<GroupId>>),
    /// Show one
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-4 --attestation-type symmetrickey\n  \
        provost dps enrollment-group show --gid line-4 --show-keys"
    )]
    Show(ShowArguments<GroupId>),
    /// List all
    #[command(after_help = "Example:\n  provost dps enrollment-group list --output table")]
    List(ListArguments),
    /// Change what is named and keep the rest
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-5 --attestation-type symmetrickey\n  \
        provost dps enrollment-group update --gid line-5 --provisioning-status disabled"
    )]
    Update(Box<UpdateArguments<GroupId>>),
    /// Delete one; its devices that are already at a hub stay there
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-6 --attestation-type symmetrickey\n  \
        provost dps enrollment-group delete --gid line-6"
    )]
    Delete(DeleteArguments<GroupId>),
    /// Print the key of one device of a group with a symmetric key
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-7 --attestation-type symmetrickey\n  \
        provost dps enrollment-group compute-device-key --gid line-7 --registration-id press-7"
    )]
    ComputeDeviceKey(ComputeArguments),
    /// What became of its devices that registered
    #[command(subcommand)]
    Registration(GroupRegistrationVerb),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct GroupId {
    /// Name of the group
    #[arg(
        long = "enrollment-group-id",
        visible_aliases = ["gid", "group-id"],
        aliases = ["enrollment-id", "eid"],
        value_name = "ID"
    )]
    id: String,
    #[command(flatten)]
    dps: DpsName,
}

/// A group has no settings that single devices have not.
#[derive(Debug, Args)]
pub(in crate::cli) struct NoSettings {}

impl GroupVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => arguments.run(context).await,
            Self::Show(arguments) => arguments.run(context).await,
            Self::List(arguments) => arguments.run::<GroupId>(context).await,
            Self::Update(arguments) => arguments.run(context).await,
            Self::Delete(arguments) => arguments.run(context).await,
            Self::ComputeDeviceKey(arguments) => arguments.run(context).await,
            Self::Registration(verb) => verb.run(context).await,
        }
    }
}

impl EntryId for GroupId {
    const COLLECTION: &'static str = "enrollmentGroups";
    const ID_MEMBER: &'static str = "enrollmentGroupId";
    const HOLDER: Holder = Holder::Group;
    const COLUMNS: &'static [Column] = &[
        Column::new("group", "/enrollmentGroupId"),
        Column::new("attestation", "/attestation/type"),
        Column::new("status", "/provisioningStatus"),
        Column::new("allocation", "/allocationPolicy"),
        Column::new("last updated", "/lastUpdatedDateTimeUtc"),
    ];
    type Own = NoSettings;

    fn id(&self) -> &str {
        &self.id
    }

    fn dps(&self) -> &DpsName {
        &self.dps
    }
}

impl OwnSettings for NoSettings {
    fn apply(&self, _group: &mut Map<String, Value>) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        verb: GroupVerb,
    }

    #[test]
    fn create_builds_the_body_of_the_service() {
        let line = "x create --gid line:7 --cn root-2026 --tags {\"line\":7}";
        let line = Line::try_parse_from(line.split(' ')).unwrap();
        let GroupVerb::Create(arguments) = line.verb else {
            panic!("another verb")
        };
        let (path, body) = arguments.request().unwrap();
        assert_eq!(path, "/enrollmentGroups/line%3A7");
        assert_eq!(
            body,
            json!({"enrollmentGroupId": "line:7",
                "attestation": {"type": "x509", "x509": {"caReferences": {"primary": "root-2026"}}},
                "initialTwin": {"tags": {"line": 7}}})
        );
    }
}
