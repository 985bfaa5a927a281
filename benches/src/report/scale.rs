//! A store with a million enrollments beside a small one.

use crate::run::Amounts;
use crate::run::scale::{Scale, Visit};
use crate::spread::Spread;

use super::table::{Goal, cell, line, row};

/// Rows of the table of goals.
pub(super) fn goals(text: &mut String, scale: &Scale, amounts: &Amounts) {
    let Amounts { few, many, .. } = *amounts;
    let pairs = || scale.many.iter().zip(&scale.few);
    let cpu = pairs().map(|(many, few)| many.crowd.server_micros() / few.crowd.server_micros());
    let name = format!("registration at {many} enrollments ÷ at {few}, server CPU");
    row(text, "5", &name, Spread::of(cpu), 2, Goal::AtMost(1.2));
    let latency = pairs().map(|(many, few)| many.alone.report.p50_ms / few.alone.report.p50_ms);
    let name = format!("registration at {many} enrollments ÷ at {few}, median latency of one device alone");
    row(text, "5", &name, Spread::of(latency), 2, Goal::AtMost(1.2));
    let start = scale.many.iter().map(|visit| visit.started_in.as_secs_f64());
    let name = format!("seconds from start to ready at {many} enrollments");
    row(text, "5", &name, Spread::of(start), 3, Goal::AtMost(1.0));
}

/// A table and a sentence.
pub(super) fn details(text: &mut String, scale: &Scale, amounts: &Amounts) {
    line(
        text,
        "\n| enrollments | server CPU µs per registration | alone: p50 ms | alone: p99 ms | start to ready ms |",
    );
    line(text, "|---|---|---|---|---|");
    for (count, visits) in [(amounts.few, &scale.few), (amounts.many, &scale.many)] {
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
