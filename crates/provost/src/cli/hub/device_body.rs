use clap::{Args, ValueEnum};
use provost_model::SymmetricKey;
use serde_json::{Map, Value, json};

use crate::cli::Failure;
use crate::cli::input::key;

/// How a device proves itself to the hub, as flags (iot-hub-service-api.md 4).
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Authentication")]
pub(in crate::cli) struct Credentials {
    /// Kind of proof [default: what the other flags say]
    #[arg(long, visible_alias = "am")]
    auth_method: Option<AuthMethod>,
    /// Primary symmetric key, base64 of 16 to 64 bytes [default: made by the hub]
    #[arg(long, visible_alias = "pk", value_name = "KEY", value_parser = key, requires = "secondary_key")]
    primary_key: Option<SymmetricKey>,
    /// Secondary symmetric key
    #[arg(long, visible_alias = "sk", value_name = "KEY", value_parser = key, requires = "primary_key")]
    secondary_key: Option<SymmetricKey>,
    /// SHA-1 or SHA-256 thumbprint of the device certificate, hexadecimal
    #[arg(long, visible_alias = "ptp", value_name = "HEX")]
    primary_thumbprint: Option<String>,
    /// Thumbprint of the second device certificate
    #[arg(long, visible_alias = "stp", value_name = "HEX")]
    secondary_thumbprint: Option<String>,
}

/// The kinds of proof, spelled as `az` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum AuthMethod {
    /// Symmetric keys
    SharedPrivateKey,
    /// Certificates named by their thumbprints
    #[value(name = "x509_thumbprint")]
    X509Thumbprint,
    /// Certificates below a CA certificate of the hub
    #[value(name = "x509_ca")]
    X509Ca,
}

/// Whether the device may connect, and why not.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Status")]
pub(in crate::cli) struct StatusArguments {
    /// Whether the device may connect
    #[arg(long, visible_alias = "sta")]
    status: Option<Status>,
    /// Why, up to 128 characters
    #[arg(long, visible_alias = "star", value_name = "TEXT")]
    status_reason: Option<String>,
    /// Whether it is an IoT Edge device
    #[arg(long, visible_alias = "ee", value_name = "true|false")]
    edge_enabled: Option<bool>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    Enabled,
    Disabled,
}

impl Credentials {
    /// Writes the authentication of a new device.
    pub(super) fn create(&self, device: &mut Value) -> Result<(), Failure> {
        device["authentication"] = self.authentication(self.method(AuthMethod::SharedPrivateKey), None)?;
        Ok(())
    }

    /// Changes the authentication of a device that was read from the hub, if any flag asks for it.
    pub(super) fn update(&self, device: &mut Value) -> Result<(), Failure> {
        if self.auth_method.is_none() && !self.names_keys() && !self.names_thumbprints() {
            return Ok(());
        }
        let old = device.get("authentication").cloned();
        device["authentication"] =
            self.authentication(self.method(AuthMethod::SharedPrivateKey), old.as_ref())?;
        Ok(())
    }

    fn authentication(&self, method: AuthMethod, old: Option<&Value>) -> Result<Value, Failure> {
        match method {
            AuthMethod::SharedPrivateKey if self.names_thumbprints() => Err(Failure::usage(
                "thumbprints go with --auth-method x509_thumbprint",
            )),
            AuthMethod::X509Thumbprint | AuthMethod::X509Ca if self.names_keys() => {
                Err(Failure::usage("keys go with --auth-method shared_private_key"))
            }
            AuthMethod::SharedPrivateKey => {
                let keys = json!({
                    "primaryKey": self.primary_key.as_ref().map(SymmetricKey::to_base64),
                    "secondaryKey": self.secondary_key.as_ref().map(SymmetricKey::to_base64),
                });
                Ok(json!({ "type": "sas", "symmetricKey": keys }))
            }
            AuthMethod::X509Thumbprint => {
                let kept = old.and_then(|old| old.get("x509Thumbprint")).cloned();
                let mut thumbprints = match kept {
                    Some(Value::Object(kept)) => kept,
                    _ => Map::new(),
                };
                let mut set = |name: &str, thumbprint: &Option<String>| {
                    if let Some(thumbprint) = thumbprint {
                        thumbprints.insert(name.to_owned(), json!(thumbprint));
                    }
                };
                set("primaryThumbprint", &self.primary_thumbprint);
                set("secondaryThumbprint", &self.secondary_thumbprint);
                if thumbprints.get("primaryThumbprint").is_none_or(Value::is_null) {
                    return Err(Failure::usage("x509_thumbprint needs --primary-thumbprint"));
                }
                Ok(json!({ "type": "selfSigned", "x509Thumbprint": thumbprints }))
            }
            AuthMethod::X509Ca if self.names_thumbprints() => Err(Failure::usage(
                "thumbprints go with --auth-method x509_thumbprint",
            )),
            AuthMethod::X509Ca => Ok(json!({ "type": "certificateAuthority" })),
        }
    }

