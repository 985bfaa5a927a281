//! The parent's side of a load client, and the figures of one run of it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{CpuTime, busy_seconds};
use crate::protocol::{Attempts, Plan, Report};

/// What a server still does after the last answer, closing connections for example, is its cost too.
const SETTLE: Duration = Duration::from_millis(300);

/// A client process with its devices loaded.
pub(crate) struct Load {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// One load against one server.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) report: Report,
    /// CPU seconds of the server, from "go" until it is at rest again.
    pub(crate) server_cpu: f64,
    /// CPU seconds of the client while it worked.
    pub(crate) client_cpu: f64,
    /// CPU seconds of everything else on the machine while the client worked.
    pub(crate) other_cpu: f64,
}

impl Sample {
    /// Runs a plan against the server process.
    pub(crate) fn take(server: u32, plan: &Plan) -> Result<Self> {
        let mut load = Load::prepare(plan)?;
        let client = load.child.id();
        let (server_before, client_before) = (CpuTime::of(server)?, CpuTime::of(client)?);
        let busy_before = busy_seconds()?;
        let report = load.go()?;
        let busy = busy_seconds()? - busy_before;
        let client_cpu = CpuTime::of(client)?.seconds_since(client_before);
        let server_at_end = CpuTime::of(server)?.seconds_since(server_before);
        let other_cpu = (busy - client_cpu - server_at_end).max(0.0);
        std::thread::sleep(SETTLE);
        let server_cpu = CpuTime::of(server)?.seconds_since(server_before);
        load.finish()?;
        Ok(Self {
            report,
            server_cpu,
            client_cpu,
            other_cpu,
        })
    }

    /// Server CPU microseconds of one device.
    pub(crate) fn server_micros(&self) -> f64 {
        self.server_cpu * 1e6 / f64::from(self.report.done)
    }

    /// Devices per second of wall time.
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(self.report.done) / self.report.wall_seconds
    }
}

impl Load {
    /// Starts the process; returns when it has loaded everything.
    pub(crate) fn prepare(plan: &Plan) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("client")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no output")?);
        let mut load = Self { child, input, output };
        load.say(&serde_json::to_string(plan)?)?;
        let answer = load.hear()?;
        if answer != "ready" {
            bail!("the client said `{answer}` instead of ready");
        }
        Ok(load)
    }

    /// Lets it work; a device that failed fails the benchmark.
    pub(crate) fn go(&mut self) -> Result<Report> {
        self.say("go")?;
        let report: Report = serde_json::from_str(&self.hear()?)?;
        if report.failed > 0 || report.done == 0 {
            bail!(
                "{} of {} devices failed, the first one: {}",
                report.failed,
                report.failed + report.done,
                report.first_failure.unwrap_or_default()
            );
        }
        Ok(report)
    }

    /// Lets a storm loose.
    pub(crate) fn rage(&mut self) -> Result<()> {
        self.say("go")
    }

    /// How far the storm got; a device that was treated as no refused device should be fails the
    /// benchmark.
    pub(crate) fn attempts(&mut self) -> Result<Attempts> {
        self.say("count")?;
        let attempts: Attempts = serde_json::from_str(&self.hear()?)?;
        if attempts.failed > 0 {
            bail!("{} attempts of the storm failed: {attempts:?}", attempts.failed);
        }
        Ok(attempts)
    }

    /// Closes held sessions, ends a storm, and waits for the process.
    pub(crate) fn finish(mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.child.wait()?;
        if status.success() {
            Ok(())
        } else {
            bail!("the client ended with {status}")
        }
    }

    fn say(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().context("the client's input is closed")?;
        Ok(writeln!(input, "{line}")?)
    }

    fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            bail!("the client ended early");
        }
        Ok(line.trim_end().to_owned())
    }
}
