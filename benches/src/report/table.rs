//! Lines of tables: a figure with its spread beside its goal.

use std::fmt::Write;

use crate::spread::Spread;

/// Which side of its goal a figure should be on.
#[derive(Clone, Copy)]
pub(super) enum Goal {
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

pub(super) fn row(text: &mut String, number: &str, name: &str, value: Spread, digits: usize, goal: Goal) {
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

pub(super) fn cell(spread: Spread, digits: usize) -> String {
    let Spread { median, min, max } = spread;
    if (max - min).abs() < f64::EPSILON {
        format!("**{median:.digits$}**")
    } else {
        format!("**{median:.digits$}** ({min:.digits$}–{max:.digits$})")
    }
}

pub(super) fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_knows_its_side() {
        assert_eq!(Goal::AtMost(1.6).verdict(1.6), "met");
        assert_eq!(Goal::AtMost(1.6).verdict(1.61), "missed");
        assert_eq!(Goal::AtLeast(0.75).verdict(0.7), "missed");
    }
}
