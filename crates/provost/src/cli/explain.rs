//! `provost explain`.

use std::path::PathBuf;

use clap::Args;
use provost_wire::own::{ExplainedEntry, Explanation};
use serde_json::{Map, Value};

use super::dps::DpsName;
use super::input::read_text;
use super::{Context, Failure};
use crate::client::ClientError;
use crate::output::Format;

/// Say why a device is refused, or what would become of it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  provost explain --registration-id press-1")]
pub(super) struct ExplainArguments {
    /// Tracking id from the device's error or log
    #[arg(
        long,
        value_name = "ID",
        required_unless_present_any = ["registration_id", "certificate"],
        conflicts_with_all = ["registration_id", "certificate"]
    )]
    tracking_id: Option<String>,
    /// Registration ID of the device [default: the common name of its certificate]
    #[arg(long, visible_alias = "rid", value_name = "ID")]
    registration_id: Option<String>,
    /// Certificates the device sends: PEM, its own first
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    #[command(flatten)]
    dps: DpsName,
}

impl ExplainArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.dps.client(context)?;
        let answer = client.post("/provost/explain", &self.body()?, None).await?;
        match context.output.format() {
            Format::Json => Ok(context.output.document(&answer)?),
            Format::Table => {
                let explanation: Explanation = serde_json::from_value(answer)
                    .map_err(|_| ClientError::Unexpected("an explanation that cannot be read"))?;
                Ok(context.output.line(&in_words(&explanation))?)
            }
        }
    }

    fn body(&self) -> Result<Value, Failure> {
        let mut body = Map::new();
        let mut add = |name: &str, text: String| body.insert(name.to_owned(), Value::String(text));
        if let Some(id) = &self.tracking_id {
            add("trackingId", id.clone());
        }
        if let Some(id) = &self.registration_id {
            add("registrationId", id.clone());
        }
        if let Some(path) = &self.certificate {
            add("certificates", read_text(path)?);
        }
        Ok(Value::Object(body))
    }
}

/// The explanation as an operator reads it.
fn in_words(explanation: &Explanation) -> String {
    let outcome = serde_json::to_value(explanation.outcome).unwrap_or_default();
    let outcome = outcome.as_str().unwrap_or_default();
    let mut lines = vec![format!(
        "{} is {outcome}: {}",
        explanation.registration_id, explanation.because
    )];
    lines.push(format!("judged at {}", explanation.at));
    if let Some(told) = &explanation.device_is_told {
        lines.push(format!(
            "the device is told {}, {}",
            told.error_code, told.message
        ));
    }
    if let Some(issuer) = &explanation.missing_issuer {
        lines.push(format!("first missing issuer: {issuer}"));
    }
    for (what, entry) in [
        ("decided by", &explanation.entry),
        ("held by", &explanation.held_by),
    ] {
        lines.extend(
            entry
                .as_ref()
                .map(|entry| format!("{what} {}", entry_in_words(entry))),
        );
    }
    for (number, step) in (1..).zip(&explanation.steps) {
        lines.push(format!("{number:>3}. {step}"));
    }
    for certificate in &explanation.chain {
        lines.push(format!(
            "  sent: {}, issued by {}, SHA-256 {}",
            certificate.subject_name, certificate.issuer_name, certificate.sha256_thumbprint
        ));
    }
    for refusal in &explanation.recent_refusals {
        lines.push(format!(
            "  refused at {}, tracking id {}: {}",
            refusal.at, refusal.tracking_id, refusal.because
        ));
    }
    lines.join("\n")
}

fn entry_in_words(entry: &ExplainedEntry) -> String {
    let status = entry.provisioning_status.as_deref().unwrap_or("deleted");
    let etag = entry.etag.as_deref().map(|etag| format!(", etag {etag}"));
    let change = entry
        .last_change
        .as_ref()
        .map(|change| format!(", {} by {} at {}", change.action, change.actor, change.at));
    format!(
        "{} {} ({status}{}{})",
        entry.kind,
        entry.id,
        etag.unwrap_or_default(),
        change.unwrap_or_default()
    )
}
