use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::input::read_text;
use crate::cli::{Context, Failure, OWN_API_VERSION};
use crate::client::ClientError;
use crate::output::Column;

const COLUMNS: [Column; 5] = [
    Column::new("name", "/name"),
    Column::new("host", "/host"),
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
    Ok(context.output.documents(items, &COLUMNS)?)
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
