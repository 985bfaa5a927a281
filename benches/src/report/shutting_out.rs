//! Devices shut out: how soon, and how many that would be.

use std::time::Duration;

use crate::run::Amounts;
use crate::run::blast_radius::BlastRadius;
use crate::run::shutting_out::ShuttingOut;
use crate::spread::{Spread, quantile};

use super::table::{Goal, row};

/// Rows of the table of goals.
pub(super) fn goals(
    text: &mut String,
    shutting_out: Option<&ShuttingOut>,
    blast_radius: Option<&BlastRadius>,
    amounts: &Amounts,
) {
    if let Some(found) = shutting_out {
        let ShuttingOut { disables, tries, .. } = *found;
        let name = format!("connects after the answer, of {tries} tries during {disables} disables");
        let late = Spread::of([f64::from(found.late)]);
        row(text, "7", &name, late, 0, Goal::AtMost(0.0));
        let p99 = Spread::of([quantile(&found.closing_ms, 99)]);
        let name = format!(
            "ms from the answer to the end of the live session, p99, {} connected",
            amounts.sessions
        );
        row(text, "8", &name, p99, 1, Goal::AtMost(50.0));
    }
    if let Some(found) = blast_radius {
        let took = Spread::of(found.took.iter().map(Duration::as_secs_f64));
        let name = format!(
            "seconds for the blast radius over {} enrollments and records",
            amounts.many
        );
        row(text, "9", &name, took, 2, Goal::AtMost(1.0));
    }
}
