//! The result as Markdown, goals beside figures.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::load::Sample;
use crate::run::blast_radius::BlastRadius;
use crate::run::certificates::Certificates;
use crate::run::devices::{Registrations, Round};
use crate::run::memory::SessionMemory;
use crate::run::scale::{Scale, Visit};
use crate::run::shutting_out::ShuttingOut;
use crate::run::storm::StormRound;
use crate::run::telemetry::Telemetry;
use crate::run::{Amounts, Living};
use crate::spread::{Spread, quantile};

mod certificates;
mod living;
mod telemetry;

pub(crate) use self::certificates::markdown as certificates_markdown;
pub(crate) use self::telemetry::markdown as telemetry_markdown;

const BEGIN: &str = "<!-- begin: written by `make bench` -->\n";
const END: &str = "<!-- end: written by `make bench` -->\n";

/// Everything a run found.
pub(crate) struct Report {
    pub(crate) amounts: Amounts,
    pub(crate) is_quick: bool,
    pub(crate) machine: String,
    /// P-256 verifications per second of openssl, before and after.
    pub(crate) yardsticks: [f64; 2],
    pub(crate) devices: Vec<Round>,
    pub(crate) memory: SessionMemory,
    /// Absent when left out.
    pub(crate) scale: Option<Scale>,
    /// Empty when left out.
    pub(crate) storms: Vec<StormRound>,
    /// Absent while profiling.
    pub(crate) shutting_out: Option<ShuttingOut>,
    /// Absent when left out.
    pub(crate) blast_radius: Option<BlastRadius>,
    /// Absent while profiling.
    pub(crate) living: Option<Living>,
    /// Absent while profiling.
    pub(crate) telemetry: Option<Telemetry>,
    /// Absent while profiling.
    pub(crate) certificates: Option<Certificates>,
}

/// Which side of its goal a figure should be on.
#[derive(Clone, Copy)]
enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn verdict(self, value: f64) -> &'static str {
        let is_met = match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        };
        if is_met { "met" } else { "missed" }
    }

    fn text(self, digits: usize) -> String {
        match self {
            Self::AtMost(limit) => format!("≤ {limit:.digits$}"),
            Self::AtLeast(limit) => format!("≥ {limit:.digits$}"),
        }
    }
}

