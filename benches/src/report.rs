//! The result as Markdown, goals beside figures; one file for each part of a run.

mod block;
mod certificates;
mod living;
mod registering;
mod scale;
mod shutting_out;
mod storm;
mod table;
mod telemetry;

use crate::run::blast_radius::BlastRadius;
use crate::run::certificates::Certificates;
use crate::run::devices::Round;
use crate::run::memory::SessionMemory;
use crate::run::scale::Scale;
use crate::run::shutting_out::ShuttingOut;
use crate::run::storm::StormRound;
use crate::run::telemetry::Telemetry;
use crate::run::{Amounts, Living};

use self::table::line;

pub(crate) use self::block::write_block;
pub(crate) use self::certificates::{healing_markdown, issuing_markdown, revoking_markdown};
pub(crate) use self::storm::markdown as storms_markdown;
pub(crate) use self::telemetry::markdown as telemetry_markdown;

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

impl Report {
    /// The tables.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        self.head(&mut text);
        self.goals(&mut text);
        registering::details(&mut text, &self.devices, &self.memory);
        if let Some(found) = &self.scale {
            scale::details(&mut text, found, &self.amounts);
        }
        if !self.storms.is_empty() {
            storm::details(&mut text, &self.storms);
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
        registering::goals(text, &self.devices, &self.memory);
        if let Some(found) = &self.scale {
            scale::goals(text, found, &self.amounts);
        }
        if !self.storms.is_empty() {
            storm::goals(text, &self.storms);
        }
        shutting_out::goals(
            text,
            self.shutting_out.as_ref(),
            self.blast_radius.as_ref(),
            &self.amounts,
        );
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
}
