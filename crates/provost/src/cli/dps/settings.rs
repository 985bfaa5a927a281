use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::cli::Failure;
use crate::cli::input::json_object;

/// What both kinds of enrollment share (dps-service-api.md 3.1), as flags.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(in crate::cli) struct SettingsArguments {
    /// Whether devices may register [default: enabled]
    #[arg(long, visible_alias = "ps")]
    provisioning_status: Option<Status>,
    /// What a device that registers again keeps [default: reprovisionandmigratedata]
    #[arg(long, visible_alias = "rp")]
    reprovision_policy: Option<Reprovision>,
    /// How a hub is chosen [default: hashed]
    #[arg(long, visible_alias = "ap")]
    allocation_policy: Option<Allocation>,
    /// Host names of the hubs to choose from, apart by spaces or commas [default: all linked hubs]
    #[arg(long, visible_alias = "ih", value_delimiter = ',', num_args = 1.., value_name = "HOST")]
    iot_hubs: Vec<String>,
    /// URL of the webhook of a custom allocation policy
    #[arg(long, visible_alias = "wh", requires = "api_version", value_name = "URL")]
    webhook_url: Option<String>,
    /// API version the webhook is called with
    #[arg(long, visible_alias = "av", requires = "webhook_url", value_name = "VERSION")]
    api_version: Option<String>,
    /// Tags of the first twin: JSON or a file
    #[arg(long, visible_alias = "tags", value_name = "JSON")]
    initial_twin_tags: Option<String>,
    /// Desired properties of the first twin: JSON or a file
    #[arg(long, visible_alias = "props", value_name = "JSON")]
    initial_twin_properties: Option<String>,
    /// Policy of the namespace whose certificates the devices may ask for; "" for none again
    #[arg(long, value_name = "NAME")]
    credential_policy: Option<String>,
    /// Whether the devices are IoT Edge devices
    #[arg(long, visible_alias = "ee", value_name = "true|false")]
    edge_enabled: Option<bool>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "lower")]
enum Reprovision {
    /// Choose the hub again, take the twin along
    #[value(name = "reprovisionandmigratedata")]
    MigrateData,
    /// Choose the hub again, start with the first twin
    #[value(name = "reprovisionandresetdata")]
    ResetData,
    /// Keep the hub for ever
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum Allocation {
    Hashed,
    GeoLatency,
    Static,
    Custom,
}

impl SettingsArguments {
    /// Writes the flags that were given into an enrollment and leaves the rest as it is.
    pub(super) fn apply(&self, enrollment: &mut Map<String, Value>) -> Result<(), Failure> {
        let mut set = |name: &str, value: Value| enrollment.insert(name.to_owned(), value);
        if let Some(status) = self.provisioning_status {
            set("provisioningStatus", json!(status.word()));
        }
        if let Some(policy) = self.reprovision_policy {
            set("reprovisionPolicy", policy.json());
        }
        if let Some(policy) = self.allocation_policy {
            set("allocationPolicy", json!(policy.word()));
        }
        if !self.iot_hubs.is_empty() {
            set("iotHubs", json!(self.iot_hubs));
        }
        if let (Some(url), Some(version)) = (&self.webhook_url, &self.api_version) {
            let definition = json!({ "webhookUrl": url, "apiVersion": version });
            set("customAllocationDefinition", definition);
        }
        if let Some(policy) = &self.credential_policy {
            let policy = Some(policy.as_str()).filter(|name| !name.is_empty());
            set("credentialPolicyName", json!(policy));
        }
        if let Some(edge) = self.edge_enabled {
            set("capabilities", json!({ "iotEdge": edge }));
        }
        self.apply_twin(enrollment)?;
        self.check(enrollment)
    }