    fn method(&self, default: AuthMethod) -> AuthMethod {
        self.auth_method.unwrap_or(if self.names_thumbprints() {
            AuthMethod::X509Thumbprint
        } else {
            default
        })
    }

    fn names_keys(&self) -> bool {
        self.primary_key.is_some() || self.secondary_key.is_some()
    }

    fn names_thumbprints(&self) -> bool {
        self.primary_thumbprint.is_some() || self.secondary_thumbprint.is_some()
    }
}

impl StatusArguments {
    /// Writes the flags that were given into a device.
    pub(super) fn apply(&self, device: &mut Value) {
        if let Some(status) = self.status {
            device["status"] = json!(match status {
                Status::Enabled => "enabled",
                Status::Disabled => "disabled",
            });
        }
        if let Some(reason) = &self.status_reason {
            device["statusReason"] = json!(reason);
        }
        if let Some(edge) = self.edge_enabled {
            device["capabilities"] = json!({ "iotEdge": edge });
        }
    }
}

/// Takes the keys out of a device.
pub(super) fn hide_keys(device: &mut Value) {
    if let Some(authentication) = device.get_mut("authentication").and_then(Value::as_object_mut) {
        Map::remove(authentication, "symmetricKey");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        credentials: Credentials,
        #[command(flatten)]
        status: StatusArguments,
    }

    fn created(flags: &[&str]) -> Result<Value, Failure> {
        let line = Line::parse_from([&["x"], flags].concat());
        let mut device = json!({"deviceId": "d"});
        line.credentials.create(&mut device)?;
        line.status.apply(&mut device);
        Ok(device)
    }

    #[test]
    fn each_kind_of_proof() {
        let sas = created(&["--pk", KEY, "--sk", KEY]).unwrap();
        assert_eq!(sas["authentication"]["symmetricKey"]["primaryKey"], KEY);
        assert_eq!(created(&[]).unwrap()["authentication"]["type"], "sas");
        let thumbprint = created(&["--ptp", "AB", "--status", "disabled"]).unwrap();
        assert_eq!(
            thumbprint,
            json!({"deviceId": "d", "status": "disabled", "authentication":
                {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": "AB"}}})
        );
        let ca = created(&["--am", "x509_ca", "--ee", "true"]).unwrap();
        assert_eq!(ca["authentication"], json!({"type": "certificateAuthority"}));
        assert_eq!(ca["capabilities"], json!({"iotEdge": true}));
    }

    #[test]
    fn contradictions_are_wrong_usage() {
        for flags in [
            &["--am", "x509_thumbprint"][..],
            &["--am", "x509_ca", "--pk", KEY, "--sk", KEY],
            &["--am", "x509_ca", "--ptp", "AB"],
            &["--am", "shared_private_key", "--ptp", "AB"],
        ] {
            assert!(matches!(created(flags), Err(Failure::Usage(_))), "{flags:?}");
        }
    }

    #[test]
    fn an_update_without_credentials_keeps_them() {
        let line = Line::parse_from(["x", "--status", "disabled"]);
        let mut device = json!({"authentication": {"type": "sas", "symmetricKey": {"primaryKey": "p"}}});
        let before = device["authentication"].clone();
        line.credentials.update(&mut device).unwrap();
        assert_eq!(device["authentication"], before);
        hide_keys(&mut device);
        assert_eq!(device["authentication"], json!({"type": "sas"}));
    }
}
