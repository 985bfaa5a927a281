use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::HubName;
use crate::cli::input::{confirm, read_text, segment};
use crate::cli::{Context, Failure, OWN_API_VERSION};
use crate::client::ClientError;
use crate::output::Column;

const COLUMNS: [Column; 8] = [
    Column::new("name", "/name"),
    Column::new("host", "/host"),
    Column::new("devices", "/devices"),
    Column::new("connected", "/connected"),
    Column::new("links", "/links"),
    Column::new("elsewhere", "/remote/health/state"),
    Column::new("since", "/remote/health/sinceUtc"),
    Column::new("error", "/remote/health/error"),
];

/// `provost hub create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    /// Name of the new hub
    #[arg(long, short)]
    name: String,
    /// Host name devices reach it by [default: chosen by the server]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Connection string of a hub elsewhere, Azure's or another server's; its policy must be allowed to
    /// write the registry and twins. Given again, it replaces the one before
    #[arg(long, value_name = "TEXT", conflicts_with = "host")]
    connection_string: Option<String>,
    /// Authorities the certificate of a hub elsewhere may come from, PEM [default: the public ones]
    #[arg(long, value_name = "FILE", requires = "connection_string")]
    ca: Option<PathBuf>,
}

/// `provost hub list`.
pub(super) async fn list(context: &Context) -> Result<(), Failure> {
    let mut client = context.locator.management(OWN_API_VERSION)?;
    let answer = client.get("/provost/hubs").await?;
    let items = answer.get("value").and_then(Value::as_array);
    let items = items.ok_or(ClientError::Unexpected("no list in the answer"))?;
    let mut hubs = Vec::with_capacity(items.len());
    for item in items {
        let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
        hubs.push(client.get(&format!("/provost/hubs/{}", segment(name))).await?);
    }
    Ok(context.output.documents(&hubs, &COLUMNS)?)
}

/// `provost hub show`.
pub(super) async fn show(hub: &HubName, context: &Context) -> Result<(), Failure> {
    let name = hub.instance(context).await?.name;
    let mut client = context.locator.management(OWN_API_VERSION)?;
    let found = client.get(&format!("/provost/hubs/{}", segment(&name))).await?;
    Ok(context.output.document(&found)?)
}

/// `provost hub delete`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    /// Name of the hub
    #[arg(long = "hub-name", short = 'n', visible_aliases = ["name", "hn"], value_name = "NAME")]
    name: String,
    /// Also when it has devices; they go with it
    #[arg(long)]
    force: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl DeleteArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        if !self.yes {
            confirm(&format!("Delete hub {}?", self.name))?;
        }
        let mut client = context.locator.management(OWN_API_VERSION)?;
        let path = format!("/provost/hubs/{}?force={}", segment(&self.name), self.force);
        client.delete(&path, None).await?;
        let is_it = |name: &str| name.eq_ignore_ascii_case(&self.name);
        let locator = &context.locator;
        locator
            .file_follows(|file| !file.hubs.iter().any(|hub| is_it(&hub.name)))
            .await;
        Ok(())
    }
}

impl CreateArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = context.locator.management(OWN_API_VERSION)?;
        let ca = self.ca.as_deref().map(read_text).transpose()?;
        let body = json!({
            "name": self.name,
            "host": self.host,
            "connectionString": self.connection_string,
            "ca": ca,
        });
        let made = client.post("/provost/hubs", &body, None).await?;
        Ok(context.output.document(&made)?)
    }
}
