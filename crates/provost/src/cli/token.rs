use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::input::{confirm, segment};
use super::{Context, Failure, OWN_API_VERSION};
use crate::client::ClientError;
use crate::output::Column;

/// `provost token`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provost token\n  provost token create --name build-server --role reader"
)]
pub(super) struct TokenArguments {
    #[command(subcommand)]
    verb: Option<TokenVerb>,
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Make a token and print it; it is shown this once
    #[command(after_help = "Examples:\n  provost token create --name build-server\n  \
        provost token create --name press-shop --namespace plant \\\n    \
        --role contributor --role credentialsContributor")]
    Create(CreateArguments),
    /// List the tokens, without their secrets
    #[command(after_help = "Example:\n  provost token list --output table")]
    List,
    /// Delete every token of a name; their holders are strangers at once
    #[command(after_help = "Example:\n  provost token create --name build-server\n  \
        provost token delete --name build-server --yes")]
    Delete {
        /// Whom they were made for
        #[arg(long, short)]
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct CreateArguments {
    /// Whom it is for, as the audit log will show it
    #[arg(long, short, default_value = "cli-user")]
    name: String,
    /// What it may do: owner, contributor, reader or credentialsContributor; may be given several times
    #[arg(long, default_value = "owner", value_name = "ROLE")]
    role: Vec<String>,
    /// The namespace its roles count in [default: everywhere]
    #[arg(long, visible_alias = "ns", value_name = "NAME")]
    namespace: Option<String>,
}

const COLUMNS: [Column; 4] = [
    Column::new("name", "/name"),
    Column::new("roles", "/roles"),
    Column::new("namespace", "/namespace"),
    Column::new("made", "/createdAtUtc"),
];

impl TokenArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = context.locator.management(OWN_API_VERSION)?;
        let create = CreateArguments {
            name: "cli-user".to_owned(),
            role: vec!["owner".to_owned()],
            namespace: None,
        };
        match self.verb.unwrap_or(TokenVerb::Create(create)) {
            TokenVerb::Create(new) => {
                let body = json!({ "name": new.name, "roles": new.role, "namespace": new.namespace });
                let answer = client.post("/provost/adminTokens", &body, None).await?;
                let token = answer.get("token").and_then(Value::as_str);
                let token = token.ok_or(ClientError::Unexpected("no token in the answer"))?;
                Ok(context.output.text("token", token)?)
            }
            TokenVerb::List => {
                let answer = client.get("/provost/adminTokens").await?;
                let items = answer.get("value").and_then(Value::as_array);
                let items = items.ok_or(ClientError::Unexpected("no list in the answer"))?;
                Ok(context.output.documents(items, &COLUMNS)?)
            }
            TokenVerb::Delete { name, yes } => {
                if !yes {
                    confirm(&format!("Delete the tokens of {name}?"))?;
                }
                let path = format!("/provost/adminTokens/{}", segment(&name));
                Ok(client.delete(&path, None).await?)
            }
        }
    }
}
