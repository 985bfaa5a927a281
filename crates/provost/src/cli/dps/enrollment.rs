use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::DpsName;
use super::attestation::Holder;
use super::entry::{
    CreateArguments, DeleteArguments, EntryId, ListArguments, OwnSettings, ShowArguments, UpdateArguments,
};
use crate::cli::input::json_object;
use crate::cli::{Context, Failure};
use crate::output::Column;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum EnrollmentVerb {
    /// Enroll a device
    #[command(after_help = "Examples:\n  \
        provost dps enrollment create --eid press-1 --attestation-type symmetrickey --show-keys\n  \
        samples/certificates.sh certificates press-2\n  \
        provost dps enrollment create --eid press-2 --cp certificates/press-2.pem")]
    Create(Box<CreateArguments<EnrollmentId>>),
    /// Show one
    #[command(
        after_help = "Example:\n  provost dps enrollment create --eid press-3 --attestation-type symmetrickey\n  \
        provost dps enrollment show --eid press-3 --show-keys"
    )]
    Show(ShowArguments<EnrollmentId>),
    /// List all
    #[command(after_help = "Example:\n  provost dps enrollment list --output table")]
    List(ListArguments),
    /// Change what is named and keep the rest
    #[command(
        after_help = "Example:\n  provost dps enrollment create --eid press-4 --attestation-type symmetrickey\n  \
        provost dps enrollment update --eid press-4 --provisioning-status disabled"
    )]
    Update(Box<UpdateArguments<EnrollmentId>>),
    /// Delete one; devices that are already at a hub stay there
    #[command(
        after_help = "Example:\n  provost dps enrollment create --eid press-5 --attestation-type symmetrickey\n  \
        provost dps enrollment delete --eid press-5"
    )]
    Delete(DeleteArguments<EnrollmentId>),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct EnrollmentId {
    /// Registration ID of the device; with X.509 the common name of its certificate
    #[arg(long = "enrollment-id", visible_aliases = ["eid", "registration-id"], value_name = "ID")]
    id: String,
    #[command(flatten)]
    dps: DpsName,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(in crate::cli) struct DeviceSettings {
    /// Device ID at the hub [default: the registration ID]
    #[arg(long, value_name = "ID")]
    device_id: Option<String>,
    /// Free information about the device: JSON or a file
    #[arg(long, visible_alias = "info", value_name = "JSON")]
    device_information: Option<String>,
}

impl EnrollmentVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => arguments.run(context).await,
            Self::Show(arguments) => arguments.run(context).await,
            Self::List(arguments) => arguments.run::<EnrollmentId>(context).await,
            Self::Update(arguments) => arguments.run(context).await,
            Self::Delete(arguments) => arguments.run(context).await,
        }
    }
}

impl EntryId for EnrollmentId {
    const COLLECTION: &'static str = "enrollments";
    const ID_MEMBER: &'static str = "registrationId";
    const HOLDER: Holder = Holder::Individual;
    const COLUMNS: &'static [Column] = &[
        Column::new("registration id", "/registrationId"),
        Column::new("device id", "/deviceId"),
        Column::new("attestation", "/attestation/type"),
        Column::new("status", "/provisioningStatus"),
        Column::new("allocation", "/allocationPolicy"),
        Column::new("last updated", "/lastUpdatedDateTimeUtc"),
    ];
    type Own = DeviceSettings;

    fn id(&self) -> &str {
        &self.id
    }

    fn dps(&self) -> &DpsName {
        &self.dps
    }
}

impl OwnSettings for DeviceSettings {
    fn apply(&self, enrollment: &mut Map<String, Value>) -> Result<(), Failure> {
        if let Some(device_id) = &self.device_id {
            enrollment.insert("deviceId".to_owned(), json!(device_id));
        }
        if let Some(information) = &self.device_information {
            let information = json_object("--device-information", information)?;
            enrollment.insert("optionalDeviceInformation".to_owned(), Value::Object(information));
        }
        Ok(())
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
        let (path, body) = arguments.request().unwrap();
        assert_eq!(path, "/enrollments/press-1");
        assert_eq!(
            body,
            json!({"registrationId": "press-1", "attestation": {"type": "symmetricKey"},
                "deviceId": "d", "provisioningStatus": "disabled"})
        );
    }
}
