use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use provost_device::http::Method;
use provost_model::registry::RevocationReason;
use serde_json::{Value, json};

use super::device::reason;
use super::registry::Registry;
use super::{Confirmation, NamespaceFlag};
use crate::cli::input::confirm;
use crate::cli::{Context, Failure};
use crate::client::ClientError;
use crate::output::{Column, say, warn};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CertificateVerb {
    /// List or search what was issued
    #[command(after_help = "Examples:\n  provost adr namespace create --name plant\n  \
        provost adr certificate list --ns plant\n  \
        provost adr certificate list --ns plant --expiring-within-days 14 --output table")]
    List(ListArguments),
    /// Show one certificate; with --out, write it into a file
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost hub update --namespace plant\n  provost dps update --namespace plant\n  \
        provost adr credential sync --ns plant\n  \
        provost simulate --devices 1 --prefix cell --credential-policy default\n  \
        provost adr certificate show --ns plant --device cell-0000001 --out leaf.pem"
    )]
    Show(ShowArguments),
    /// Put one certificate on its CRL, for those who look there; hubs go by the device alone
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost hub update --namespace plant\n  provost dps update --namespace plant\n  \
        provost adr credential sync --ns plant\n  \
        provost simulate --devices 1 --prefix cell --credential-policy default\n  \
        provost adr certificate revoke --ns plant --device cell-0000001 --reason superseded --yes"
    )]
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    #[command(flatten)]
    namespace: NamespaceFlag,
    /// Those of this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The one with this serial number, hexadecimal
    #[arg(long, value_name = "HEX")]
    serial: Option<String>,
    /// The one with this SHA-1 or SHA-256 thumbprint
    #[arg(long, value_name = "HEX")]
    thumbprint: Option<String>,
    /// Those that expire before this time
    #[arg(long, value_name = "TIME")]
    expires_before: Option<String>,
    /// Those that expire within so many days, the soonest first
    #[arg(long, value_name = "DAYS")]
    expiring_within_days: Option<u32>,
    /// Those this CA signed that are neither revoked nor expired, the soonest to expire first
    #[arg(long, value_name = "CA")]
    standing_of: Option<String>,
    /// At most so many
    #[arg(long, value_name = "COUNT")]
    top: Option<usize>,
}

/// Which certificate.
#[derive(Debug, Args)]
struct Number {
    #[command(flatten)]
    namespace: NamespaceFlag,
    /// Its number, as `list` shows it
    #[arg(long, short, value_name = "NUMBER", required_unless_present = "device")]
    #[expect(clippy::struct_field_names, reason = "what the flag is called")]
    number: Option<u64>,
    /// The latest of this device
    #[arg(long, value_name = "NAME", conflicts_with = "number")]
    device: Option<String>,
}

impl Number {
    /// Where the certificate is.
    async fn below(&self, registry: &mut Registry<'_>) -> Result<String, Failure> {
        if let Some(number) = self.number {
            return Ok(format!("/certificates/{number}"));
        }
        let query = [
            ("device", self.device.clone().unwrap_or_default()),
            ("top", "1".to_owned()),
        ];
        let all = registry.own_list("/certificates", &query, Some(1)).await?;
        let number = all.first().and_then(|latest| latest.get("number")?.as_u64());
        let number = number.ok_or_else(|| Failure::Incomplete("nothing was issued to it".to_owned()))?;
        Ok(format!("/certificates/{number}"))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArguments {
    #[command(flatten)]
    number: Number,
    /// Write the certificate, PEM, instead of showing what is known of it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RevokeArguments {
    #[command(flatten)]
    number: Number,
    /// What the CRL says, a word of RFC 5280 such as keyCompromise
    #[arg(long, default_value = "unspecified", value_parser = reason, value_name = "WORD")]
    reason: RevocationReason,
    #[command(flatten)]
    confirmation: Confirmation,
}

const COLUMNS: [Column; 7] = [
    Column::new("number", "/number"),
    Column::new("device", "/device"),
    Column::new("policy", "/policy"),
    Column::new("state", "/state"),
    Column::new("serial", "/serialNumber"),
    Column::new("expires", "/notAfter"),
    Column::new("revoked", "/revokedAt"),
];

impl CertificateVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(arguments) => {
                let mut registry = arguments.namespace.open(context)?;
                let all = registry
                    .own_list("/certificates", &arguments.query(), arguments.top)
                    .await?;
                registry.table(&all, &COLUMNS)
            }
            Self::Show(arguments) => arguments.run(context).await,
            Self::Revoke(arguments) => {
                let mut registry = arguments.number.namespace.open(context)?;
                if !arguments.confirmation.yes {
                    warn("it stays on the CRL until it has expired; hubs go on admitting its device");
                    confirm("Put it on the CRL?")?;
                }
                let below = format!("{}/revoke", arguments.number.below(&mut registry).await?);
                let body = json!({ "reason": arguments.reason.as_str() });
                let answer = registry.own_begin(Method::POST, &below, Some(&body)).await?;
                registry.show(&answer.body)
            }
        }
    }
}

impl ListArguments {
    fn query(&self) -> Vec<(&'static str, String)> {
        let days = self.expiring_within_days.map(|days| days.to_string());
        let asked = [
            ("device", self.device.clone()),
            ("serial", self.serial.clone()),
            ("thumbprint", self.thumbprint.clone()),
            ("expiresBefore", self.expires_before.clone()),
            ("expiringWithinDays", days),
            ("standingOf", self.standing_of.clone()),
            ("top", self.top.map(|top| top.min(1000).to_string())),
        ];
        let given = asked.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.collect()
    }
}

impl ShowArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut registry = self.number.namespace.open(context)?;
        let below = self.number.below(&mut registry).await?;
        let shown = registry.own_get(&below).await?;
        let Some(file) = self.out else {
            return registry.show(&shown);
        };
        let der = shown
            .get("certificate")
            .and_then(Value::as_str)
            .and_then(|text| STANDARD.decode(text).ok());
        let der = der.ok_or(ClientError::Unexpected("there is no certificate in the answer"))?;
        std::fs::write(&file, provost_model::pem("CERTIFICATE", &der))
            .map_err(|error| Failure::Io(format!("cannot write {}", file.display()), error))?;
        say(&format!("wrote {}", file.display()));
        Ok(())
    }
}
