//! Telemetry in, stored and acknowledged.

use crate::load::Sample;
use crate::run::telemetry::{Telemetry, TelemetryRound};
use crate::spread::Spread;

use super::table::{Goal, cell, line, row};

/// Least messages per CPU second, of those of the floor.
const OF_FLOOR: f64 = 0.5;
/// Least messages per CPU second, of mosquitto's.
const OF_MOSQUITTO: f64 = 1.0;

/// One broker's sample of a round, when it has one.
type SampleOf = fn(&TelemetryRound) -> Option<&Sample>;

/// Rows of the table of goals.
pub(super) fn goals(text: &mut String, found: &Telemetry) {
    let ratio = |other: SampleOf| {
        let ratios = found.rounds.iter().filter_map(|round| {
            let other = other(round)?;
            Some(other.server_micros() / round.product.server_micros())
        });
        Spread::of(ratios)
    };
    let name = "messages per CPU second, on disk before PUBACK ÷ acknowledged and forgotten";
    row(
        text,
        "1",
        name,
        ratio(|round| Some(&round.floor)),
        2,
        Goal::AtLeast(OF_FLOOR),
    );
    if found.mosquitto.is_some() {
        let name = "the same ÷ mosquitto, which acknowledges from memory and writes nothing";
        row(
            text,
            "1",
            name,
            ratio(|round| round.in_memory.as_ref()),
            2,
            Goal::AtLeast(OF_MOSQUITTO),
        );
        let name = "the same ÷ mosquitto, which acknowledges and writes every second";
        row(
            text,
            "1",
            name,
            ratio(|round| round.saving.as_ref()),
            2,
            Goal::AtLeast(OF_MOSQUITTO),
        );
    }
}

/// Tables and sentences.
pub(super) fn details(text: &mut String, found: &Telemetry) {
    line(
        text,
        "\n| telemetry, QoS 1, 200 bytes, 50 devices, 32 on the way each | messages per CPU second | µs of CPU a message | \
         messages per second |\n|---|---|---|---|",
    );
    let rows: [(&str, SampleOf); 4] = [
        ("acknowledged and forgotten (listener, TLS, packets)", |round| {
            Some(&round.floor)
        }),
        ("Provost, on disk before PUBACK", |round| Some(&round.product)),
        ("mosquitto, in memory, written every second", |round| {
            round.saving.as_ref()
        }),
        ("mosquitto, in memory only", |round| round.in_memory.as_ref()),
    ];
    for (name, sample) in rows {
        let samples: Vec<&Sample> = found.rounds.iter().filter_map(sample).collect();
        if samples.is_empty() {
            continue;
        }
        let of = |value: fn(&Sample) -> f64| Spread::of(samples.iter().map(|sample| value(sample)));
        line(
            text,
            &format!(
                "| {name} | {} | {} | {} |",
                cell(of(|sample| 1e6 / sample.server_micros()), 0),
                cell(of(Sample::server_micros), 2),
                cell(of(Sample::per_second), 0),
            ),
        );
    }
    let commits = found
        .rounds
        .iter()
        .map(|round| f64::from(round.product.report.done) / f64::from(round.commits.max(1)));
    let compared = match &found.mosquitto {
        Some(version) => format!(
            "{version} has a subscriber with a persistent session, who is away; it acknowledges from memory and never waits for \
             the disk, so a power cut may take a second of messages, or all of them."
        ),
        None => "mosquitto is not installed here and was not compared.".to_owned(),
    };
    line(
        text,
        &format!(
            "\nProvost puts {} messages into a commit and waits for the disk each time. {compared} All with TLS 1.3, the same \
             certificate and the same client.",
            cell(Spread::of(commits), 0),
        ),
    );
}

/// The part by itself.
pub(crate) fn markdown(found: &Telemetry) -> String {
    let mut text = String::new();
    goals(&mut text, found);
    details(&mut text, found);
    text
}
