use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::DpsName;
use crate::cli::input::{certificate, confirm, segment, set};
use crate::cli::{Context, Failure, OWN_API_VERSION};
use crate::client::ApiClient;
use crate::output::{Column, say, warn};

#[derive(Debug, Args)]
pub(in crate::cli) struct DisenrollArguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    act: Act,
    /// Say what would be touched and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    dps: DpsName,
}

#[derive(Debug, Args)]
struct Act {
    /// In the hubs too: identities are ended and live sessions closed; needs the admin token
    #[arg(long)]
    everywhere: bool,
    /// Delete entries and identities instead of disabling them; deleting an entry is no block
    #[arg(long)]
    delete: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// One device
    #[arg(long, visible_alias = "rid", value_name = "ID")]
    registration_id: Option<String>,
    /// Every device of a group
    #[arg(long, visible_aliases = ["gid", "enrollment-group-id"], value_name = "ID")]
    enrollment_group: Option<String>,
    /// Every device of every entry that trusts a certificate: a file, its SHA-256 thumbprint, or the
    /// name of a CA certificate
    #[arg(long, value_name = "NAME|FILE|THUMBPRINT")]
    certificate: Option<String>,
}

const COLUMNS: [Column; 5] = [
    Column::new("kind", "/kind"),
    Column::new("id", "/id"),
    Column::new("hub", "/hub"),
    Column::new("before", "/before"),
    Column::new("after", "/after"),
];

impl DisenrollArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let name = segment(&self.dps.instance(context)?.name);
        let mut body = self.target.body()?;
        let mut client = if self.act.everywhere {
            context.locator.management(OWN_API_VERSION)?
        } else {
            self.dps.client(context)?
        };
        if self.target.registration_id.is_none() {
            let path = format!("/provost/dps/{name}/blastRadius");
            let radius = self.dps.client(context)?.post(&path, &body, None).await?;
            tell_radius(&radius, self.act.delete);
        }
        self.act.add_to(&mut body);
        let path = format!("/provost/dps/{name}/disenroll");
        if !self.dry_run && !self.yes {
            self.ask(&mut client, &path, &body).await?;
        }
        set(&mut body, "dryRun", json!(self.dry_run));
        let touched = in_batches(&mut client, &path, body).await?;
        Ok(context.output.documents(&touched, &COLUMNS)?)
    }

    /// Shows what a single device's act would touch, and asks.
    async fn ask(&self, client: &mut ApiClient, path: &str, body: &Value) -> Result<(), Failure> {
        if self.target.registration_id.is_some() {
            let mut dry = body.clone();
            set(&mut dry, "dryRun", json!(true));
            let answer = client.post(path, &dry, None).await?;
            for touched in list(&answer, "touched") {
                say(&in_words(touched));
            }
        }
        confirm("Shut out?")
    }
}

impl Act {
    fn add_to(&self, body: &mut Value) {
        let act = if self.delete { "delete" } else { "disable" };
        set(body, "everywhere", json!(self.everywhere));
        set(body, "entry", json!(act));
        set(body, "identity", json!(act));
    }
}

impl Target {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = json!({
            "registrationId": self.registration_id,
            "enrollmentGroupId": self.enrollment_group,
        });
        if let Some(text) = &self.certificate {
            let path = Path::new(text);
            let text = if path.is_file() {
                certificate(path)?
            } else {
                text.clone()
            };
            set(&mut body, "certificate", json!(text));
        }
        Ok(body)
    }
}

/// Repeats the request until nothing is left; everything that was touched.
async fn in_batches(client: &mut ApiClient, path: &str, mut body: Value) -> Result<Vec<Value>, Failure> {
    let mut touched = Vec::new();
    loop {
        let answer = client.post(path, &body, None).await?;
        for text in list(&answer, "warnings").filter_map(Value::as_str) {
            warn(text);
        }
        touched.extend(list(&answer, "touched").cloned());
        match answer.get("continuation") {
            Some(continuation) => set(&mut body, "continuation", continuation.clone()),
            None => return Ok(touched),
        }
        say(&format!("{} touched so far", touched.len()));
    }
}

/// The blast radius in words, on stderr: stdout is for what is done.
fn tell_radius(radius: &Value, delete: bool) {
    let number = |pointer: &str| radius.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    for entry in list(radius, "entries") {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        say(&format!(
            "{} {} ({})",
            text("kind"),
            text("id"),
            text("provisioningStatus")
        ));
    }
    for name in list(radius, "caCertificates").filter_map(Value::as_str) {
        say(&format!("CA certificate {name}"));
    }
    say(&format!(
        "{} devices, {} with a hub identity, {} connected now",
        number("/devices"),
        number("/withIdentity"),
        number("/connected")
    ));
    let below = radius.get("below").map(|below| list(below, "groups"));
    let below: Vec<&str> = below.into_iter().flatten().filter_map(Value::as_str).collect();
    if !below.is_empty() && !delete {
        warn(&format!(
            "{} more devices hang below it by the groups {} and are refused, too; their hub identities stay",
            number("/below/devices"),
            below.join(", ")
        ));
    }
    let own = number("/stillAdmitted/byOwnEnrollment");
    let other = number("/stillAdmitted/byOtherGroupWhenDeleted");
    say(&format!("{own} may come in by an enrollment of their own"));
    if delete && other > 0 {
        warn(&format!(
            "{other} may come in by another group once this is deleted; disabled it would refuse them"
        ));
    }
}

fn in_words(touched: &Value) -> String {
    let text = |name: &str| touched.get(name).and_then(Value::as_str).unwrap_or_default();
    let hub = touched
        .get("hub")
        .and_then(Value::as_str)
        .map_or(String::new(), |hub| format!(" in {hub}"));
    format!(
        "{} {}{hub}: {} to {}",
        text("kind"),
        text("id"),
        text("before"),
        text("after")
    )
}

fn list<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer.get(name).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: DisenrollArguments,
    }

    #[test]
    fn one_target_and_disabling_unless_told() {
        let line = Line::parse_from("x --registration-id press-1 --everywhere".split(' '));
        let mut body = line.arguments.target.body().unwrap();
        line.arguments.act.add_to(&mut body);
        assert_eq!(body["registrationId"], "press-1");
        assert_eq!(
            (&body["everywhere"], &body["entry"]),
            (&json!(true), &json!("disable"))
        );
        let line = Line::parse_from("x --certificate root --delete".split(' '));
        let mut body = line.arguments.target.body().unwrap();
        line.arguments.act.add_to(&mut body);
        assert_eq!(
            (&body["certificate"], &body["identity"]),
            (&json!("root"), &json!("delete"))
        );
        for wrong in ["x", "x --rid a --gid b", "x --everywhere"] {
            assert!(Line::try_parse_from(wrong.split(' ')).is_err(), "{wrong}");
        }
    }
}
