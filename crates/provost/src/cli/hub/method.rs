use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::DeviceName;
use crate::cli::input::{json, segment};
use crate::cli::{Context, Failure};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum MethodVerb {
    /// Call a method of a connected device and print what it answers
    #[command(after_help = "Example, while the device of the quickstart is running:\n  \
        provost hub method invoke --device-id press-0001 --mn reboot --mp '{\"delay\":5}'")]
    Invoke(InvokeArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct InvokeArguments {
    #[command(flatten)]
    device: DeviceName,
    /// Call a module of the device instead
    #[arg(long, short, value_name = "ID")]
    module_id: Option<String>,
    /// Name of the method
    #[arg(long, visible_alias = "mn", value_name = "NAME")]
    method_name: String,
    /// Payload: JSON or a file
    #[arg(long, visible_alias = "mp", value_name = "JSON", default_value = "null")]
    method_payload: String,
    /// Seconds the device may take to answer, 5 to 300
    #[arg(
        long,
        visible_aliases = ["to", "response-timeout"],
        default_value_t = 30,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(5..=300)
    )]
    timeout: u32,
    /// Seconds to wait for the device to connect, up to 300
    #[arg(
        long,
        default_value_t = 0,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(0..=300)
    )]
    connect_timeout: u32,
}

impl MethodVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Self::Invoke(arguments) = self;
        let body = arguments.body()?;
        let mut client = arguments.device.hub.client(context).await?;
        client.set_timeout(arguments.patience());
        let path = arguments.path();
        let answer = client.post(&path, &body, None).await?;
        Ok(context.output.document(&answer)?)
    }
}

impl InvokeArguments {
    fn path(&self) -> String {
        let device = self.device.path("twins");
        match &self.module_id {
            Some(module_id) => format!("{device}/modules/{}/methods", segment(module_id)),
            None => format!("{device}/methods"),
        }
    }

    /// The hub answers within both times; the rest is for the way.
    fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout) + u64::from(self.connect_timeout) + 15)
    }

    fn body(&self) -> Result<Value, Failure> {
        Ok(json!({
            "methodName": self.method_name,
            "payload": json("--method-payload", &self.method_payload)?,
            "responseTimeoutInSeconds": self.timeout,
            "connectTimeoutInSeconds": self.connect_timeout,
        }))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        verb: MethodVerb,
    }

    #[test]
    fn a_module_is_called_below_its_device() {
        let path = |line: &str| {
            let MethodVerb::Invoke(arguments) = Line::parse_from(line.split(' ')).verb;
            arguments.path()
        };
        assert_eq!(path("x invoke -d press-1 --mn reboot"), "/twins/press-1/methods");
        assert_eq!(
            path("x invoke -d press-1 -m $cam --mn reboot"),
            "/twins/press-1/modules/%24cam/methods"
        );
    }

    #[test]
    fn any_json_is_a_payload() {
        let line = "x invoke -d press-1 --mn reboot --mp [1,2] --to 60 --connect-timeout 5";
        let MethodVerb::Invoke(arguments) = Line::parse_from(line.split(' ')).verb;
        assert_eq!(
            arguments.body().unwrap(),
            json!({"methodName": "reboot", "payload": [1, 2],
                "responseTimeoutInSeconds": 60, "connectTimeoutInSeconds": 5})
        );
        let line = Line::try_parse_from("x invoke -d press-1 --mn reboot --to 301".split(' '));
        assert!(line.is_err());
    }
}
