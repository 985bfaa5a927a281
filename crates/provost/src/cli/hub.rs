//! `provost hub`.

mod consumer_group;
mod device;
mod device_body;
mod instance;
mod job;
mod message;
mod method;
mod module;
mod module_twin;
mod monitor;
mod query;
mod renew_key;
mod statistics;
mod telemetry;
mod twin;

use clap::{Args, Subcommand};

use super::input::segment;
use super::owner::Owner;
use super::owner::certificate::CertificateVerb;
use super::owner::link::UpdateArguments;
use super::owner::policy::PolicyVerb;
use super::{Context, Failure};
use crate::client::{ApiClient, ClientError, Instance, MANAGEMENT_SUBSCRIPTION};

/// Of the hub's service API (iot-hub-service-api.md 1.4).
const HUB_API_VERSION: &str = "2021-04-12";
/// Of the management plane (iot-hub-service-api.md 14).
const MANAGEMENT_API_VERSION: &str = "2023-06-30";

#[derive(Debug, Subcommand)]
pub(super) enum HubCommand {
    /// List the hubs of this server and those elsewhere, with their health
    #[command(after_help = "Example:\n  provost hub list --output table")]
    List,
    /// Make another hub, or make one elsewhere known; link it with `provost dps linked-hub create`
    #[command(after_help = "Examples:\n  provost hub create --name hub-a\n  \
        far='HostName=far.example;SharedAccessKeyName=owner;SharedAccessKey=AAECAwQFBgcICQoLDA0ODw=='\n  \
        provost hub create --name far --connection-string \"$far\"")]
    Create(instance::CreateArguments),
    /// Show a hub: host, devices, connections, links
    #[command(after_help = "Example:\n  provost hub show --hub-name hub")]
    Show(HubName),
    /// Link a hub to a namespace of the Device Registry, or to none
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost hub update --hub-name hub --namespace plant")]
    Update(UpdateArguments<HubName>),
    /// Delete a hub with its links; its live sessions end
    #[command(
        after_help = "Example:\n  provost hub create --name hub-d\n  provost hub delete --hub-name hub-d --yes"
    )]
    Delete(instance::DeleteArguments),
    /// CA certificates of the hub, and the proof that you own their keys
    #[command(subcommand)]
    Certificate(CertificateVerb<HubName>),
    /// Shared access policies of the hub: who may call its service API
    #[command(subcommand)]
    Policy(PolicyVerb<HubName>),
    /// Device identities
    #[command(subcommand)]
    Device(device::DeviceVerb),
    /// Twins: tags, desired and reported properties
    #[command(subcommand)]
    Twin(twin::TwinVerb),
    /// Modules of devices
    #[command(subcommand)]
    ModuleIdentity(module::ModuleVerb),
    /// Twins of modules
    #[command(subcommand)]
    ModuleTwin(module_twin::ModuleTwinVerb),
    /// Find devices: a page of twins, or what the query selects
    #[command(
        after_help = "Examples:\n  provost hub query -q \"SELECT * FROM devices WHERE tags.site = 'north'\" --output table\n  \
        provost hub query -q 'SELECT status, COUNT() AS devices FROM devices GROUP BY status'"
    )]
    Query(query::QueryArguments),
    /// Direct methods
    #[command(subcommand)]
    Method(method::MethodVerb),
    /// Jobs: twin updates and methods of many devices
    #[command(subcommand)]
    Job(job::JobVerb),
    /// Messages to devices
    #[command(subcommand, visible_alias = "c2d-message")]
    Message(message::MessageVerb),
    /// Follow telemetry live, one line a message
    #[command(
        visible_alias = "monitor-events",
        after_help = "Examples:\n  provost simulate --devices 3 --messages 5\n  \
            provost hub monitor --from earliest --messages 15\n  \
            provost hub consumer-group create --name dashboard\n  \
            provost hub monitor --consumer-group dashboard --from earliest --messages 10\n  \
            provost hub monitor --consumer-group dashboard --messages 5 --properties all\n  \
            provost hub monitor --device-id press-0001"
    )]
    Monitor(monitor::MonitorArguments),
    /// What the telemetry buffer holds
    #[command(subcommand)]
    Telemetry(telemetry::TelemetryVerb),
    /// Consumer groups: readers of telemetry that remember how far they came
    #[command(subcommand)]
    ConsumerGroup(consumer_group::ConsumerGroupVerb),
    /// Count devices
    #[command(after_help = "Example:\n  provost hub statistics")]
    Statistics(HubName),
}

