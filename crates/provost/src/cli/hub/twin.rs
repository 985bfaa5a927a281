use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::DeviceName;
use crate::cli::input::json_object;
use crate::cli::{Context, Failure};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TwinVerb {
    /// Show a twin
    #[command(after_help = "Example:\n  provost simulate --devices 1 --prefix twin\n  \
        provost hub twin show --device-id twin-0000001 --output json")]
    Show(DeviceName),
    /// Merge into tags and desired properties; null removes
    #[command(after_help = "Example:\n  provost simulate --devices 1 --prefix twin\n  \
        provost hub twin update --device-id twin-0000001 --tags '{\"line\":7}' --desired '{\"rate\":2}'")]
    Update(WriteArguments),
    /// Replace tags and desired properties as wholes
    #[command(after_help = "Example:\n  provost simulate --devices 1 --prefix twin\n  \
        provost hub twin replace --device-id twin-0000001 --tags '{}' --desired '{\"rate\":5}'")]
    Replace(WriteArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WriteArguments {
    #[command(flatten)]
    device: DeviceName,
    #[command(flatten)]
    twin: TwinBody,
}

/// What a twin is to hold.
#[derive(Debug, Args)]
pub(super) struct TwinBody {
    /// Tags: JSON or a file
    #[arg(long, value_name = "JSON")]
    tags: Option<String>,
    /// Desired properties: JSON or a file
    #[arg(long, value_name = "JSON")]
    desired: Option<String>,
    /// The whole document with `tags` and `properties.desired`: JSON or a file
    #[arg(long, short, value_name = "JSON", conflicts_with_all = ["tags", "desired"])]
    json: Option<String>,
    /// Only if the twin still has this etag [default: whatever is there]
    #[arg(long, short)]
    etag: Option<String>,
}

impl TwinVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Show(device) => {
                let mut client = device.hub.client(context).await?;
                let twin = client.get(&device.path("twins")).await?;
                Ok(context.output.document(&twin)?)
            }
            Self::Update(arguments) => {
                let body = arguments.twin.body()?;
                let mut client = arguments.device.hub.client(context).await?;
                let path = arguments.device.path("twins");
                let twin = client
                    .patch(&path, &body, Some(arguments.twin.if_match()))
                    .await?;
                Ok(context.output.document(&twin)?)
            }
            Self::Replace(arguments) => {
                let body = arguments.twin.body()?;
                let mut client = arguments.device.hub.client(context).await?;
                let path = arguments.device.path("twins");
                let twin = client.put(&path, &body, Some(arguments.twin.if_match())).await?;
                Ok(context.output.document(&twin)?)
            }
        }
    }
}

impl TwinBody {
    pub(super) fn if_match(&self) -> &str {
        self.etag.as_deref().unwrap_or("*")
    }

    pub(super) fn body(&self) -> Result<Value, Failure> {
        if let Some(whole) = &self.json {
            return json_object("--json", whole).map(Value::Object);
        }
        let mut body = Map::new();
        if let Some(tags) = &self.tags {
            body.insert("tags".to_owned(), Value::Object(json_object("--tags", tags)?));
        }
        if let Some(desired) = &self.desired {
            let desired = json_object("--desired", desired)?;
            body.insert("properties".to_owned(), json!({ "desired": desired }));
        }
        if body.is_empty() {
            return Err(Failure::usage("give --tags, --desired or --json"));
        }
        Ok(Value::Object(body))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: WriteArguments,
    }

    fn body(flags: &[&str]) -> Result<Value, Failure> {
        Line::parse_from([&["x", "-d", "press-1"], flags].concat())
            .arguments
            .twin
            .body()
    }

    #[test]
    fn tags_and_desired_go_into_their_places() {
        assert_eq!(
            body(&["--tags", r#"{"a":1}"#, "--desired", r#"{"b":null}"#]).unwrap(),
            json!({"tags": {"a": 1}, "properties": {"desired": {"b": null}}})
        );
        assert_eq!(
            body(&["--json", r#"{"tags":null}"#]).unwrap(),
            json!({"tags": null})
        );
        assert!(matches!(body(&[]), Err(Failure::Usage(_))));
    }
}
