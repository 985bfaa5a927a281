//! The link between a hub or a provisioning service and a namespace (certificate-management.md 1.7, 1.8).

use clap::Args;
use provost_wire::arm::registry::NamespaceId;
use serde_json::json;

use super::Owner;
use crate::cli::{Context, Failure, OWN_API_VERSION};

/// Which namespace, or none.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct NamespaceLinkFlags {
    /// Link it to this namespace: its name or its resource ID
    #[arg(long, visible_aliases = ["ns", "ns-resource-id"], value_name = "NAME")]
    namespace: Option<String>,
    /// Link it to none
    #[arg(long)]
    no_namespace: bool,
}

/// `provost hub update`, `provost dps update`.
#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateArguments<O: Owner> {
    #[command(flatten)]
    owner: O,
    #[command(flatten)]
    link: NamespaceLinkFlags,
}

impl<O: Owner> UpdateArguments<O> {
    /// Changes the link and prints it.
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<(), Failure> {
        let path = format!("{}/namespace", self.owner.own_path(context).await?);
        let mut client = context.locator.management(OWN_API_VERSION)?;
        match self.link.namespace {
            Some(text) => {
                let NamespaceId(name) = NamespaceId::parse(&text)
                    .map_err(|error| Failure::usage(format!("--namespace: {error}")))?;
                let body = json!({ "namespace": name.as_str() });
                client.put(&path, &body, None).await?;
            }
            None => client.delete(&path, None).await?,
        }
        Ok(context.output.document(&client.get(&path).await?)?)
    }
}