/// Which hub.
#[derive(Debug, Clone, Args)]
pub(super) struct HubName {
    /// Name of the hub [default: the first]
    #[arg(long, visible_alias = "hn", value_name = "NAME")]
    hub_name: Option<String>,
}

impl HubName {
    /// The name, when one was given.
    pub(super) fn named(&self) -> Option<&str> {
        self.hub_name.as_deref()
    }

    pub(super) async fn instance(&self, context: &Context) -> Result<Instance, ClientError> {
        context.locator.find_hub(self.hub_name.as_deref()).await
    }

    async fn client(&self, context: &Context) -> Result<ApiClient, ClientError> {
        let instance = self.instance(context).await?;
        context.locator.client(&instance, HUB_API_VERSION)
    }
}

/// Which device of which hub.
#[derive(Debug, Clone, Args)]
pub(super) struct DeviceName {
    /// Device ID
    #[arg(long, short, value_name = "ID")]
    device_id: String,
    #[command(flatten)]
    hub: HubName,
}

impl DeviceName {
    /// Where it is below a collection such as `devices` or `twins`.
    fn path(&self, collection: &str) -> String {
        format!("/{collection}/{}", segment(&self.device_id))
    }
}

/// Which module of which device.
#[derive(Debug, Clone, Args)]
pub(super) struct ModuleName {
    #[command(flatten)]
    device: DeviceName,
    /// Module ID
    #[arg(long, short, value_name = "ID")]
    module_id: String,
}

impl ModuleName {
    /// Where it is below a collection such as `devices` or `twins`.
    fn path(&self, collection: &str) -> String {
        let device = self.device.path(collection);
        format!("{device}/modules/{}", segment(&self.module_id))
    }
}

impl Owner for HubName {
    const NOUN: &'static str = "hub";
    const RIGHTS: &'static str = "ServiceConnect,RegistryRead";
    const ONE_RIGHT: &'static str = "ServiceConnect";

    async fn own_path(&self, context: &Context) -> Result<String, ClientError> {
        let name = self.instance(context).await?.name;
        Ok(format!("/provost/hubs/{}", segment(&name)))
    }

    async fn management(&self, context: &Context) -> Result<(ApiClient, String), ClientError> {
        let name = self.instance(context).await?.name;
        let path = format!(
            "/subscriptions/{MANAGEMENT_SUBSCRIPTION}/resourceGroups/provost/providers/Microsoft.Devices/IotHubs/{name}"
        );
        Ok((context.locator.management(MANAGEMENT_API_VERSION)?, path))
    }
}

impl HubCommand {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List => instance::list(context).await,
            Self::Create(arguments) => arguments.run(context).await,
            Self::Show(hub) => instance::show(&hub, context).await,
            Self::Update(arguments) => arguments.run(context).await,
            Self::Delete(arguments) => arguments.run(context).await,
            Self::Certificate(verb) => verb.run(context).await,
            Self::Policy(verb) => verb.run(context).await,
            Self::Device(verb) => verb.run(context).await,
            Self::Twin(verb) => verb.run(context).await,
            Self::ModuleIdentity(verb) => verb.run(context).await,
            Self::ModuleTwin(verb) => verb.run(context).await,
            Self::Query(arguments) => arguments.run(context).await,
            Self::Method(verb) => verb.run(context).await,
            Self::Message(verb) => verb.run(context).await,
            Self::Job(verb) => verb.run(context).await,
            Self::Monitor(arguments) => arguments.run(context).await,
            Self::Telemetry(verb) => verb.run(context).await,
            Self::ConsumerGroup(verb) => verb.run(context).await,
            Self::Statistics(hub) => statistics::show(&hub, context).await,
        }
    }
}
