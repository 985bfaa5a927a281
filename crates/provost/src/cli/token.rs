use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Context, Failure, OWN_API_VERSION};
use crate::client::ClientError;

/// `provost token`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  provost token\n  provost token create --name build-server")]
pub(super) struct TokenArguments {
    #[command(subcommand)]
    verb: Option<TokenVerb>,
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Make a token and print it; it is shown this once
    #[command(after_help = "Example:\n  provost token create --name build-server")]
    Create {
        /// Who it is for, as the audit log will show it
        #[arg(long, short, default_value = "cli-user")]
        name: String,
    },
}

impl TokenArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let TokenVerb::Create { name } = self.verb.unwrap_or(TokenVerb::Create {
            name: "cli-user".to_owned(),
        });
        let mut client = context.locator.management(OWN_API_VERSION)?;
        let answer = client
            .post("/provost/adminTokens", &json!({ "name": name }), None)
            .await?;
        let token = answer.get("token").and_then(Value::as_str);
        let token = token.ok_or(ClientError::Unexpected("no token in the answer"))?;
        Ok(context.output.text("token", token)?)
    }
}
