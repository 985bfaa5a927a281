use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::JobName;
use super::following::follow;
use crate::cli::input::{json as any_json, json_object};
use crate::cli::{Context, Failure};

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    job: JobName,
    /// What is done
    #[arg(long, visible_alias = "jt", value_name = "TYPE")]
    job_type: JobType,
    /// Which devices: the WHERE part of a query, `*` for all
    #[arg(long, short, value_name = "CONDITION")]
    query_condition: String,
    /// Patch with `tags` and `properties.desired`: JSON or a file
    #[arg(long, visible_alias = "patch", value_name = "JSON")]
    twin_patch: Option<String>,
    /// Name of the method
    #[arg(long, visible_alias = "mn", value_name = "NAME")]
    method_name: Option<String>,
    /// Payload of the method: JSON or a file
    #[arg(long, visible_alias = "mp", value_name = "JSON", default_value = "null")]
    method_payload: String,
    /// Seconds a device may take to connect, up to 300
    #[arg(
        long,
        visible_alias = "mct",
        default_value_t = 30,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(0..=300)
    )]
    method_connect_timeout: u32,
    /// Seconds a device may take to answer, 5 to 300
    #[arg(
        long,
        visible_alias = "mrt",
        default_value_t = 30,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(5..=300)
    )]
    method_response_timeout: u32,
    /// When it begins, as 2026-12-31T20:00:00Z [default: now]
    #[arg(long, visible_alias = "start", value_name = "TIME")]
    start_time: Option<String>,
    /// Seconds it may take
    #[arg(long, default_value_t = 3600, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    ttl: u32,
    /// Wait until it has ended
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum JobType {
    /// Merge a patch into twins
    #[value(name = "scheduleUpdateTwin")]
    UpdateTwin,
    /// Call a method
    #[value(name = "scheduleDeviceMethod")]
    DeviceMethod,
}

impl CreateArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let body = self.body()?;
        let mut client = self.job.hub.client(context).await?;
        let taken_in = client.put(&self.job.path(), &body, None).await?;
        if !self.wait {
            return Ok(context.output.document(&taken_in)?);
        }
        let ended = follow(&mut client, &self.job).await?;
        context.output.document(&ended)?;
        match ended.get("status").and_then(Value::as_str) {
            Some("completed") => Ok(()),
            status => Err(Failure::Incomplete(format!(
                "the job is {}",
                status.unwrap_or("not completed")
            ))),
        }
    }

    fn body(&self) -> Result<Value, Failure> {
        let mut body = Map::new();
        let mut add = |name: &str, value: Value| body.insert(name.to_owned(), value);
        add("jobId", json!(self.job.job_id));
        add("queryCondition", json!(self.query_condition));
        add("maxExecutionTimeInSeconds", json!(self.ttl));
        if let Some(start) = &self.start_time {
            add("startTime", json!(start));
        }
        match self.job_type {
            JobType::UpdateTwin => {
                let patch = self.twin_patch.as_deref();
                let patch = patch.ok_or_else(|| Failure::usage("scheduleUpdateTwin needs --twin-patch"))?;
                let mut twin = json_object("--twin-patch", patch)?;
                twin.entry("etag").or_insert_with(|| json!("*"));
                add("type", json!("scheduleUpdateTwin"));
                add("updateTwin", twin.into());
            }
            JobType::DeviceMethod => {
                let name = self.method_name.as_deref();
                let name = name.ok_or_else(|| Failure::usage("scheduleDeviceMethod needs --method-name"))?;
                add("type", json!("scheduleDeviceMethod"));
                add(
                    "cloudToDeviceMethod",
                    json!({
                        "methodName": name,
                        "payload": any_json("--method-payload", &self.method_payload)?,
                        "responseTimeoutInSeconds": self.method_response_timeout,
                        "connectTimeoutInSeconds": self.method_connect_timeout,
                    }),
                );
            }
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
        arguments: CreateArguments,
    }

    fn body(line: &[&str]) -> Result<Value, Failure> {
        Line::parse_from([&["x", "--job-id", "j1", "-q", "*"], line].concat())
            .arguments
            .body()
    }

    #[test]
    fn a_twin_job_takes_whatever_is_there() {
        let made = body(&[
            "--job-type",
            "scheduleUpdateTwin",
            "--twin-patch",
            r#"{"tags":{"a":1}}"#,
        ])
        .unwrap();
        assert_eq!(made["updateTwin"], json!({"etag": "*", "tags": {"a": 1}}));
        assert_eq!(made["maxExecutionTimeInSeconds"], 3600);
        assert!(matches!(
            body(&["--job-type", "scheduleUpdateTwin"]),
            Err(Failure::Usage(_))
        ));
    }

    #[test]
    fn a_method_job_has_both_times() {
        let flags = [
            "--job-type",
            "scheduleDeviceMethod",
            "--mn",
            "m",
            "--mp",
            "[1]",
            "--ttl",
            "60",
            "--mct",
            "0",
        ];
        assert_eq!(
            body(&flags).unwrap(),
            json!({"jobId": "j1", "queryCondition": "*", "maxExecutionTimeInSeconds": 60, "type": "scheduleDeviceMethod",
                "cloudToDeviceMethod": {"methodName": "m", "payload": [1], "responseTimeoutInSeconds": 30,
                    "connectTimeoutInSeconds": 0}})
        );
        assert!(matches!(
            body(&["--job-type", "scheduleDeviceMethod"]),
            Err(Failure::Usage(_))
        ));
    }
}
