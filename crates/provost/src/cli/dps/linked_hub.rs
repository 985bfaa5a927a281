use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::DpsName;
use crate::cli::input::segment;
use crate::cli::{Context, Failure, OWN_API_VERSION};
use crate::client::{ApiClient, ClientError};
use crate::output::Column;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LinkedHubVerb {
    /// List the linked hubs
    #[command(after_help = "Example:\n  provost dps linked-hub list --output table")]
    List(DpsName),
    /// Link a hub, or change its link, so that devices can be assigned to it
    #[command(
        after_help = "Example:\n  provost hub create --name hub-b\n  provost dps linked-hub create --hub-name hub-b --apply-allocation-policy false"
    )]
    Create(CreateArguments),
    /// Take a link away; devices that were assigned to the hub stay there
    #[command(
        after_help = "Example:\n  provost hub create --name hub-c\n  provost dps linked-hub create --hub-name hub-c\n  \
        provost dps linked-hub delete --hub-name hub-c"
    )]
    Delete(HubArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct HubArguments {
    /// Name of the hub
    #[arg(long, visible_aliases = ["hn", "linked-hub"], value_name = "NAME")]
    hub_name: String,
    #[command(flatten)]
    dps: DpsName,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    hub: HubArguments,
    /// Whether the allocation policy may choose it; false leaves it to enrollments that name it
    #[arg(
        long,
        visible_alias = "aap",
        default_value_t = true,
        action = clap::ArgAction::Set,
        value_name = "true|false"
    )]
    apply_allocation_policy: bool,
    /// Its share of the devices, 0 to 1000
    #[arg(
        long,
        visible_alias = "aw",
        default_value_t = 1,
        value_name = "WEIGHT",
        value_parser = clap::value_parser!(u32).range(0..=1000)
    )]
    allocation_weight: u32,
}

const COLUMNS: [Column; 4] = [
    Column::new("name", "/name"),
    Column::new("host", "/host"),
    Column::new("chosen by policy", "/applyAllocationPolicy"),
    Column::new("weight", "/allocationWeight"),
];

impl LinkedHubVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(dps) => {
                let (mut client, path) = open(&dps, context)?;
                let answer = client.get(&path).await?;
                let items = answer.get("value").and_then(Value::as_array);
                let items = items.ok_or(ClientError::Unexpected("no list in the answer"))?;
                Ok(context.output.documents(items, &COLUMNS)?)
            }
            Self::Create(arguments) => {
                let (mut client, path) = open(&arguments.hub.dps, context)?;
                let path = format!("{path}/{}", segment(&arguments.hub.hub_name));
                let made = client.put(&path, &arguments.body(), None).await?;
                Ok(context.output.document(&made)?)
            }
            Self::Delete(hub) => {
                let (mut client, path) = open(&hub.dps, context)?;
                let path = format!("{path}/{}", segment(&hub.hub_name));
                Ok(client.delete(&path, None).await?)
            }
        }
    }
}

/// Requests outside of Azure's contracts, and the path of the links there.
fn open(dps: &DpsName, context: &Context) -> Result<(ApiClient, String), ClientError> {
    let name = dps.instance(context)?.name;
    let client = context.locator.management(OWN_API_VERSION)?;
    Ok((client, format!("/provost/dps/{}/linkedHubs", segment(&name))))
}

impl CreateArguments {
    fn body(&self) -> Value {
        json!({
            "applyAllocationPolicy": self.apply_allocation_policy,
            "allocationWeight": self.allocation_weight,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        verb: LinkedHubVerb,
    }

    #[test]
    fn a_link_has_weight_one_unless_told() {
        for (line, apply, weight) in [
            ("x create --hub-name hub2", true, 1),
            ("x create --hub-name hub2 --aap false --aw 20", false, 20),
        ] {
            let LinkedHubVerb::Create(arguments) = Line::parse_from(line.split(' ')).verb else {
                panic!("another verb")
            };
            let body = json!({"applyAllocationPolicy": apply, "allocationWeight": weight});
            assert_eq!(arguments.body(), body);
        }
        assert!(Line::try_parse_from("x create --hub-name h --aw 1001".split(' ')).is_err());
    }
}
