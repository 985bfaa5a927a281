use clap::Args;
use serde_json::{Value, json};

use super::DpsName;
use crate::cli::input::{confirm, segment};
use crate::cli::owner::Owner;
use crate::cli::{Context, Failure, OWN_API_VERSION};
use crate::client::ClientError;
use crate::output::{Column, warn};

const COLUMNS: [Column; 7] = [
    Column::new("name", "/name"),
    Column::new("ID scope", "/idScope"),
    Column::new("host", "/host"),
    Column::new("linked hubs", "/linkedHubs"),
    Column::new("enrollments", "/enrollments"),
    Column::new("groups", "/enrollmentGroups"),
    Column::new("registrations", "/registrations"),
];

/// `provost dps create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    /// Name of the new provisioning service
    #[arg(long, short)]
    name: String,
    /// Host name of its service API [default: chosen by the server]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// How devices are allocated whose enrollment does not say: hashed, geolatency or static
    #[arg(long, value_name = "POLICY", default_value = "hashed")]
    allocation_policy: String,
}

/// `provost dps delete`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    /// Name of the provisioning service
    #[arg(long = "dps-name", short = 'n', visible_alias = "name", value_name = "NAME")]
    name: String,
    /// Also when it has enrollments or registration records; they go with it
    #[arg(long)]
    force: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// `provost dps show`.
pub(super) async fn show(name: &DpsName, context: &Context) -> Result<(), Failure> {
    let (mut client, path) = name.management(context).await?;
    Ok(context.output.document(&client.get(&path).await?)?)
}

/// `provost dps list`.
pub(super) async fn list(context: &Context) -> Result<(), Failure> {
    let mut client = context.locator.management(OWN_API_VERSION)?;
    let answer = client.get("/provost/dps").await?;
    let items = answer.get("value").and_then(Value::as_array);
    let items = items.ok_or(ClientError::Unexpected("no list in the answer"))?;
    Ok(context.output.documents(items, &COLUMNS)?)
}

impl CreateArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = context.locator.management(OWN_API_VERSION)?;
        let body = json!({
            "name": self.name,
            "host": self.host,
            "allocationPolicy": self.allocation_policy,
        });
        let made = client.post("/provost/dps", &body, None).await?;
        let locator = &context.locator;
        let is_it = |name: &str| name.eq_ignore_ascii_case(&self.name);
        locator
            .file_follows(|file| file.dps.iter().any(|dps| is_it(&dps.name)))
            .await;
        let host = made.get("host").and_then(Value::as_str).unwrap_or_default();
        if !locator.host_is_served(host).await {
            warn(&format!("the certificate of the server does not name {host}"));
        }
        Ok(context.output.document(&made)?)
    }
}

impl DeleteArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        if !self.yes {
            confirm(&format!("Delete provisioning service {}?", self.name))?;
        }
        let mut client = context.locator.management(OWN_API_VERSION)?;
        let path = format!("/provost/dps/{}?force={}", segment(&self.name), self.force);
        client.delete(&path, None).await?;
        let locator = &context.locator;
        let is_it = |name: &str| name.eq_ignore_ascii_case(&self.name);
        locator
            .file_follows(|file| !file.dps.iter().any(|dps| is_it(&dps.name)))
            .await;
        Ok(())
    }
}
