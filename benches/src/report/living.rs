//! A fleet that lives at its hub: methods, and devices that come back.

use crate::run::Living;
use crate::spread::{Spread, quantile};

use super::table::{Goal, cell, line, row};

/// Most seconds until all devices are back.
const BACK: f64 = 30.0;
/// Most memory after, of memory before.
const MEMORY: f64 = 1.1;

/// Most seconds of a job.
const JOB: f64 = 10.0;
/// Most milliseconds of a query by a tag.
const QUERY: f64 = 50.0;

/// Rows of the table of goals.
pub(super) fn goals(text: &mut String, living: &Living) {
    let back = Spread::of(living.reconnects.seconds.iter().copied());
    let name = format!(
        "seconds until {} devices dropped at once are all back",
        living.reconnects.devices
    );
    row(text, "10", &name, back, 1, Goal::AtMost(BACK));
    let memory = Spread::of([living.reconnects.memory_ratio()]);
    let name = format!(
        "memory after {} such drops ÷ before the first",
        living.reconnects.seconds.len()
    );
    row(text, "10", &name, memory, 2, Goal::AtMost(MEMORY));
    let queries = &living.queries;
    let name = format!(
        "milliseconds of a query by a tag, {} of {} devices, p99",
        queries.found, queries.devices
    );
    let slow = Spread::of([quantile(&queries.query_ms, 99)]);
    row(text, "10", &name, slow, 1, Goal::AtMost(QUERY));
    goal_of_jobs(text, living);
}

/// The row of jobs.
fn goal_of_jobs(text: &mut String, living: &Living) {
    let name = format!("seconds a job of {} twin updates takes", living.jobs.devices);
    let seconds = Spread::of(living.jobs.seconds.iter().copied());
    row(text, "10", &name, seconds, 2, Goal::AtMost(JOB));
}

/// Tables and sentences.
pub(super) fn details(text: &mut String, living: &Living) {
    let calls = &living.methods;
    line(
        text,
        &format!(
            "\n| one after the other, {} devices connected | p50 ms | p99 ms |\n|---|---|---|",
            calls.connected
        ),
    );
    for (name, sorted) in [
        (
            "direct method, from the back end to the device and back",
            &calls.call_ms,
        ),
        ("twin read over the same connection", &calls.look_up_ms),
    ] {
        let at = |percent| cell(Spread::of([quantile(sorted, percent)]), 2);
        line(text, &format!("| {name} | {} | {} |", at(50), at(99)));
    }
    let queries = &living.queries;
    line(
        text,
        &format!(
            "\n| one after the other, {} devices in the hub | p50 ms | p99 ms |\n|---|---|---|",
            queries.devices
        ),
    );
    let query = format!("query by a tag, {} whole twins", queries.found);
    for (name, sorted) in [
        (query.as_str(), &queries.query_ms),
        ("one twin read over the same connection", &queries.look_up_ms),
    ] {
        let at = |percent| cell(Spread::of([quantile(sorted, percent)]), 2);
        line(text, &format!("| {name} | {} | {} |", at(50), at(99)));
    }
    let found = &living.reconnects;
    let failed: u32 = found.failed.iter().sum();
    let resident = |kib: Option<&f64>| kib.copied().unwrap_or_default() / 1024.0;
    line(
        text,
        &format!(
            "\nThe drops: {} s of server CPU each, {failed} failed tries in all; memory {:.1} MiB before the first, {:.1} MiB \
             after the last.",
            cell(Spread::of(found.server_cpu.iter().copied()), 1),
            resident(found.resident_kib.first()),
            resident(found.resident_kib.last()),
        ),
    );
}
