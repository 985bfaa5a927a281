//! Refused devices that do not give up.

use crate::load::Sample;
use crate::run::storm::StormRound;
use crate::spread::Spread;

use super::table::{Goal, cell, line, row};

/// The part with the storm, by itself.
pub(crate) fn markdown(rounds: &[StormRound]) -> String {
    let mut text = String::new();
    line(&mut text, "| # | measure | result | goal | |");
    line(&mut text, "|---|---|---|---|---|");
    goals(&mut text, rounds);
    details(&mut text, rounds);
    text
}

/// Rows of the table of goals.
pub(super) fn goals(text: &mut String, rounds: &[StormRound]) {
    let spread = |value: fn(&StormRound) -> f64| Spread::of(rounds.iter().map(value));
    let (latency, cost) = (spread(StormRound::latency_ratio), spread(StormRound::cost_ratio));
    let name = "p99 of good devices with a storm of refused ones ÷ without";
    row(text, "6", name, latency, 2, Goal::AtMost(1.5));
    let name = "refused attempt ÷ accepted one, server CPU beyond the handshake";
    row(text, "6", name, cost, 2, Goal::AtMost(0.5));
}

/// A table and a sentence.
pub(super) fn details(text: &mut String, rounds: &[StormRound]) {
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
