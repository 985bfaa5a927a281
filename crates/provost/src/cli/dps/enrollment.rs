use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::DpsName;
use super::attestation::{AttestationArguments, AttestationType, Holder, RemoveArguments};
use super::secrets::{fetch_keys, hide_keys};
use super::settings::SettingsArguments;
use crate::cli::input::{json_object, segment};
use crate::cli::{Context, Failure};
use crate::output::Column;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum EnrollmentVerb {
    /// Enroll a device
    #[command(after_help = "Examples:\n  \
        provost dps enrollment create --eid press-1 --attestation-type symmetrickey --show-keys\n  \
        samples/certificates.sh certificates press-2\n  \
        provost dps enrollment create --eid press-2 --cp certificates/press-2.pem")]
    Create(Box<CreateArguments>),
    /// Show one
    #[command(
        after_help = "Example:\n  provost dps enrollment create --eid press-3 --attestation-type symmetrickey\n  \
        provost dps enrollment show --eid press-3 --show-keys"
    )]
    Show(ShowArguments),
    /// List all
    #[command(after_help = "Example:\n  provost dps enrollment list --output table")]
    List(ListArguments),
    /// Change what is named and keep the rest
    #[command(
        after_help = "Example:\n  provost dps enrollment create --eid press-4 --attestation-type symmetrickey\n  \
        provost dps enrollment update --eid press-4 --provisioning-status disabled"
    )]
    Update(Box<UpdateArguments>),
    /// Delete one; devices that are already at a hub stay there
    #[command(
        after_help = "Example:\n  provost dps enrollment create --eid press-5 --attestation-type symmetrickey\n  \
        provost dps enrollment delete --eid press-5"
    )]
    Delete(DeleteArguments),
}

#[derive(Debug, Args)]
struct EnrollmentId {
    /// Registration ID of the device; with X.509 the common name of its certificate
    #[arg(long = "enrollment-id", visible_aliases = ["eid", "registration-id"], value_name = "ID")]
    id: String,
    #[command(flatten)]
    dps: DpsName,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    enrollment: EnrollmentId,
    /// How the device proves itself [default: what the other flags say]
    #[arg(long, visible_alias = "at")]
    attestation_type: Option<AttestationType>,
    #[command(flatten)]
    attestation: AttestationArguments,
    #[command(flatten)]
    details: Details,
}

#[derive(Debug, Args)]
struct Details {
    /// Device ID at the hub [default: the registration ID]
    #[arg(long, value_name = "ID", help_heading = "Settings")]
    device_id: Option<String>,
    /// Free information about the device: JSON or a file
    #[arg(long, visible_alias = "info", value_name = "JSON", help_heading = "Settings")]
    device_information: Option<String>,
    #[command(flatten)]
    settings: SettingsArguments,
    /// Show symmetric keys in the answer
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArguments {
    #[command(flatten)]
    enrollment: EnrollmentId,
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
    enrollment: EnrollmentId,
    /// Only if the enrollment still has this etag [default: whatever is there]
    #[arg(long, short)]
    etag: Option<String>,
    #[command(flatten)]
    attestation: AttestationArguments,
    #[command(flatten)]
    remove: RemoveArguments,
    #[command(flatten)]
    details: Details,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    #[command(flatten)]
    enrollment: EnrollmentId,
    /// Only if the enrollment still has this etag
    #[arg(long, short)]
    etag: Option<String>,
}

const COLUMNS: [Column; 6] = [
    Column::new("registration id", "/registrationId"),
    Column::new("device id", "/deviceId"),
    Column::new("attestation", "/attestation/type"),
    Column::new("status", "/provisioningStatus"),
    Column::new("allocation", "/allocationPolicy"),
    Column::new("last updated", "/lastUpdatedDateTimeUtc"),
];

impl EnrollmentVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => arguments.run(context).await,
            Self::Show(arguments) => arguments.run(context).await,
            Self::List(arguments) => {
                let mut client = arguments.dps.client(context)?;
                let mut items = client.query("/enrollments/query", arguments.top).await?;
                items.iter_mut().for_each(hide_keys);
                Ok(context.output.documents(&items, &COLUMNS)?)
            }
            Self::Update(arguments) => arguments.run(context).await,
            Self::Delete(arguments) => {
                let mut client = arguments.enrollment.dps.client(context)?;
                let path = arguments.enrollment.path();
                Ok(client.delete(&path, arguments.etag.as_deref()).await?)
            }
        }
    }
}

impl EnrollmentId {
    fn path(&self) -> String {
        format!("/enrollments/{}", segment(&self.id))
    }
}

impl Details {
    fn apply(&self, enrollment: &mut Map<String, Value>) -> Result<(), Failure> {
        if let Some(device_id) = &self.device_id {
            enrollment.insert("deviceId".to_owned(), json!(device_id));
        }
        if let Some(information) = &self.device_information {
            let information = json_object("--device-information", information)?;
            enrollment.insert("optionalDeviceInformation".to_owned(), Value::Object(information));
        }
        self.settings.apply(enrollment)
    }
}

impl CreateArguments {
    fn body(&self) -> Result<Value, Failure> {
        let attestation = self
            .attestation
            .create(self.attestation_type, Holder::Individual)?;
        let mut body = Map::new();
        body.insert("registrationId".to_owned(), json!(self.enrollment.id));
        body.insert("attestation".to_owned(), attestation);
        self.details.apply(&mut body)?;
        Ok(Value::Object(body))
    }

    async fn run(self, context: &Context) -> Result<(), Failure> {
        let body = self.body()?;
        let mut client = self.enrollment.dps.client(context)?;
        let mut made = client.put(&self.enrollment.path(), &body, None).await?;
        if !self.details.show_keys {
            hide_keys(&mut made);
        }
        Ok(context.output.document(&made)?)
    }
}

impl ShowArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.enrollment.dps.client(context)?;
        let path = self.enrollment.path();
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
        let mut client = self.enrollment.dps.client(context)?;
        let path = self.enrollment.path();
        let mut enrollment = client.get(&path).await?;
        fetch_keys(&mut client, &path, &mut enrollment).await?;
        if let Some(attestation) = enrollment.get_mut("attestation") {
            self.attestation
                .update(attestation, Holder::Individual, self.remove)?;
        }
        if let Some(members) = enrollment.as_object_mut() {
            self.details.apply(members)?;
        }
        let etag = self.etag.as_deref().unwrap_or("*");
        let mut made = client.put(&path, &enrollment, Some(etag)).await?;
        if !self.details.show_keys {
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
        verb: EnrollmentVerb,
    }

    #[test]
    fn create_builds_the_body_of_the_service() {
        let line = "x create --eid press-1 --device-id d --at symmetrickey --ps disabled";
        let line = Line::try_parse_from(line.split(' ')).unwrap();
        let EnrollmentVerb::Create(arguments) = line.verb else {
            panic!("another verb")
        };
        assert_eq!(arguments.enrollment.path(), "/enrollments/press-1");
        assert_eq!(
            arguments.body().unwrap(),
            json!({"registrationId": "press-1", "attestation": {"type": "symmetricKey"},
                "deviceId": "d", "provisioningStatus": "disabled"})
        );
    }
}