impl Report {
    /// The tables.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        self.head(&mut text);
        self.goals(&mut text);
        self.loads(&mut text);
        if let Some(scale) = &self.scale {
            self.stores(&mut text, scale);
        }
        if !self.storms.is_empty() {
            storms(&mut text, &self.storms);
        }
        if let Some(living) = &self.living {
            living::details(&mut text, living);
        }
        if let Some(found) = &self.telemetry {
            telemetry::details(&mut text, found);
        }
        if let Some(found) = &self.certificates {
            certificates::details(&mut text, found);
        }
        text
    }

    fn head(&self, text: &mut String) {
        let Amounts {
            rounds,
            devices,
            at_once,
            ..
        } = self.amounts;
        let [first, last] = self.yardsticks;
        if self.is_quick {
            line(text, "**Quick run: its figures mean nothing.**\n");
        }
        line(
            text,
            &format!("Machine: {}, shared by server and client.", self.machine),
        );
        line(
            text,
            &format!(
                "Yardstick: openssl verified {first:.0} P-256 signatures per second before and {last:.0} after."
            ),
        );
        line(
            text,
            &format!(
                "{rounds} rounds after a warm-up, {devices} devices each, {at_once} at a time; medians, (lowest–highest).\n"
            ),
        );
    }

    fn goals(&self, text: &mut String) {
        line(text, "| # | measure | result | goal | |");
        line(text, "|---|---|---|---|---|");
        let https = self.ratio(|round| round.https.sample.server_micros());
        let mqtt = self.ratio(|round| round.mqtt.sample.server_micros());
        row(
            text,
            "1",
            "registration over HTTPS ÷ handshake, server CPU",
            https,
            2,
            Goal::AtMost(1.6),
        );
        row(
            text,
            "1",
            "registration over MQTT ÷ handshake, server CPU",
            mqtt,
            2,
            Goal::AtMost(1.6),
        );
        let connect = self.spread(|round| round.handshake.server_micros() / round.connect.server_micros());
        row(
            text,
            "2",
            "hub connects ÷ handshakes, per server CPU second",
            connect,
            2,
            Goal::AtLeast(0.75),
        );
        let https = self.spread(|round| round.https.sample.per_second());
        let mqtt = self.spread(|round| round.mqtt.sample.per_second());
        row(
            text,
            "3",
            "registrations per second over HTTPS",
            https,
            0,
            Goal::AtLeast(1_500.0),
        );
        row(
            text,
            "3",
            "registrations per second over MQTT",
            mqtt,
            0,
            Goal::AtLeast(1_500.0),
        );
        let memory = Spread::of([self.memory.per_session()]);
        let name = format!("KiB of memory per idle hub session, at {}", self.memory.sessions);
        row(text, "4", &name, memory, 1, Goal::AtMost(20.0));
        if let Some(scale) = &self.scale {
            self.goals_of_scale(text, scale);
        }
        if !self.storms.is_empty() {
            goals_of_storms(text, &self.storms);
        }
        self.goals_of_shutting_out(text);
        self.goals_of_the_hub(text);
    }

    fn goals_of_the_hub(&self, text: &mut String) {
        if let Some(living) = &self.living {
            living::goals(text, living);
        }
        if let Some(found) = &self.telemetry {
            telemetry::goals(text, found);
        }
        if let Some(found) = &self.certificates {
            certificates::goals(text, found);
        }
    }

    fn goals_of_shutting_out(&self, text: &mut String) {
        if let Some(found) = &self.shutting_out {
            let ShuttingOut { disables, tries, .. } = *found;
            let name = format!("connects after the answer, of {tries} tries during {disables} disables");
            let late = Spread::of([f64::from(found.late)]);
            row(text, "7", &name, late, 0, Goal::AtMost(0.0));
            let p99 = Spread::of([quantile(&found.closing_ms, 99)]);
            let name = format!(
                "ms from the answer to the end of the live session, p99, {} connected",
                self.amounts.sessions
            );
            row(text, "8", &name, p99, 1, Goal::AtMost(50.0));
        }
        if let Some(found) = &self.blast_radius {
            let took = Spread::of(found.took.iter().map(Duration::as_secs_f64));
            let name = format!(
                "seconds for the blast radius over {} enrollments and records",
                self.amounts.many
            );
            row(text, "9", &name, took, 2, Goal::AtMost(1.0));
        }
    }

    fn goals_of_scale(&self, text: &mut String, scale: &Scale) {
        let Amounts { few, many, .. } = self.amounts;
        let pairs = || scale.many.iter().zip(&scale.few);
        let cpu = pairs().map(|(many, few)| many.crowd.server_micros() / few.crowd.server_micros());
        let name = format!("registration at {many} enrollments ÷ at {few}, server CPU");
        row(text, "5", &name, Spread::of(cpu), 2, Goal::AtMost(1.2));
        let latency = pairs().map(|(many, few)| many.alone.report.p50_ms / few.alone.report.p50_ms);
        let name =
            format!("registration at {many} enrollments ÷ at {few}, median latency of one device alone");
        row(text, "5", &name, Spread::of(latency), 2, Goal::AtMost(1.2));
        let start = scale.many.iter().map(|visit| visit.started_in.as_secs_f64());
        let name = format!("seconds from start to ready at {many} enrollments");
        row(text, "5", &name, Spread::of(start), 3, Goal::AtMost(1.0));
    }

    fn loads(&self, text: &mut String) {
        line(
            text,
            "\n| load | server CPU µs per device | per second | server cores busy | client cores busy | other cores busy | latency p50 ms | p99 ms | registrations per commit |",
        );
        line(text, "|---|---|---|---|---|---|---|---|---|");
        let rounds = &self.devices;
        load(text, "handshake alone", rounds, |round| &round.handshake, None);
        let per_commit = |of: fn(&Round) -> &Registrations| {
            Spread::of(rounds.iter().map(|round| {
                let registrations = of(round);
                f64::from(registrations.sample.report.done) / f64::from(registrations.commits.max(1))
            }))
        };
        let (https, mqtt) = (per_commit(|round| &round.https), per_commit(|round| &round.mqtt));
        load(
            text,
            "register over HTTPS",
            rounds,
            |round| &round.https.sample,
            Some(https),
        );
        load(
            text,
            "register over MQTT",
            rounds,
            |round| &round.mqtt.sample,
            Some(mqtt),
        );
        load(text, "connect to the hub", rounds, |round| &round.connect, None);
        line(
            text,
            &format!(
                "\nMemory: {:.1} MiB before, {:.1} MiB with {} sessions.",
                self.memory.before / 1024.0,
                self.memory.with_sessions / 1024.0,
                self.memory.sessions
            ),
        );
    }

    fn stores(&self, text: &mut String, scale: &Scale) {
        line(
            text,
            "\n| enrollments | server CPU µs per registration | alone: p50 ms | alone: p99 ms | start to ready ms |",
        );
        line(text, "|---|---|---|---|---|");
        for (count, visits) in [(self.amounts.few, &scale.few), (self.amounts.many, &scale.many)] {
            let of = |value: fn(&Visit) -> f64| Spread::of(visits.iter().map(value));
            let cells = [
                cell(of(|visit| visit.crowd.server_micros()), 0),
                cell(of(|visit| visit.alone.report.p50_ms), 2),
                cell(of(|visit| visit.alone.report.p99_ms), 2),
                cell(of(|visit| visit.started_in.as_secs_f64() * 1e3), 0),
            ];
            line(text, &format!("| {count} | {} |", cells.join(" | ")));
        }
        line(
            text,
            &format!(
                "\nThe large store: {} MiB, filled in {:.0} s.",
                scale.store_bytes / 1024 / 1024,
                scale.seeding.as_secs_f64()
            ),
        );
    }

    fn spread(&self, value: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(self.devices.iter().map(value))
    }

    /// A load's server CPU over the handshake's of the same round.
    fn ratio(&self, micros: impl Fn(&Round) -> f64) -> Spread {
        self.spread(|round| micros(round) / round.handshake.server_micros())
    }
}

