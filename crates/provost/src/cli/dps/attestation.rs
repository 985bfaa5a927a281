use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use provost_model::SymmetricKey;
use serde_json::{Map, Value, json};

use crate::cli::Failure;
use crate::cli::input::{certificate, key};

/// How devices prove themselves, as flags (dps-service-api.md 3.3).
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Attestation")]
pub(in crate::cli) struct AttestationArguments {
    /// Primary certificate: PEM or DER file
    #[arg(long, visible_alias = "cp", value_name = "FILE")]
    certificate_path: Option<PathBuf>,
    /// Secondary certificate: PEM or DER file
    #[arg(long, visible_alias = "scp", value_name = "FILE")]
    secondary_certificate_path: Option<PathBuf>,
    /// Name of the CA certificate of the service that devices chain to
    #[arg(long, visible_aliases = ["cn", "ca-name"], value_name = "NAME", conflicts_with = "certificate_path")]
    root_ca_name: Option<String>,
    /// Name of the secondary CA certificate
    #[arg(
        long,
        visible_aliases = ["scn", "secondary-ca-name"],
        value_name = "NAME",
        conflicts_with = "secondary_certificate_path"
    )]
    secondary_root_ca_name: Option<String>,
    /// Primary symmetric key, base64 of 16 to 64 bytes [default: made by the service]
    #[arg(long, visible_alias = "pk", value_name = "KEY", value_parser = key)]
    primary_key: Option<SymmetricKey>,
    /// Secondary symmetric key
    #[arg(long, visible_alias = "sk", value_name = "KEY", value_parser = key)]
    secondary_key: Option<SymmetricKey>,
}

/// What `update` can take away.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Attestation")]
pub(in crate::cli) struct RemoveArguments {
    /// Remove the primary certificate
    #[arg(
        long,
        visible_alias = "rc",
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    remove_certificate: bool,
    /// Remove the secondary certificate
    #[arg(
        long,
        visible_alias = "rsc",
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    remove_secondary_certificate: bool,
}

/// The kinds of attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(in crate::cli) enum AttestationType {
    /// A key the device and the service share
    SymmetricKey,
    /// Certificates
    X509,
}

/// Whose certificates are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Holder {
    /// One device.
    Individual,
    /// The CA above the devices of a group.
    Group,
}

impl Holder {
    fn certificates(self) -> &'static str {
        match self {
            Self::Individual => "clientCertificates",
            Self::Group => "signingCertificates",
        }
    }
}

impl AttestationArguments {
    /// The attestation of a new enrollment. Without a type the flags decide: certificates mean
    /// X.509, everything else a symmetric key.
    pub(super) fn create(&self, kind: Option<AttestationType>, holder: Holder) -> Result<Value, Failure> {
        let kind = kind.unwrap_or(if self.names_x509() {
            AttestationType::X509
        } else {
            AttestationType::SymmetricKey
        });
        match kind {
            AttestationType::SymmetricKey if self.names_x509() => Err(Failure::usage(
                "certificates do not go with --attestation-type symmetrickey",
            )),
            AttestationType::SymmetricKey => Ok(self.symmetric()),
            AttestationType::X509 if self.names_keys() => {
                Err(Failure::usage("keys do not go with --attestation-type x509"))
            }
            AttestationType::X509 if !self.names_x509() => Err(Failure::usage(
                "--attestation-type x509 needs --certificate-path or --root-ca-name",
            )),
            AttestationType::X509 => self.x509(holder),
        }
    }

    /// Changes an attestation that was read from the service, keys included.
    pub(super) fn update(
        &self,
        attestation: &mut Value,
        holder: Holder,
        remove: RemoveArguments,
    ) -> Result<(), Failure> {
        if self.names_x509() && self.names_keys() {
            return Err(Failure::usage("give either certificates or keys"));
        }
        if self.names_keys() {
            return self.update_keys(attestation);
        }
        if !self.names_x509() && !remove.any() {
            return Ok(());
        }
        self.update_x509(attestation, holder, remove)
    }

