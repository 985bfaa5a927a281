use std::time::Duration;

use provost_model::{GroupMechanism, IndividualMechanism, Slots};

use super::memory::*;
use crate::fixture::{Made, NOW, id};

/// Root, upper, lower, and a leaf for `press-1`.
struct Family {
    root: Made,
    upper: Made,
    lower: Made,
    leaf: Made,
}

impl Family {
    fn new() -> Self {
        let root = Made::root("root");
        let upper = root.ca("upper");
        let lower = upper.ca("lower");
        let leaf = lower.leaf("press-1");
        Self {
            root,
            upper,
            lower,
            leaf,
        }
    }
}

/// a signing certificate may be a root or an intermediate; nothing above it need be sent.
#[test]
fn a_group_is_found_at_every_height() {
    let f = Family::new();
    for (signer, chain) in [
        (&f.lower, f.leaf.with(&[])),
        (&f.lower, f.leaf.with(&[&f.lower, &f.upper, &f.root])),
        (&f.upper, f.leaf.with(&[&f.lower])),
        (&f.root, f.leaf.with(&[&f.upper, &f.lower])),
        (&f.root, f.leaf.with(&[&f.root, &f.upper, &f.lower])),
    ] {
        let memory = Memory::default().group("line", signed_by(signer), Enabled);
        let judgement = memory.judge_chain("press-1", &chain);
        assert_eq!(outcome(&judgement), "admitted line", "{}", judgement.trace);
    }
}

#[test]
fn both_slots_of_a_group_admit() {
    let f = Family::new();
    let other = Made::root("other");
    let both = GroupMechanism::SigningCertificates(Slots {
        primary: Some(der(&other)),
        secondary: Some(der(&f.lower)),
    });
    let memory = Memory::default().group("line", both, Enabled);
    for chain in [f.leaf.with(&[]), other.leaf("press-1").with(&[])] {
        assert_eq!(outcome(&memory.judge_chain("press-1", &chain)), "admitted line");
    }
}

#[test]
fn what_is_missing_is_said() {
    let f = Family::new();
    let whole = f.leaf.with(&[&f.lower, &f.upper, &f.root]);
    let none = "CA certificate not found.";
    for (what, memory, chain, expected, told) in [
        ("nothing registered", Memory::default(), &whole, "caMissing", none),
        (
            "incomplete chain",
            Memory::default().group("line", signed_by(&f.root), Enabled),
            &f.leaf.with(&[&f.lower]),
            "caMissing",
            none,
        ),
        (
            "unverified CA",
            Memory::default()
                .authority("ca", &f.root, false)
                .group("line", refers_to("ca"), Enabled),
            &whole,
            "caUnverified",
            none,
        ),
        (
            "verified CA without a group",
            Memory::default().authority("ca", &f.root, true),
            &whole,
            "noEnrollment",
            "Unauthorized",
        ),
        (
            "CA deleted under its group",
            Memory::default().group("line", refers_to("ca"), Enabled),
            &whole,
            "caMissing",
            none,
        ),
        (
            "a device that vouches for itself",
            Memory::default(),
            &Made::alone("press-1").with(&[]),
            "noEnrollment",
            "Unauthorized",
        ),
    ] {
        let judgement = memory.judge_chain("press-1", chain);
        assert_eq!(
            (outcome(&judgement).as_str(), message(&judgement)),
            (expected, told),
            "{what}: {}",
            judgement.trace
        );
    }
}

#[test]
fn verified_ca_is_an_anchor_and_a_bridge() {
    let f = Family::new();
    let by_reference =
        Memory::default()
            .authority("ca", &f.root, true)
            .group("line", refers_to("ca"), Enabled);
    let sent = f.leaf.with(&[&f.lower, &f.upper]);
    assert_eq!(
        outcome(&by_reference.judge_chain("press-1", &sent)),
        "admitted line"
    );
    // The device sends less: the intermediates are registered.
    let bridged = by_reference
        .authority("lower", &f.lower, true)
        .authority("upper", &f.upper, true);
    let alone = f.leaf.with(&[]);
    assert_eq!(outcome(&bridged.judge_chain("press-1", &alone)), "admitted line");
}

#[test]
fn same_name_with_another_key_is_not_the_signer() {
    let f = Family::new();
    let impostor = Made::root("lower");
    let memory = Memory::default().group("line", signed_by(&impostor), Enabled);
    let judgement = memory.judge_chain("press-1", &f.leaf.with(&[]));
    assert_eq!(
        (outcome(&judgement).as_str(), message(&judgement)),
        ("badSignature", "Invalid certificate.")
    );
    // A leaf from the impostor does not pass as one of the real CA either.
    let forged = impostor.leaf("press-1");
    let memory = Memory::default().group("line", signed_by(&f.lower), Enabled);
    assert_eq!(
        outcome(&memory.judge_chain("press-1", &forged.with(&[&impostor]))),
        "badSignature"
    );
}

