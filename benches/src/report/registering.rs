//! Registrations and connections against handshakes of the same round, and sessions at rest.

use crate::load::Sample;
use crate::run::devices::{Registrations, Round};
use crate::run::memory::SessionMemory;
use crate::spread::Spread;

use super::table::{Goal, cell, line, row};

/// Rows of the table of goals.
pub(super) fn goals(text: &mut String, rounds: &[Round], memory: &SessionMemory) {
    let https = ratio(rounds, |round| round.https.sample.server_micros());
    let mqtt = ratio(rounds, |round| round.mqtt.sample.server_micros());
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
    let connect = spread(rounds, |round| {
        round.handshake.server_micros() / round.connect.server_micros()
    });
    row(
        text,
        "2",
        "hub connects ÷ handshakes, per server CPU second",
        connect,
        2,
        Goal::AtLeast(0.75),
    );
    let https = spread(rounds, |round| round.https.sample.per_second());
    let mqtt = spread(rounds, |round| round.mqtt.sample.per_second());
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
    let per_session = Spread::of([memory.per_session()]);
    let name = format!("KiB of memory per idle hub session, at {}", memory.sessions);
    row(text, "4", &name, per_session, 1, Goal::AtMost(20.0));
}

/// A table and a sentence.
pub(super) fn details(text: &mut String, rounds: &[Round], memory: &SessionMemory) {
    line(
        text,
        "\n| load | server CPU µs per device | per second | server cores busy | client cores busy | other cores busy | latency p50 ms | p99 ms | registrations per commit |",
    );
    line(text, "|---|---|---|---|---|---|---|---|---|");
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
            memory.before / 1024.0,
            memory.with_sessions / 1024.0,
            memory.sessions
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

fn spread(rounds: &[Round], value: impl Fn(&Round) -> f64) -> Spread {
    Spread::of(rounds.iter().map(value))
}

/// A load's server CPU over the handshake's of the same round.
fn ratio(rounds: &[Round], micros: impl Fn(&Round) -> f64) -> Spread {
    spread(rounds, |round| micros(round) / round.handshake.server_micros())
}
