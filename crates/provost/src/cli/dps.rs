//! `provost dps`.

mod attestation;
mod compute_device_key;
mod disenroll;
mod enrollment;
mod enrollment_group;
mod entry;
mod instance;
mod linked_hub;
mod quota;
mod registration;
mod secrets;
mod settings;

use clap::{Args, Subcommand};

use super::input::segment;
use super::owner::Owner;
use super::owner::certificate::CertificateVerb;
use super::owner::link::UpdateArguments;
use super::owner::policy::PolicyVerb;
use super::{Context, Failure};
use crate::client::{ApiClient, ClientError, Instance, MANAGEMENT_SUBSCRIPTION};

/// Of the data plane (dps-service-api.md 0.2).
const DATA_API_VERSION: &str = "2021-10-01";
/// Of the management plane (dps-service-api.md 4.1).
const MANAGEMENT_API_VERSION: &str = "2022-02-05";

#[derive(Debug, Subcommand)]
pub(super) enum DpsCommand {
    /// Enrollments of single devices
    #[command(subcommand)]
    Enrollment(enrollment::EnrollmentVerb),
    /// Enrollment groups: all devices that share a CA or a key
    #[command(subcommand)]
    EnrollmentGroup(enrollment_group::GroupVerb),
    /// CA certificates and the proof that you own their keys
    #[command(subcommand)]
    Certificate(CertificateVerb<DpsName>),
    /// What became of devices that registered
    #[command(subcommand)]
    Registration(registration::RegistrationVerb),
    /// Hubs that devices can be assigned to
    #[command(subcommand)]
    LinkedHub(linked_hub::LinkedHubVerb),
    /// Shut a device, a group or a certificate out: entry, record and, everywhere, hub identity
    #[command(after_help = "Examples:\n  provost simulate --devices 1 --prefix stolen\n  \
        provost dps disenroll --registration-id stolen-0000001 --everywhere --dry-run\n  \
        provost dps disenroll --registration-id stolen-0000001 --everywhere --yes\n  \
        provost dps disenroll --enrollment-group line-1 --everywhere --yes\n  \
        provost dps disenroll --certificate certificates/intermediate.pem --dry-run")]
    Disenroll(disenroll::DisenrollArguments),
    /// Show how much of each limit is used
    #[command(after_help = "Example:\n  provost dps quota --output table")]
    Quota(DpsName),
    /// Make another provisioning service with an ID scope of its own
    #[command(after_help = "Example:\n  provost dps create --name plant-2\n  \
        provost dps linked-hub create --dps-name plant-2 --hub-name hub")]
    Create(instance::CreateArguments),
    /// List the provisioning services of this server
    #[command(after_help = "Example:\n  provost dps list --output table")]
    List,
    /// Link a provisioning service to a namespace of the Device Registry, or to none
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost dps update --namespace plant")]
    Update(UpdateArguments<DpsName>),
    /// Delete one; devices stay at their hubs
    #[command(after_help = "Example:\n  provost dps create --name plant-3\n  \
        provost dps delete --dps-name plant-3 --yes")]
    Delete(instance::DeleteArguments),
    /// Shared access policies of the service: who may call its service API
    #[command(subcommand)]
    Policy(PolicyVerb<DpsName>),
    /// Show the provisioning service: ID scope, hosts, linked hubs
    #[command(after_help = "Example:\n  provost dps show --output json")]
    Show(DpsName),
}

/// Which provisioning service.
#[derive(Debug, Clone, Args)]
pub(super) struct DpsName {
    /// Name of the provisioning service [default: the first]
    #[arg(long, value_name = "NAME")]
    dps_name: Option<String>,
}

impl DpsName {
    fn instance(&self, context: &Context) -> Result<Instance, ClientError> {
        context.locator.dps(self.dps_name.as_deref())
    }

    /// Requests to the data plane.
    pub(super) fn client(&self, context: &Context) -> Result<ApiClient, ClientError> {
        context.locator.client(&self.instance(context)?, DATA_API_VERSION)
    }
}

impl Owner for DpsName {
    const NOUN: &'static str = "dps";
    const RIGHTS: &'static str = "EnrollmentRead,RegistrationStatusRead";
    const ONE_RIGHT: &'static str = "EnrollmentRead";

    async fn own_path(&self, context: &Context) -> Result<String, ClientError> {
        let name = self.instance(context)?.name;
        Ok(format!("/provost/dps/{}", segment(&name)))
    }

    async fn management(&self, context: &Context) -> Result<(ApiClient, String), ClientError> {
        let name = self.instance(context)?.name;
        let path = format!(
            "/subscriptions/{MANAGEMENT_SUBSCRIPTION}/resourceGroups/provost/providers/Microsoft.Devices/provisioningServices/{name}"
        );
        Ok((context.locator.management(MANAGEMENT_API_VERSION)?, path))
    }
}

impl DpsCommand {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Enrollment(verb) => verb.run(context).await,
            Self::EnrollmentGroup(verb) => verb.run(context).await,
            Self::Certificate(verb) => verb.run(context).await,
            Self::Registration(verb) => verb.run(context).await,
            Self::LinkedHub(verb) => verb.run(context).await,
            Self::Disenroll(arguments) => arguments.run(context).await,
            Self::Quota(name) => quota::show(&name, context).await,
            Self::Create(arguments) => arguments.run(context).await,
            Self::List => instance::list(context).await,
            Self::Update(arguments) => arguments.run(context).await,
            Self::Delete(arguments) => arguments.run(context).await,
            Self::Policy(verb) => verb.run(context).await,
            Self::Show(name) => instance::show(&name, context).await,
        }
    }
}
