use clap::{Args, Subcommand};
use provost_device::http::Method;
use provost_model::registry::RevocationReason;
use serde_json::{Map, Value, json};

use super::touch::{preview, tell_and_ask};
use super::{Confirmation, NamespaceFlag, Waiting};
use crate::cli::input::{confirm, json_object, segment};
use crate::cli::{Context, Failure};
use crate::output::Column;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum DeviceVerb {
    /// Make a device by hand; provisioning makes them by itself
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost adr device create --ns plant --name press-1 --manufacturer acme")]
    Create(CreateArguments),
    /// Show a device
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost adr device create --ns plant --name press-1\n  \
        provost adr device show --ns plant --name press-1")]
    Show(DeviceFlags),
    /// List the devices of a namespace
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost adr device list --ns plant --output table")]
    List(NamespaceFlag),
    /// Enable or disable a device, or change what is known of it
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost adr device create --ns plant --name press-1\n  \
        provost adr device update --ns plant --name press-1 --enabled false")]
    Update(UpdateArguments),
    /// Delete a device from the namespace
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost adr device create --ns plant --name press-1\n  \
        provost adr device delete --ns plant --name press-1 --yes")]
    Delete(DeleteArguments),
    /// Revoke every certificate of a device; cannot be taken back
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr device create --ns plant --name press-1 --policy default\n  \
        provost adr device revoke --ns plant --name press-1 --disable --yes"
    )]
    Revoke(RevokeArguments),
}

/// Which device.
#[derive(Debug, Args)]
pub(in crate::cli) struct DeviceFlags {
    #[command(flatten)]
    namespace: NamespaceFlag,
    /// Name of the device
    #[arg(long, short, visible_alias = "device-name", value_name = "NAME")]
    name: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    device: DeviceFlags,
    /// Any word; echoed
    #[arg(long, short, default_value = "local")]
    location: String,
    /// Policy of its certificates
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Its name in the hub [default: the same]
    #[arg(long, value_name = "ID")]
    external_device_id: Option<String>,
    /// Who made it
    #[arg(long, value_name = "NAME")]
    manufacturer: Option<String>,
    /// Which model it is
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Its operating system
    #[arg(long, visible_alias = "os", value_name = "NAME")]
    operating_system: Option<String>,
    #[command(flatten)]
    values: Values,
}

