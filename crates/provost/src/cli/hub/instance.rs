use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Context, Failure, OWN_API_VERSION};
use crate::client::ClientError;
use crate::output::Column;

const COLUMNS: [Column; 2] = [Column::new("name", "/name"), Column::new("host", "/host")];

/// `provost hub create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    /// Name of the new hub
    #[arg(long, short)]
    name: String,
    /// Host name devices reach it by [default: chosen by the server]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
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
        let body = json!({ "name": self.name, "host": self.host });
        let made = client.post("/provost/hubs", &body, None).await?;
        Ok(context.output.document(&made)?)
    }
}
