//! Certificates issued and revoked.

use crate::run::certificates::Certificates;
use crate::spread::{Spread, quantile};

use super::{Goal, line, row};

/// Most CPU of a certificate on disk, of what cannot be saved.
const ISSUING: f64 = 1.5;
/// Milliseconds.
const REVOKE_ANSWERED: f64 = 20.0;
const REVOKE_CLOSED: f64 = 50.0;
const CRL_MADE: f64 = 1_000.0;
const FLEET_CLOSED: f64 = 2_000.0;
const FLEET_BACK: f64 = 60_000.0;

/// Rows of the table of goals.
pub(super) fn goals(text: &mut String, found: &Certificates) {
    let ratios = found
        .issuing
        .sealed
        .iter()
        .zip(&found.issuing.bare)
        .map(|(whole, bare)| whole / bare);
    let name = "signing request to certificate on disk ÷ verify, sign and read alone, CPU";
    row(text, "1", name, Spread::of(ratios), 2, Goal::AtMost(ISSUING));
    let revoking = &found.revoking;
    for (number, name, value, goal) in [
        (
            "2",
            "one device revoked: answered, p99, ms",
            quantile(&revoking.answered_ms, 99),
            REVOKE_ANSWERED,
        ),
        (
            "2",
            "its live session closed after the answer, p99, ms",
            quantile(&revoking.closed_ms, 99),
            REVOKE_CLOSED,
        ),
        (
            "2",
            "CRL of all revoked certificates made, ms",
            revoking.crl_ms,
            CRL_MADE,
        ),
        (
            "3",
            "issuing CA of a fleet revoked: last session closed after the answer, ms",
            revoking.fleet_closed_ms,
            FLEET_CLOSED,
        ),
        (
            "3",
            "the whole fleet back on the new issuing CA, ms",
            revoking.fleet_back_ms,
            FLEET_BACK,
        ),
    ] {
        row(text, number, name, Spread::of([value]), 1, Goal::AtMost(goal));
    }
}

/// Sentences.
pub(super) fn details(text: &mut String, found: &Certificates) {
    let (issuing, revoking) = (&found.issuing, &found.revoking);
    let median = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        quantile(&sorted, 50)
    };
    line(
        text,
        &format!(
            "A P-256 request under a P-384 issuing CA: {:.0} us of CPU for the whole way to the disk (keys in sealed \
             files, 64 at a time), {:.0} us bare. Revoking one of {} connected devices with {} certificates in the \
             store, {} of them revoked: answered p50 {:.1} ms, p99 {:.1} ms; closed after the answer p50 {:.1} ms. \
             Revoking the issuing CA of {} connected devices was answered in {:.0} ms.",
            median(&issuing.sealed),
            median(&issuing.bare),
            found.sessions,
            found.stored,
            found.revoked,
            quantile(&revoking.answered_ms, 50),
            quantile(&revoking.answered_ms, 99),
            quantile(&revoking.closed_ms, 50),
            revoking.fleet,
            revoking.issuer_answered_ms,
        ),
    );
}

/// The part alone.
pub(crate) fn markdown(found: &Certificates) -> String {
    let mut text = String::new();
    line(&mut text, "| # | measure | result | goal | |");
    line(&mut text, "|---|---|---|---|---|");
    goals(&mut text, found);
    details(&mut text, found);
    text
}
