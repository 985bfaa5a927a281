use clap::Args;
use serde_json::Value;

use super::HubName;
use crate::cli::{Context, Failure};
use crate::output::Column;

#[derive(Debug, Args)]
pub(in crate::cli) struct QueryArguments {
    #[command(flatten)]
    hub: HubName,
    /// The query: SELECT … FROM devices [WHERE …] [GROUP BY …]
    #[arg(
        long = "query-command",
        visible_alias = "query",
        short = 'q',
        value_name = "QUERY"
    )]
    query: String,
    /// At most so many items [default: all]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
}

/// Of a twin; everything else is in the JSON.
const TWIN: [Column; 5] = [
    Column::new("device", "/deviceId"),
    Column::new("status", "/status"),
    Column::new("connection", "/connectionState"),
    Column::new("last activity", "/lastActivityTime"),
    Column::new("tags", "/tags"),
];

impl QueryArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.hub.client(context).await?;
        let top = self.top.and_then(|top| usize::try_from(top).ok());
        let items = client.query_text("/devices/query", &self.query, top).await?;
        if !items.is_empty() && items.iter().all(is_twin) {
            return Ok(context.output.documents(&items, &TWIN)?);
        }
        Ok(context.output.rows(&items)?)
    }
}

fn is_twin(item: &Value) -> bool {
    item.get("deviceEtag").is_some() && item.get("properties").is_some()
}