    fn apply_twin(&self, enrollment: &mut Map<String, Value>) -> Result<(), Failure> {
        if let Some(tags) = &self.initial_twin_tags {
            let tags = json_object("--initial-twin-tags", tags)?;
            change_object(enrollment, "initialTwin", |twin| {
                twin.insert("tags".to_owned(), Value::Object(tags));
            });
        }
        if let Some(desired) = &self.initial_twin_properties {
            let mut desired = json_object("--initial-twin-properties", desired)?;
            // Some `az` users write {"desired": {…}}, others the bare properties.
            if let (1, Some(Value::Object(inner))) = (desired.len(), desired.get_mut("desired")) {
                desired = std::mem::take(inner);
            }
            change_object(enrollment, "initialTwin", |twin| {
                change_object(twin, "properties", |properties| {
                    properties.insert("desired".to_owned(), Value::Object(desired));
                });
            });
        }
        Ok(())
    }

    fn check(&self, enrollment: &Map<String, Value>) -> Result<(), Failure> {
        let has_definition = enrollment
            .get("customAllocationDefinition")
            .is_some_and(Value::is_object);
        if self.allocation_policy == Some(Allocation::Custom) && !has_definition {
            return Err(Failure::usage(
                "--allocation-policy custom needs --webhook-url and --api-version",
            ));
        }
        Ok(())
    }
}

/// Changes the object of this name inside another; it is made when there is none.
fn change_object(outer: &mut Map<String, Value>, name: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut object = match outer.remove(name) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    change(&mut object);
    outer.insert(name.to_owned(), Value::Object(object));
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

impl Allocation {
    fn word(self) -> &'static str {
        match self {
            Self::Hashed => "hashed",
            Self::GeoLatency => "geoLatency",
            Self::Static => "static",
            Self::Custom => "custom",
        }
    }
}

impl Reprovision {
    /// dps-service-api.md 3.8.
    fn json(self) -> Value {
        let (update, migrate) = match self {
            Self::MigrateData => (true, true),
            Self::ResetData => (true, false),
            Self::Never => (false, false),
        };
        json!({ "updateHubAssignment": update, "migrateDeviceData": migrate })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: SettingsArguments,
    }

    fn applied(flags: &[&str], enrollment: Value) -> Result<Value, Failure> {
        let line = Line::try_parse_from([&["x"], flags].concat()).unwrap();
        let Value::Object(mut enrollment) = enrollment else {
            panic!("not an object")
        };
        line.settings.apply(&mut enrollment)?;
        Ok(Value::Object(enrollment))
    }

    #[test]
    fn flags_become_members() {
        let flags = [
            "--ps",
            "disabled",
            "--rp",
            "never",
            "--ap",
            "geolatency",
            "--ih",
            "a.example",
            "b.example",
            "--ee",
            "true",
            "--credential-policy",
            "line-7",
            "--tags",
            r#"{"line":7}"#,
            "--props",
            r#"{"rate":2}"#,
        ];
        let expected = json!({
            "provisioningStatus": "disabled",
            "reprovisionPolicy": {"updateHubAssignment": false, "migrateDeviceData": false},
            "allocationPolicy": "geoLatency",
            "iotHubs": ["a.example", "b.example"],
            "capabilities": {"iotEdge": true},
            "credentialPolicyName": "line-7",
            "initialTwin": {"tags": {"line": 7}, "properties": {"desired": {"rate": 2}}},
        });
        assert_eq!(applied(&flags, json!({})).unwrap(), expected);
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = json!({"allocationPolicy": "static", "initialTwin": {"tags": {"a": 1}}});
        assert_eq!(applied(&[], before.clone()).unwrap(), before);
        let after = applied(&["--props", r#"{"desired":{"b":2}}"#], before).unwrap();
        assert_eq!(
            after["initialTwin"],
            json!({"tags": {"a": 1}, "properties": {"desired": {"b": 2}}})
        );
    }

    #[test]
    fn custom_allocation_needs_its_webhook() {
        assert!(matches!(
            applied(&["--ap", "custom"], json!({})),
            Err(Failure::Usage(_))
        ));
        let flags = ["--ap", "custom", "--wh", "https://x", "--av", "2021-10-01"];
        let made = applied(&flags, json!({})).unwrap();
        assert_eq!(
            made["customAllocationDefinition"],
            json!({"webhookUrl": "https://x", "apiVersion": "2021-10-01"})
        );
    }
}
