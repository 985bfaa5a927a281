use clap::{Args, Subcommand};
use provost_device::http::Method;
use provost_model::{CredentialPolicyName, IdError, NamespaceName};
use serde_json::{Value, json};

use super::credential::{self, CredentialVerb};
use super::device::DeviceVerb;
use super::policy::{self, PolicyVerb};
use super::registry::{Registry, all_namespaces};
use super::{Confirmation, Group, Waiting};
use crate::cli::input::{confirm, json_object};
use crate::cli::{Context, Failure};
use crate::output::{Column, say, warn};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum NamespaceVerb {
    /// Make a namespace, on request with everything that issues certificates
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management"
    )]
    Create(CreateArguments),
    /// Show a namespace
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant\n  provost adr namespace show --name plant"
    )]
    Show(Named),
    /// List the namespaces
    #[command(after_help = "Example:\n  provost adr namespace list --output table")]
    List(Group),
    /// Change the tags of a namespace
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost adr namespace update --name plant --tags '{\"hall\":\"7\"}'")]
    Update(UpdateArguments),
    /// Delete a namespace with its devices and links, which cannot be taken back; its credential goes first
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost adr namespace delete --name plant --yes")]
    Delete(DeleteArguments),
    /// As `az iot adr ns credential` has it
    #[command(subcommand, hide = true)]
    Credential(CredentialVerb),
    /// As `az iot adr ns policy` has it
    #[command(subcommand, hide = true)]
    Policy(PolicyVerb),
    /// As `az iot adr ns device` has it
    #[command(subcommand, hide = true)]
    Device(DeviceVerb),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Named {
    /// Name of the namespace
    #[arg(long, short, visible_alias = "ns", value_name = "NAME")]
    name: String,
    #[command(flatten)]
    group: Group,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    named: Named,
    /// Any word; echoed
    #[arg(long, short, default_value = "local")]
    location: String,
    /// Labels, a JSON object of texts
    #[arg(long, value_name = "JSON|FILE")]
    tags: Option<String>,
    /// Make its credential and a policy, too
    #[arg(long, visible_alias = "enable-credential-policy")]
    enable_certificate_management: bool,
    /// Name of that policy
    #[arg(long, default_value = "default", value_name = "NAME")]
    policy_name: String,
    /// Days its device certificates are valid
    #[arg(long, default_value_t = 30, value_name = "DAYS")]
    cert_validity_days: u32,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateArguments {
    #[command(flatten)]
    named: Named,
    /// The labels from now on, a JSON object of texts
    #[arg(long, value_name = "JSON|FILE")]
    tags: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    waiting: Waiting,
}

const COLUMNS: [Column; 3] = [
    Column::new("name", "/name"),
    Column::new("location", "/location"),
    Column::new("uuid", "/properties/uuid"),
];

impl Named {
    fn open<'a>(&self, context: &'a Context) -> Result<Registry<'a>, Failure> {
        Registry::open(context, &self.name, &self.group.resource_group)
    }
}

impl NamespaceVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => arguments.run(context).await,
            Self::Show(named) => {
                let mut registry = named.open(context)?;
                let shown = registry.get("").await?;
                registry.show(&shown)
            }
            Self::List(group) => {
                let all = all_namespaces(context, &group.resource_group).await?;
                Ok(context.output.documents(&all, &COLUMNS)?)
            }
            Self::Update(arguments) => {
                let mut registry = arguments.named.open(context)?;
                let tags = json_object("--tags", &arguments.tags)?;
                let changed = registry
                    .write(Method::PATCH, "", &json!({ "tags": tags }))
                    .await?;
                registry.show(&changed)
            }
            Self::Delete(arguments) => {
                let mut registry = arguments.named.open(context)?;
                if !arguments.confirmation.yes {
                    tell_what_goes(&mut registry).await?;
                    confirm(&format!("Delete the namespace {}?", arguments.named.name))?;
                }
                let answer = registry.begin(Method::DELETE, "", None).await?;
                registry.finish(&answer, arguments.waiting.no_wait).await
            }
            Self::Credential(verb) => verb.run(context).await,
            Self::Policy(verb) => verb.run(context).await,
            Self::Device(verb) => verb.run(context).await,
        }
    }
}

/// Most devices that are counted before somebody is asked.
const COUNTED: usize = 1000;

async fn tell_what_goes(registry: &mut Registry<'_>) -> Result<(), Failure> {
    let devices = registry.first("/devices", COUNTED + 1).await?.len();
    let devices = match devices {
        1 => "1 device".to_owned(),
        0..=COUNTED => format!("{devices} devices"),
        _ => format!("more than {COUNTED} devices"),
    };
    say(&format!(
        "{devices} of it and its links to hubs and provisioning services go with it"
    ));
    warn("this cannot be taken back");
    Ok(())
}

impl CreateArguments {
    /// What the server would refuse at the last of several requests is refused before the first one.
    fn check(&self) -> Result<(), Failure> {
        let usage = |flag: &str, error: IdError| Failure::usage(format!("{flag}: {error}"));
        NamespaceName::parse(&self.named.name).map_err(|error| usage("--name", error))?;
        CredentialPolicyName::parse(&self.policy_name).map_err(|error| usage("--policy-name", error))?;
        if self.cert_validity_days == 0 {
            return Err(Failure::usage("--cert-validity-days must be at least 1"));
        }
        Ok(())
    }

    /// Credential and policy of a namespace that was made; when one is refused, says what is there and how to go on.
    async fn certify(&self, registry: &mut Registry<'_>) -> Result<(), Failure> {
        let (name, policy_name) = (&self.named.name, &self.policy_name);
        let go_on = format!(
            "provost adr policy create --ns {name} --name {policy_name} --cert-validity-days {}",
            self.cert_validity_days
        );
        let made = registry
            .write(Method::PUT, credential::PATH, &credential::body(&self.location))
            .await;
        made.inspect_err(|_| {
            warn(&format!(
                "the namespace {name} is there, its credential was not made; go on with `provost adr credential \
                 create --ns {name}`, then `{go_on}`"
            ));
        })?;
        let body = policy::body(self.cert_validity_days, false);
        let made = registry
            .write(Method::PUT, &policy::path(policy_name), &body)
            .await;
        made.inspect_err(|_| {
            warn(&format!(
                "the namespace {name} and its credential are there, the policy {policy_name} was not made; go on with \
                 `{go_on}`, changed as the error says"
            ));
        })?;
        say(&format!(
            "made the credential and the policy {policy_name}; link a hub and a provisioning service to the namespace, \
             then `provost adr credential sync`"
        ));
        Ok(())
    }

    async fn run(self, context: &Context) -> Result<(), Failure> {
        if self.enable_certificate_management {
            self.check()?;
        }
        let mut registry = self.named.open(context)?;
        let tags = match &self.tags {
            Some(text) => Value::Object(json_object("--tags", text)?),
            None => json!({}),
        };
        let body = json!({
            "location": self.location,
            "tags": tags,
            "identity": { "type": "SystemAssigned" },
            "properties": {},
        });
        let made = registry.write(Method::PUT, "", &body).await?;
        if self.enable_certificate_management {
            self.certify(&mut registry).await?;
        }
        registry.show(&made)
    }
}