#[test]
fn every_certificate_of_the_path_must_be_within_its_dates() {
    let root = Made::root("root");
    let short = root.short_leaf("press-1", Duration::from_hours(1));
    let memory = Memory::default().group("line", signed_by(&root), Enabled);
    let chain = short.with(&[&root]);
    let judge = |at| memory.judge(&id("press-1"), None, Some(&chain), at, false);
    assert_eq!(outcome(&judge(NOW)), "admitted line");
    let late = judge(NOW.after(Duration::from_hours(2)));
    assert_eq!(
        (outcome(&late).as_str(), message(&late)),
        ("expired", "Invalid certificate.")
    );
    // The signing certificate ends after a day.
    let ca = judge(NOW.after(Duration::from_hours(25)));
    assert_eq!(outcome(&ca), "expired");
}

#[test]
fn common_name_is_checked_before_groups() {
    let root = Made::root("root");
    let memory = Memory::default().group("line", signed_by(&root), Enabled);
    let judgement = memory.judge_chain("press-2", &root.leaf("press-1").with(&[&root]));
    assert_eq!(outcome(&judgement), "commonNameMismatch");
}

#[test]
fn signing_certificate_may_be_required_to_lead_to_a_verified_ca() {
    let f = Family::new();
    let chain = f.leaf.with(&[&f.lower, &f.upper]);
    let group = || Memory::default().group("line", signed_by(&f.lower), Enabled);
    for (what, memory, expected) in [
        ("no CA", group(), "caMissing"),
        (
            "unverified root",
            group().authority("ca", &f.root, false),
            "caMissing",
        ),
        (
            "verified root",
            group().authority("ca", &f.root, true),
            "admitted line",
        ),
        (
            "verified itself",
            group().authority("ca", &f.lower, true),
            "admitted line",
        ),
        (
            "another family's root",
            group().authority("ca", &Made::root("root"), true),
            "caMissing",
        ),
    ] {
        let strict = memory.judge(&id("press-1"), None, Some(&chain), NOW, true);
        assert_eq!(outcome(&strict), expected, "{what}: {}", strict.trace);
        assert_eq!(
            outcome(&memory.judge_chain("press-1", &chain)),
            "admitted line",
            "{what}"
        );
    }
}

#[test]
fn trace_tells_what_was_looked_at_in_order() {
    let f = Family::new();
    let memory = Memory::default()
        .authority("ca", &f.upper, true)
        .group("first", refers_to("ca"), Enabled)
        .group("second", signed_by(&f.upper), Disabled);
    let judgement = memory.judge_chain("press-1", &f.leaf.with(&[&f.lower]));
    assert_eq!(
        judgement.trace.to_string(),
        "no individual enrollment; level 1 of the chain: CN=lower; CA certificate ca is verified; \
         level 2 of the chain: CN=upper; group second matches by its signing certificate and is disabled; \
         group first matches by the CA certificate ca and is enabled; group second decides"
    );
}

#[test]
fn a_leaf_that_the_registry_revoked_opens_no_group_and_no_enrollment() {
    let f = Family::new();
    let chain = f.leaf.with(&[&f.lower]);
    let revoked = vec![f.leaf.certificate.shown().key_sha256];
    for memory in [
        Memory::default().group("line", signed_by(&f.lower), Enabled),
        Memory::default().individual("press-1", pinned(&f.leaf), Enabled),
    ] {
        assert!(outcome(&memory.judge_chain("press-1", &chain)).starts_with("admitted"));
        let memory = Memory {
            revoked: revoked.clone(),
            ..memory
        };
        assert_eq!(outcome(&memory.judge_chain("press-1", &chain)), "revokedLeaf");
    }
}

/// whatever a CA that the registry revoked has signed, known to it or not, and whichever CA above it is
/// trusted; what the others signed is as good as before.
#[test]
fn under_a_ca_that_the_registry_revoked_nothing_opens_a_group_or_an_enrollment() {
    let f = Family::new();
    let chain = f.leaf.with(&[&f.lower, &f.upper]);
    let by_reference = IndividualMechanism::CaReferences(reference("ca"));
    for memory in [
        Memory::default().group("line", signed_by(&f.lower), Enabled),
        Memory::default().group("line", signed_by(&f.upper), Enabled),
        Memory::default().group("line", signed_by(&f.root), Enabled),
        Memory::default()
            .authority("ca", &f.root, true)
            .individual("press-1", by_reference, Enabled),
    ] {
        assert!(outcome(&memory.judge_chain("press-1", &chain)).starts_with("admitted"));
        let revoking = |made: &Made| Memory {
            revoked_cas: vec![made.certificate.ca_identity()],
            ..memory.clone()
        };
        let judged = |made: &Made| outcome(&revoking(made).judge_chain("press-1", &chain));
        assert_eq!(judged(&f.lower), "revokedLeaf");
        assert!(judged(&f.leaf).starts_with("admitted"), "it is no CA");
    }
}
