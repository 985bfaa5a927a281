use clap::Args;
use provost_attestation::symmetric::derive_device_key;
use provost_model::SymmetricKey;
use serde_json::{Value, json};

use super::DpsName;
use super::enrollment_group::GroupId;
use super::entry::EntryId;
use crate::cli::input::key;
use crate::cli::{Context, Failure};
use crate::client::ClientError;

/// `provost dps enrollment-group compute-device-key`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ComputeArguments {
    /// Name of the group
    #[arg(
        long = "enrollment-group-id",
        visible_aliases = ["gid", "group-id"],
        value_name = "ID",
        required_unless_present = "key"
    )]
    group_id: Option<String>,
    /// Registration ID of the device, exactly as it will send it
    #[arg(long, visible_alias = "rid", value_name = "ID")]
    registration_id: String,
    /// Key of the group; then no server is asked
    #[arg(long, visible_alias = "symmetric-key", value_name = "KEY", value_parser = key, conflicts_with = "group_id")]
    key: Option<SymmetricKey>,
    #[command(flatten)]
    dps: DpsName,
}

impl ComputeArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let group_key = match (self.key, self.group_id) {
            (Some(key), _) => key,
            (None, Some(group_id)) => {
                let mut client = self.dps.client(context)?;
                let path = format!("{}/attestationmechanism", GroupId::path_of(&group_id));
                let mechanism = client.post(&path, &json!({}), None).await?;
                primary_key(&mechanism)?
            }
            (None, None) => return Err(Failure::usage("--enrollment-group-id or --key is needed")),
        };
        let device_key = derive_device_key(&group_key, &self.registration_id);
        Ok(context.output.text("deviceKey", &device_key.to_base64())?)
    }
}

fn primary_key(mechanism: &Value) -> Result<SymmetricKey, Failure> {
    let text = mechanism
        .pointer("/symmetricKey/primaryKey")
        .and_then(Value::as_str);
    let text = text.ok_or_else(|| Failure::usage("this group has no symmetric key"))?;
    SymmetricKey::parse(text).map_err(|_| ClientError::Unexpected("the key of the group is not a key").into())
}
