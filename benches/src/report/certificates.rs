//! Certificates issued and revoked.

use crate::issuing::{Issuing, KeyPlace};
use crate::run::Amounts;
use crate::run::certificates::Certificates;
use crate::run::healing::Healing;
use crate::run::issuance::Placed;
use crate::run::revoking::Revoking;
use crate::spread::{Spread, quantile};

use super::table::{Goal, cell, line, row};

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
    issuing_goals(text, &found.issuing);
    revoking_goals(text, &found.revoking);
    healing_goals(text, &found.healing);
}

fn issuing_goals(text: &mut String, found: &[Placed]) {
    for placed in found {
        let ratios = placed.found.whole.iter().zip(&placed.found.bare);
        let name = format!(
            "signing request to certificate on disk ÷ verify, sign and read alone, CPU; {}",
            spelled(placed.place)
        );
        let ratios = Spread::of(ratios.map(|(whole, bare)| whole / bare));
        row(text, "1", &name, ratios, 2, Goal::AtMost(ISSUING));
    }
}

fn revoking_goals(text: &mut String, revoking: &Revoking) {
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

fn healing_goals(text: &mut String, healing: &Healing) {
    let name = "the same with the devices of `provost simulate`, ms";
    row(
        text,
        "3",
        name,
        Spread::of([healing.back_ms]),
        1,
        Goal::AtMost(FLEET_BACK),
    );
}

/// Sentences.
pub(super) fn details(text: &mut String, found: &Certificates) {
    issuing_details(text, &found.issuing);
    revoking_details(text, &found.revoking, &found.amounts);
}

fn issuing_details(text: &mut String, found: &[Placed]) {
    let micros = |place: KeyPlace, of: fn(&Issuing) -> &[f64]| {
        let placed = found.iter().find(|placed| placed.place == place);
        cell(
            Spread::of(placed.iter().flat_map(|placed| of(&placed.found)).copied()),
            0,
        )
    };
    line(
        text,
        "\n| a P-256 request under a P-384 issuing CA, 64 at a time | whole way to the disk, µs of CPU | bare, µs of CPU |",
    );
    line(text, "|---|---|---|");
    for placed in found {
        let [whole, bare] = [
            micros(placed.place, |found| &found.whole),
            micros(placed.place, |found| &found.bare),
        ];
        line(text, &format!("| {} | {whole} | {bare} |", spelled(placed.place)));
    }
}

fn revoking_details(text: &mut String, revoking: &Revoking, amounts: &Amounts) {
    line(
        text,
        &format!(
            "\nRevoking one of {} connected devices with {} certificates in the store, {} of them revoked: answered p50 \
             {:.1} ms, p99 {:.1} ms; closed after the answer p50 {:.1} ms; a bare sync of 32 KiB beside the store p50 {:.1} ms, p99 {:.1} ms. Revoking the issuing CA of {} connected \
             devices was answered in {:.0} ms, its preview in {:.0} ms.",
            amounts.sessions,
            amounts.certificates,
            amounts.revoked,
            quantile(&revoking.answered_ms, 50),
            quantile(&revoking.answered_ms, 99),
            quantile(&revoking.closed_ms, 50),
            quantile(&revoking.sync_ms, 50),
            quantile(&revoking.sync_ms, 99),
            revoking.fleet,
            revoking.issuer_answered_ms,
            revoking.preview_ms,
        ),
    );
}

fn spelled(place: KeyPlace) -> &'static str {
    match place {
        KeyPlace::Process => "key in a sealed file, opened by a process of its own, CPU of both",
        KeyPlace::Held => "key in a sealed file, opened once a second in the same process",
        KeyPlace::Opened => "key in a sealed file, opened for each signature",
        KeyPlace::Token => "key in a PKCS#11 token (SoftHSM)",
    }
}

/// The issuing alone.
pub(crate) fn issuing_markdown(found: &[Placed]) -> String {
    alone(|text| {
        issuing_goals(text, found);
        issuing_details(text, found);
    })
}

/// The revoking alone.
pub(crate) fn revoking_markdown(found: &Revoking, amounts: &Amounts) -> String {
    alone(|text| {
        revoking_goals(text, found);
        revoking_details(text, found, amounts);
    })
}

/// The healing of a fleet alone.
pub(crate) fn healing_markdown(found: &Healing) -> String {
    alone(|text| healing_goals(text, found))
}

fn alone(rows: impl FnOnce(&mut String)) -> String {
    let mut text = String::new();
    line(&mut text, "| # | measure | result | goal | |");
    line(&mut text, "|---|---|---|---|---|");
    rows(&mut text);
    text
}
