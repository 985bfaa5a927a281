use clap::Args;
use provost_model::{FailureLimit, Pace};
use serde_json::{Map, Value, json};

use super::Runs;
use super::following::{Followed, show_ended};
use crate::cli::hub::HubName;
use crate::cli::input::json as any_json;
use crate::cli::{Context, Failure};
use crate::output::{confirmed, say};

/// `provost fleet reprovision`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(in crate::cli) struct ReprovisionArguments {
    #[command(flatten)]
    hub: HubName,
    /// Which devices: the WHERE part of a query, `*` for all
    #[arg(long, short, value_name = "CONDITION")]
    query: String,
    /// Method that makes a device register anew
    #[arg(
        long,
        visible_alias = "mn",
        value_name = "NAME",
        default_value = "reprovision"
    )]
    method: String,
    /// Payload of the method: JSON or a file
    #[arg(long, visible_alias = "mp", value_name = "JSON", default_value = "null")]
    method_payload: String,
    /// How often a device is called: 50/s, 3000/min, 100/h
    #[arg(long, value_name = "PACE", default_value = "50/s", value_parser = pace)]
    pace: Pace,
    /// Pause when more than this share of the devices called, or this number, failed or did not return
    #[arg(long, value_name = "5%|N", value_parser = limit)]
    pause_on_failure: Option<FailureLimit>,
    /// At most so many devices called or away at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    at_most_away: Option<u32>,
    /// Seconds from its answer until a device must be back
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..))]
    return_within: u32,
    /// Seconds a device is waited for that is not connected at its turn
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    connect_within: u32,
    /// Seconds a device may take to answer, 5 to 300
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(5..=300)
    )]
    response_timeout: u32,
    /// A device is back although its certificate is the one it had. Devices with keys always are: their
    /// keys do not change
    #[arg(long)]
    accept_same_credential: bool,
    /// Name of the run [default: chosen by the server]
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    /// Only count whom it would call
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until the devices are back
    #[arg(long)]
    no_wait: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl ReprovisionArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let body = self.body()?;
        let mut runs = Runs::of(&self.hub, context).await?;
        let mut dry = body.clone();
        dry.insert("dryRun".to_owned(), json!(true));
        if self.dry_run {
            let forecast = runs.post("", &Value::Object(dry)).await?;
            return Ok(context.output.document(&forecast)?);
        }
        if !self.yes {
            let forecast = runs.post("", &Value::Object(dry)).await?;
            let count = |name: &str| forecast.get(name).and_then(Value::as_u64).unwrap_or(0);
            let question = format!(
                "call `{}` of {} devices, {} of them connected?",
                self.method,
                count("devices"),
                count("connected")
            );
            if !confirmed(&question)? {
                return Err(Failure::usage("nothing was done; --yes does it without asking"));
            }
        }
        let made = runs.post("", &Value::Object(body)).await?;
        let id = made
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if self.no_wait {
            return Ok(context.output.document(&made)?);
        }
        say(&format!("run {id}"));
        match runs.follow(&id).await? {
            Followed::Ended(run) => show_ended(&mut runs, &run, context).await,
            Followed::Left => Err(Failure::Incomplete("the run goes on".to_owned())),
        }
    }

    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let payload = any_json("--method-payload", &self.method_payload)?;
        let body = json!({
            "id": self.id,
            "query": self.query,
            "method": self.method,
            "payload": payload,
            "pace": self.pace.to_string(),
            "pauseOnFailure": self.pause_on_failure.map(|limit| limit.to_string()),
            "atMostAway": self.at_most_away,
            "returnWithinSeconds": self.return_within,
            "connectWithinSeconds": self.connect_within,
            "responseTimeoutInSeconds": self.response_timeout,
            "acceptSameCredential": self.accept_same_credential,
        });
        match body {
            Value::Object(body) => Ok(body),
            _ => Ok(Map::new()),
        }
    }
}

fn pace(text: &str) -> Result<Pace, String> {
    Pace::parse(text).map_err(|error| error.to_string())
}

fn limit(text: &str) -> Result<FailureLimit, String> {
    FailureLimit::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: ReprovisionArguments,
    }

    #[test]
    fn the_body_says_what_the_flags_say() {
        let line =
            "x -q * --pace 3000/min --pause-on-failure 5% --mp [1] --return-within 60 --at-most-away 9";
        let body = Line::parse_from(line.split(' ')).arguments.body().unwrap();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (text("method"), text("pace"), text("pauseOnFailure")),
            ("reprovision".into(), "3000/min".into(), "5%".into())
        );
        assert_eq!(
            (
                &body["payload"],
                &body["returnWithinSeconds"],
                &body["atMostAway"]
            ),
            (&json!([1]), &json!(60), &json!(9))
        );
        assert!(Line::try_parse_from("x -q * --pace fast".split(' ')).is_err());
        assert!(Line::try_parse_from("x -q * --pause-on-failure 200%".split(' ')).is_err());
    }
}