/// The part with the storm, by itself.
pub(crate) fn storms_markdown(rounds: &[StormRound]) -> String {
    let mut text = String::new();
    line(&mut text, "| # | measure | result | goal | |");
    line(&mut text, "|---|---|---|---|---|");
    goals_of_storms(&mut text, rounds);
    storms(&mut text, rounds);
    text
}

fn goals_of_storms(text: &mut String, rounds: &[StormRound]) {
    let spread = |value: fn(&StormRound) -> f64| Spread::of(rounds.iter().map(value));
    let (latency, cost) = (spread(StormRound::latency_ratio), spread(StormRound::cost_ratio));
    let name = "p99 of good devices with a storm of refused ones ÷ without";
    row(text, "6", name, latency, 2, Goal::AtMost(1.5));
    let name = "refused attempt ÷ accepted one, server CPU beyond the handshake";
    row(text, "6", name, cost, 2, Goal::AtMost(0.5));
}

fn storms(text: &mut String, rounds: &[StormRound]) {
    let spread = |value: fn(&StormRound) -> f64| Spread::of(rounds.iter().map(value));
    line(
        text,
        "\n| good devices | registrations per second | latency p50 ms | p99 ms |",
    );
    line(text, "|---|---|---|---|");
    for (name, of) in [
        ("alone", (|round| &round.quiet) as fn(&StormRound) -> &Sample),
        ("in the storm", |round| &round.stormy),
    ] {
        let value = |value: fn(&Sample) -> f64| Spread::of(rounds.iter().map(|round| value(of(round))));
        let cells = [
            cell(value(Sample::per_second), 0),
            cell(value(|sample| sample.report.p50_ms), 1),
            cell(value(|sample| sample.report.p99_ms), 1),
        ];
        line(text, &format!("| {name} | {} |", cells.join(" | ")));
    }
    line(
        text,
        &format!(
            "\nThe storm: {} attempts per second, {} µs of server CPU each; {} % were told to wait. At that pace a handshake \
             takes {} µs and an accepted registration {}.",
            cell(spread(|round| f64::from(round.storm.per_second)), 0),
            cell(spread(|round| round.storm.server_micros), 0),
            cell(spread(|round| round.storm.throttled * 100.0), 0),
            cell(spread(|round| round.handshake.server_micros()), 0),
            cell(spread(|round| round.accepted.server_micros()), 0),
        ),
    );
}

fn load(
    text: &mut String,
    name: &str,
    rounds: &[Round],
    of: fn(&Round) -> &Sample,
    per_commit: Option<Spread>,
) {
    let spread = |value: fn(&Sample) -> f64| Spread::of(rounds.iter().map(|round| value(of(round))));
    let cells = [
        cell(spread(Sample::server_micros), 0),
        cell(spread(Sample::per_second), 0),
        cell(spread(|sample| sample.server_cpu / sample.report.wall_seconds), 2),
        cell(spread(|sample| sample.client_cpu / sample.report.wall_seconds), 2),
        cell(spread(|sample| sample.other_cpu / sample.report.wall_seconds), 2),
        cell(spread(|sample| sample.report.p50_ms), 1),
        cell(spread(|sample| sample.report.p99_ms), 1),
        per_commit.map_or_else(String::new, |spread| cell(spread, 1)),
    ];
    line(text, &format!("| {name} | {} |", cells.join(" | ")));
}

fn row(text: &mut String, number: &str, name: &str, value: Spread, digits: usize, goal: Goal) {
    let (result, limit, verdict) = (
        cell(value, digits),
        goal.text(digits.min(2)),
        goal.verdict(value.median),
    );
    line(
        text,
        &format!("| {number} | {name} | {result} | {limit} | {verdict} |"),
    );
}

fn cell(spread: Spread, digits: usize) -> String {
    let Spread { median, min, max } = spread;
    if (max - min).abs() < f64::EPSILON {
        format!("**{median:.digits$}**")
    } else {
        format!("**{median:.digits$}** ({min:.digits$}–{max:.digits$})")
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

/// Replaces what stands between the markers of a file.
pub(crate) fn write_block(path: &Path, text: &str) -> Result<()> {
    let old = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let new = replace_block(&old, text).with_context(|| format!("{} has no markers", path.display()))?;
    Ok(fs::write(path, new)?)
}

fn replace_block(old: &str, text: &str) -> Option<String> {
    let (before, rest) = old.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{text}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_block_is_replaced() {
        let old = format!("a\n{BEGIN}old\n{END}b\n");
        assert_eq!(
            replace_block(&old, "new\n").unwrap(),
            format!("a\n{BEGIN}new\n{END}b\n")
        );
        assert_eq!(replace_block("no markers", "new\n"), None);
    }

    #[test]
    fn a_goal_knows_its_side() {
        assert_eq!(Goal::AtMost(1.6).verdict(1.6), "met");
        assert_eq!(Goal::AtMost(1.6).verdict(1.61), "missed");
        assert_eq!(Goal::AtLeast(0.75).verdict(0.7), "missed");
    }
}
