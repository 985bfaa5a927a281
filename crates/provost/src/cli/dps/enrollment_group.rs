use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::DpsName;
use super::attestation::{AttestationArguments, AttestationType, Holder, RemoveArguments};
use super::compute_device_key::ComputeArguments;
use super::secrets::{fetch_keys, hide_keys};
use super::settings::SettingsArguments;
use crate::cli::input::segment;
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
    Create(Box<CreateArguments>),
    /// Show one
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-4 --attestation-type symmetrickey\n  \
        provost dps enrollment-group show --gid line-4 --show-keys"
    )]
    Show(ShowArguments),
    /// List all
    #[command(after_help = "Example:\n  provost dps enrollment-group list --output table")]
    List(ListArguments),
    /// Change what is named and keep the rest
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-5 --attestation-type symmetrickey\n  \
        provost dps enrollment-group update --gid line-5 --provisioning-status disabled"
    )]
    Update(Box<UpdateArguments>),
    /// Delete one; its devices that are already at a hub stay there
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-6 --attestation-type symmetrickey\n  \
        provost dps enrollment-group delete --gid line-6"
    )]
    Delete(DeleteArguments),
    /// Print the key of one device of a group with a symmetric key
    #[command(
        after_help = "Example:\n  provost dps enrollment-group create --gid line-7 --attestation-type symmetrickey\n  \
        provost dps enrollment-group compute-device-key --gid line-7 --registration-id press-7"
    )]
    ComputeDeviceKey(ComputeArguments),
}

#[derive(Debug, Args)]
struct GroupId {
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

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    group: GroupId,
    /// How devices of the group prove themselves [default: what the other flags say]
    #[arg(long, visible_alias = "at")]
    attestation_type: Option<AttestationType>,
    #[command(flatten)]
    attestation: AttestationArguments,
    #[command(flatten)]
    settings: SettingsArguments,
    /// Show symmetric keys in the answer
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArguments {
    #[command(flatten)]
    group: GroupId,
    /// Show the symmetric keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    #[command(flatten)]
    dps: DpsName,
    /// At most so many
    #[arg(long)]
    top: Option<usize>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateArguments {
    #[command(flatten)]
    group: GroupId,
    /// Only if the group still has this etag [default: whatever is there]
    #[arg(long, short)]
    etag: Option<String>,
    #[command(flatten)]
    attestation: AttestationArguments,
    #[command(flatten)]
    remove: RemoveArguments,
    #[command(flatten)]
    settings: SettingsArguments,
    /// Show symmetric keys in the answer
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    #[command(flatten)]
    group: GroupId,
    /// Only if the group still has this etag
    #[arg(long, short)]
    etag: Option<String>,
}

const COLUMNS: [Column; 5] = [
    Column::new("group", "/enrollmentGroupId"),
    Column::new("attestation", "/attestation/type"),
    Column::new("status", "/provisioningStatus"),
    Column::new("allocation", "/allocationPolicy"),
    Column::new("last updated", "/lastUpdatedDateTimeUtc"),
];

impl GroupVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => arguments.run(context).await,
            Self::Show(arguments) => arguments.run(context).await,
            Self::List(arguments) => {
                let mut client = arguments.dps.client(context)?;
                let mut items = client.query("/enrollmentGroups/query", arguments.top).await?;
                items.iter_mut().for_each(hide_keys);
                Ok(context.output.documents(&items, &COLUMNS)?)
            }
            Self::Update(arguments) => arguments.run(context).await,
            Self::Delete(arguments) => {
                let mut client = arguments.group.dps.client(context)?;
                let path = group_path(&arguments.group.id);
                Ok(client.delete(&path, arguments.etag.as_deref()).await?)
            }
            Self::ComputeDeviceKey(arguments) => arguments.run(context).await,
        }
    }
}

/// Where a group is.
pub(super) fn group_path(id: &str) -> String {
    format!("/enrollmentGroups/{}", segment(id))
}

impl CreateArguments {
    fn body(&self) -> Result<Value, Failure> {
        let attestation = self.attestation.create(self.attestation_type, Holder::Group)?;
        let mut body = Map::new();
        body.insert("enrollmentGroupId".to_owned(), json!(self.group.id));
        body.insert("attestation".to_owned(), attestation);
        self.settings.apply(&mut body)?;
        Ok(Value::Object(body))
    }

    async fn run(self, context: &Context) -> Result<(), Failure> {
        let body = self.body()?;
        let mut client = self.group.dps.client(context)?;
        let mut made = client.put(&group_path(&self.group.id), &body, None).await?;
        if !self.show_keys {
            hide_keys(&mut made);
        }
        Ok(context.output.document(&made)?)
    }
}

impl ShowArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.group.dps.client(context)?;
        let path = group_path(&self.group.id);
        let mut found = client.get(&path).await?;
        if self.show_keys {
            fetch_keys(&mut client, &path, &mut found).await?;
        } else {
            hide_keys(&mut found);
        }
        Ok(context.output.document(&found)?)
    }
}

impl UpdateArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.group.dps.client(context)?;
        let path = group_path(&self.group.id);
        let mut group = client.get(&path).await?;
        fetch_keys(&mut client, &path, &mut group).await?;
        if let Some(attestation) = group.get_mut("attestation") {
            self.attestation.update(attestation, Holder::Group, self.remove)?;
        }
        if let Some(members) = group.as_object_mut() {
            self.settings.apply(members)?;
        }
        let etag = self.etag.as_deref().unwrap_or("*");
        let mut made = client.put(&path, &group, Some(etag)).await?;
        if !self.show_keys {
            hide_keys(&mut made);
        }
        Ok(context.output.document(&made)?)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

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
        assert_eq!(group_path(&arguments.group.id), "/enrollmentGroups/line%3A7");
        assert_eq!(
            arguments.body().unwrap(),
            json!({"enrollmentGroupId": "line:7",
                "attestation": {"type": "x509", "x509": {"caReferences": {"primary": "root-2026"}}},
                "initialTwin": {"tags": {"line": 7}}})
        );
    }
}