    fn update_keys(&self, attestation: &mut Value) -> Result<(), Failure> {
        let Some(keys) = attestation.get_mut("symmetricKey").and_then(Value::as_object_mut) else {
            return Err(Failure::usage("this enrollment has no symmetric keys"));
        };
        set_key(keys, "primaryKey", self.primary_key.as_ref());
        set_key(keys, "secondaryKey", self.secondary_key.as_ref());
        Ok(())
    }

    fn update_x509(
        &self,
        attestation: &mut Value,
        holder: Holder,
        remove: RemoveArguments,
    ) -> Result<(), Failure> {
        let by_name = self.root_ca_name.is_some() || self.secondary_root_ca_name.is_some();
        let by_file = self.certificate_path.is_some() || self.secondary_certificate_path.is_some();
        if by_name && by_file {
            return Err(Failure::usage("give either certificate files or CA names"));
        }
        let old = attestation.get("x509");
        let is_by_name = old
            .and_then(|x509| x509.get("caReferences"))
            .is_some_and(Value::is_object);
        let member = if by_name || (is_by_name && !by_file) {
            "caReferences"
        } else {
            holder.certificates()
        };
        let kept = old.and_then(|x509| x509.get(member)).and_then(Value::as_object);
        let mut slots = kept.cloned().unwrap_or_default();
        if remove.remove_certificate {
            slots.insert("primary".to_owned(), Value::Null);
        }
        if remove.remove_secondary_certificate {
            slots.insert("secondary".to_owned(), Value::Null);
        }
        slots.extend(self.slots()?);
        if slots.values().all(Value::is_null) {
            return Err(Failure::usage(
                "an X.509 enrollment needs one certificate at least",
            ));
        }
        *attestation = json!({ "type": "x509", "x509": { member: slots } });
        Ok(())
    }

    fn symmetric(&self) -> Value {
        let mut keys = Map::new();
        set_key(&mut keys, "primaryKey", self.primary_key.as_ref());
        set_key(&mut keys, "secondaryKey", self.secondary_key.as_ref());
        if keys.is_empty() {
            json!({ "type": "symmetricKey" })
        } else {
            json!({ "type": "symmetricKey", "symmetricKey": keys })
        }
    }

    fn x509(&self, holder: Holder) -> Result<Value, Failure> {
        let by_name = self.root_ca_name.is_some() || self.secondary_root_ca_name.is_some();
        let by_file = self.certificate_path.is_some() || self.secondary_certificate_path.is_some();
        if by_name && by_file {
            return Err(Failure::usage("give either certificate files or CA names"));
        }
        let member = if by_name {
            "caReferences"
        } else {
            holder.certificates()
        };
        Ok(json!({ "type": "x509", "x509": { member: self.slots()? } }))
    }

    /// `primary` and `secondary` as far as they were given.
    fn slots(&self) -> Result<Map<String, Value>, Failure> {
        let primary = slot(self.certificate_path.as_deref(), self.root_ca_name.as_deref())?;
        let secondary = slot(
            self.secondary_certificate_path.as_deref(),
            self.secondary_root_ca_name.as_deref(),
        )?;
        let named = [("primary", primary), ("secondary", secondary)];
        let given = named
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)));
        Ok(given.collect())
    }

    fn names_x509(&self) -> bool {
        self.certificate_path.is_some()
            || self.secondary_certificate_path.is_some()
            || self.root_ca_name.is_some()
            || self.secondary_root_ca_name.is_some()
    }

    fn names_keys(&self) -> bool {
        self.primary_key.is_some() || self.secondary_key.is_some()
    }
}

impl RemoveArguments {
    fn any(self) -> bool {
        self.remove_certificate || self.remove_secondary_certificate
    }
}

fn slot(path: Option<&Path>, name: Option<&str>) -> Result<Option<Value>, Failure> {
    match (path, name) {
        (Some(path), _) => Ok(Some(json!({ "certificate": certificate(path)? }))),
        (None, Some(name)) => Ok(Some(json!(name))),
        (None, None) => Ok(None),
    }
}

fn set_key(keys: &mut Map<String, Value>, name: &str, key: Option<&SymmetricKey>) {
    if let Some(key) = key {
        keys.insert(name.to_owned(), json!(key.to_base64()));
    }
}

#[cfg(test)]
mod tests;
