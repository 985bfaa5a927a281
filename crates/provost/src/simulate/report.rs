use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_json::{Map, Value, json};

use super::registering::Registrations;
use super::sending::{Connections, Messages};
use super::statistics::{Latencies, rate};
use super::staying::Stayed;
use crate::cli::Failure;
use crate::output::{Format, Output, rows_table};

/// What is told at the end.
pub(super) struct Report {
    facts: Map<String, Value>,
    failures: BTreeMap<String, usize>,
    hubs: BTreeSet<String>,
}

impl Report {
    /// Begins with the registrations.
    pub(super) fn new(devices: u32, registrations: &Registrations) -> Self {
        let mut report = Self {
            facts: Map::new(),
            failures: BTreeMap::new(),
            hubs: registrations.hubs(),
        };
        let count = registrations.count();
        report.add("devices", json!(devices));
        report.add("registered", json!(count));
        report.add("registrationsPerSecond", json!(rate(count, registrations.took)));
        report.add_latencies("registrationMs", &registrations.latencies_without_pause());
        if registrations.has_paused() {
            report.add_latencies("registrationWithPauseMs", &registrations.latencies());
        }
        report.add_failures("register", &registrations.failures);
        report
    }

    /// Host names of the hubs devices were assigned to.
    pub(super) fn hubs(&self) -> &BTreeSet<String> {
        &self.hubs
    }

    /// Adds the connections to hubs.
    pub(super) fn add_connects(&mut self, connections: &Connections) {
        let count = connections.count();
        self.add("connected", json!(count));
        self.add("connectsPerSecond", json!(rate(count, connections.took)));
        self.add_latencies("connectMs", &connections.latencies());
        self.add_failures("connect", &connections.failures);
    }

    /// Adds the telemetry.
    pub(super) fn add_messages(&mut self, messages: &Messages) {
        if messages.sent > 0 || !messages.failures.is_empty() {
            self.add("messages", json!(messages.sent));
            self.add("messagesPerSecond", json!(rate(messages.sent, messages.took)));
        }
        self.add_failures("send", &messages.failures);
    }

    /// Adds what devices that stayed did.
    pub(super) fn add_stayed(&mut self, stayed: &Stayed) {
        for (name, number) in [
            ("connected", stayed.connected),
            ("produced", stayed.produced),
            ("acknowledged", stayed.acknowledged),
            ("lost", stayed.lost),
            ("reconnects", stayed.reconnects),
            ("reprovisioned", stayed.reprovisioned),
            ("registeredAgain", stayed.registered_again),
            ("renewed", stayed.renewed),
            ("methods", stayed.methods),
            ("desiredChanges", stayed.desired_changes),
            ("cloudToDevice", stayed.cloud_to_device),
        ] {
            self.add(name, json!(number));
        }
        let acknowledged = usize::try_from(stayed.acknowledged).unwrap_or(usize::MAX);
        self.add("messagesPerSecond", json!(rate(acknowledged, stayed.took)));
        self.add("interruptions", json!(stayed.interruptions));
        self.add("missing", json!(stayed.missing));
        let lost = usize::try_from(stayed.lost).unwrap_or(usize::MAX);
        for (reason, count) in [
            ("device is not at its hub", stayed.missing_count),
            ("message without acknowledgement", lost),
        ] {
            if count > 0 {
                self.add_failures("stay", &[(reason.to_owned(), count)].into());
            }
        }
    }

    /// Prints the report.
    pub(super) fn print(&self, output: Output) -> io::Result<()> {
        match output.format() {
            Format::Table => output.line(&self.table()),
            Format::Json => {
                let mut facts = self.facts.clone();
                facts.insert("failures".to_owned(), json!(self.failures));
                output.document(&Value::Object(facts))
            }
        }
    }

    /// A failure when any device failed in any phase.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        match self.failures.values().sum::<usize>() {
            0 => Ok(()),
            failed => Err(Failure::Incomplete(format!("{failed} failures, see the report"))),
        }
    }

    fn add(&mut self, name: &str, value: Value) {
        self.facts.insert(name.to_owned(), value);
    }

    fn add_latencies(&mut self, name: &str, latencies: &Latencies) {
        if !latencies.is_empty() {
            let [p50, p95, p99] = latencies.p50_p95_p99();
            self.add(name, json!({ "p50": p50, "p95": p95, "p99": p99 }));
        }
    }

    fn add_failures(&mut self, phase: &str, failures: &BTreeMap<String, usize>) {
        for (reason, count) in failures {
            *self.failures.entry(format!("{phase}: {reason}")).or_default() += count;
        }
    }

    fn table(&self) -> String {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (name, value) in &self.facts {
            rows.push(vec![title(name), cell(value)]);
        }
        for (reason, count) in &self.failures {
            rows.push(vec![
                format!("failed, {}", reason.replace(char::is_control, " ")),
                count.to_string(),
            ]);
        }
        rows_table(&["what", "result"], rows)
    }
}

/// What the names of the JSON form are called in the table.
fn title(name: &str) -> String {
    match name {
        "registrationsPerSecond" => "registrations per second",
        "registrationMs" => "register to assigned",
        "registrationWithPauseMs" => "the same with the pauses asked for",
        "connectsPerSecond" => "connects per second",
        "connectMs" => "connect to CONNACK",
        "messagesPerSecond" => "messages per second",
        "registeredAgain" => "registered again after a refusal",
        "renewed" => "certificates renewed",
        "desiredChanges" => "desired changes",
        "cloudToDevice" => "cloud to device messages",
        other => other,
    }
    .to_owned()
}

fn cell(value: &Value) -> String {
    let percentile = |name: &str| {
        let number = value.get(name).and_then(Value::as_f64)?;
        Some(format!("{name} {number:.1} ms"))
    };
    match (percentile("p50"), percentile("p95"), percentile("p99")) {
        (Some(p50), Some(p95), Some(p99)) => format!("{p50}  {p95}  {p99}"),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn report() -> Report {
        Report {
            facts: Map::new(),
            failures: BTreeMap::new(),
            hubs: BTreeSet::new(),
        }
    }

    #[test]
    fn the_table_names_every_failure() {
        let mut report = report();
        report.add("devices", json!(3));
        report.add_latencies(
            "registrationMs",
            &[Duration::from_millis(5)].into_iter().collect(),
        );
        assert!(report.verdict().is_ok());
        let failures = [("401002 Unauthorized".to_owned(), 2)].into();
        report.add_failures("register", &failures);
        let table = report.table();
        assert!(table.contains("p50 5.0 ms  p95 5.0 ms  p99 5.0 ms"), "{table}");
        assert!(table.contains("failed, register: 401002 Unauthorized"), "{table}");
        assert!(matches!(report.verdict(), Err(Failure::Incomplete(_))));
    }

    #[test]
    fn phases_without_samples_have_no_line() {
        let mut report = report();
        report.add_latencies("connectMs", &Latencies::default());
        assert!(!report.table().contains("CONNACK"));
    }
}