/// What may change.
#[derive(Debug, Args)]
struct Values {
    /// Whether it may connect and get certificates
    #[arg(long, action = clap::ArgAction::Set, value_name = "true|false")]
    enabled: Option<bool>,
    /// Version of its operating system
    #[arg(long, visible_alias = "os-version", value_name = "TEXT")]
    operating_system_version: Option<String>,
    /// Anything else, a JSON object
    #[arg(long, visible_alias = "attr", value_name = "JSON|FILE")]
    attributes: Option<String>,
    /// Labels, a JSON object of texts
    #[arg(long, value_name = "JSON|FILE")]
    tags: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateArguments {
    #[command(flatten)]
    device: DeviceFlags,
    #[command(flatten)]
    values: Values,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    #[command(flatten)]
    device: DeviceFlags,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    waiting: Waiting,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RevokeArguments {
    #[command(flatten)]
    device: DeviceFlags,
    /// Disable it, too: it gets no new certificate until it is enabled again
    #[arg(long)]
    disable: bool,
    /// What the CRL says, a word of RFC 5280 such as keyCompromise
    #[arg(long, default_value = "unspecified", value_parser = reason, value_name = "WORD")]
    reason: RevocationReason,
    /// Say what would be touched and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    waiting: Waiting,
}

/// A clap value parser for the words of RFC 5280.
pub(super) fn reason(text: &str) -> Result<RevocationReason, String> {
    RevocationReason::parse(text).ok_or_else(|| {
        let known: Vec<&str> = RevocationReason::ALL
            .iter()
            .map(|reason| reason.as_str())
            .collect();
        format!("it is one of {}", known.join(", "))
    })
}

const COLUMNS: [Column; 5] = [
    Column::new("name", "/name"),
    Column::new("enabled", "/properties/enabled"),
    Column::new("device id", "/properties/externalDeviceId"),
    Column::new("version", "/properties/version"),
    Column::new("uuid", "/properties/uuid"),
];

impl DeviceFlags {
    fn path(&self) -> String {
        format!("/devices/{}", segment(&self.name))
    }
}

impl Values {
    /// Tags stand beside `properties`, everything else inside.
    fn body(&self) -> Result<Value, Failure> {
        let mut properties = Map::new();
        if let Some(enabled) = self.enabled {
            properties.insert("enabled".to_owned(), enabled.into());
        }
        if let Some(version) = &self.operating_system_version {
            properties.insert("operatingSystemVersion".to_owned(), version.clone().into());
        }
        if let Some(text) = &self.attributes {
            properties.insert("attributes".to_owned(), json_object("--attributes", text)?.into());
        }
        let mut body = Map::new();
        if let Some(text) = &self.tags {
            body.insert("tags".to_owned(), json_object("--tags", text)?.into());
        }
        body.insert("properties".to_owned(), properties.into());
        Ok(body.into())
    }
}

impl DeviceVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => {
                let mut registry = arguments.device.namespace.open(context)?;
                let mut body = arguments.body()?;
                if let Some(policy) = &arguments.policy {
                    let id = registry.path(&super::policy::path(policy));
                    if let Some(Value::Object(properties)) = body.get_mut("properties") {
                        properties.insert("policy".to_owned(), json!({ "resourceId": id }));
                    }
                }
                let made = registry
                    .write(Method::PUT, &arguments.device.path(), &body)
                    .await?;
                registry.show(&made)
            }
            Self::Show(device) => {
                let mut registry = device.namespace.open(context)?;
                let shown = registry.get(&device.path()).await?;
                registry.show(&shown)
            }
            Self::List(namespace) => {
                let mut registry = namespace.open(context)?;
                let all = registry.list("/devices").await?;
                registry.table(&all, &COLUMNS)
            }
            Self::Update(arguments) => {
                let mut registry = arguments.device.namespace.open(context)?;
                let body = arguments.values.body()?;
                let changed = registry
                    .write(Method::PATCH, &arguments.device.path(), &body)
                    .await?;
                registry.show(&changed)
            }
            Self::Delete(arguments) => {
                if !arguments.confirmation.yes {
                    confirm(&format!("Delete the device {}?", arguments.device.name))?;
                }
                let mut registry = arguments.device.namespace.open(context)?;
                let path = arguments.device.path();
                let answer = registry.begin(Method::DELETE, &path, None).await?;
                registry.finish(&answer, arguments.waiting.no_wait).await
            }
            Self::Revoke(arguments) => arguments.run(context).await,
        }
    }
}

impl CreateArguments {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = self.values.body()?;
        let own = [
            ("externalDeviceId", &self.external_device_id),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
            ("operatingSystem", &self.operating_system),
        ];
        if let Some(Value::Object(properties)) = body.get_mut("properties") {
            for (name, value) in own {
                if let Some(value) = value {
                    properties.insert(name.to_owned(), value.clone().into());
                }
            }
        }
        crate::cli::input::set(&mut body, "location", json!(self.location));
        Ok(body)
    }
}

impl RevokeArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut registry = self.device.namespace.open(context)?;
        let below = format!("{}/revoke", self.device.path());
        let body = json!({ "disable": self.disable, "reason": self.reason.as_str() });
        if self.dry_run {
            let touched = preview(&mut registry, &below, Some(&body)).await?;
            return registry.show(&serde_json::to_value(touched).unwrap_or_default());
        }
        let question = format!("Revoke the certificates of {}?", self.device.name);
        tell_and_ask(
            &mut registry,
            &below,
            Some(&body),
            &question,
            self.confirmation.yes,
        )
        .await?;
        // Azure's address says nothing of a reason; ours is asked only when one is given.
        let answer = if self.reason == RevocationReason::Unspecified {
            let body = json!({ "disable": self.disable });
            registry.begin(Method::POST, &below, Some(&body)).await?
        } else {
            registry.own_begin(Method::POST, &below, Some(&body)).await?
        };
        registry.finish(&answer, self.waiting.no_wait).await
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        verb: DeviceVerb,
    }

    #[test]
    fn only_what_was_said_is_changed() {
        let line = "x update --ns plant -n press-1 --enabled false --os-version 2";
        let DeviceVerb::Update(arguments) = Line::parse_from(line.split(' ')).verb else {
            panic!("another verb")
        };
        assert_eq!(
            arguments.values.body().unwrap(),
            json!({"properties": {"enabled": false, "operatingSystemVersion": "2"}})
        );
        let reason = "x revoke --ns plant -n press-1 --reason anger";
        assert!(Line::try_parse_from(reason.split(' ')).is_err());
    }
}
