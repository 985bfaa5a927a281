//! `provost hub consumer-group`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::HubName;
use crate::cli::input::segment;
use crate::cli::{Context, Failure, OWN_API_VERSION};
use crate::client::{ApiClient, ClientError};
use crate::output::Column;

const COLUMNS: [Column; 2] = [
    Column::new("name", "/name"),
    Column::new("created", "/createdTimeUtc"),
];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConsumerGroupVerb {
    /// Make a consumer group
    #[command(after_help = "Example:\n  provost hub consumer-group create --name dashboard")]
    Create(GroupName),
    /// List the consumer groups of a hub
    #[command(after_help = "Example:\n  provost hub consumer-group list --output table")]
    List(HubName),
    /// Show a consumer group and how far it came in each partition
    #[command(after_help = "Example:\n  provost hub consumer-group show --name '$Default'")]
    Show(GroupName),
    /// Remove a consumer group and what it remembers
    #[command(after_help = "Example:\n  provost hub consumer-group create --name old\n  \
        provost hub consumer-group delete --name old")]
    Delete(GroupName),
}

/// Which group of which hub.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct GroupName {
    /// Name of the consumer group
    #[arg(long, short, value_name = "NAME")]
    name: String,
    #[command(flatten)]
    hub: HubName,
}

impl GroupName {
    async fn client(&self, context: &Context) -> Result<(ApiClient, String), ClientError> {
        let (client, groups) = groups(&self.hub, context).await?;
        Ok((client, format!("{groups}/{}", segment(&self.name))))
    }
}

impl ConsumerGroupVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(group) => {
                let (mut client, path) = group.client(context).await?;
                let made = client.put(&path, &json!({}), None).await?;
                Ok(context.output.document(&made)?)
            }
            Self::List(hub) => {
                let (mut client, path) = groups(&hub, context).await?;
                let groups = client.get(&path).await?;
                let Some(Value::Array(groups)) = groups.get("value") else {
                    return Err(ClientError::Unexpected("no list in the answer").into());
                };
                Ok(context.output.documents(groups, &COLUMNS)?)
            }
            Self::Show(group) => {
                let (mut client, path) = group.client(context).await?;
                let shown = client.get(&path).await?;
                Ok(context.output.document(&shown)?)
            }
            Self::Delete(group) => {
                let (mut client, path) = group.client(context).await?;
                Ok(client.delete(&path, None).await?)
            }
        }
    }
}

async fn groups(hub: &HubName, context: &Context) -> Result<(ApiClient, String), ClientError> {
    let hub = hub.instance(context).await?;
    let client = context.locator.client(&hub, OWN_API_VERSION)?;
    Ok((
        client,
        format!("/provost/hubs/{}/consumerGroups", segment(&hub.name)),
    ))
}
