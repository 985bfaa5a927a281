use std::time::Duration;

use provost_model::{IndividualMechanism, Slots};

use super::memory::*;
use crate::decide::Step;
use crate::fixture::{Made, NOW, id, key, keys};

#[test]
fn leaf_of_the_entry_is_admitted_by_either_slot() {
    let (old, new) = (Made::alone("press-1"), Made::alone("press-1"));
    let both = IndividualMechanism::ClientCertificates(Slots {
        primary: Some(der(&old)),
        secondary: Some(der(&new)),
    });
    let memory = Memory::default().individual("press-1", both, Enabled);
    for leaf in [&old, &new] {
        let judgement = memory.judge_chain("Press-1", &leaf.with(&[]));
        assert_eq!(outcome(&judgement), "admitted press-1");
        assert!(is_individual(&judgement));
    }
    let stranger = memory.judge_chain("press-1", &Made::alone("press-1").with(&[]));
    assert_eq!(
        (outcome(&stranger).as_str(), message(&stranger)),
        ("thumbprintMismatch", "Invalid certificate.")
    );
}

#[test]
fn common_name_must_be_the_registration_id() {
    let leaf = Made::alone("another");
    let memory = Memory::default().individual("press-1", pinned(&leaf), Enabled);
    let judgement = memory.judge_chain("press-1", &leaf.with(&[]));
    assert_eq!(
        (outcome(&judgement).as_str(), message(&judgement)),
        ("commonNameMismatch", "Invalid certificate.")
    );
    let upper = Made::alone("PRESS-1");
    let memory = Memory::default().individual("press-1", pinned(&upper), Enabled);
    assert_eq!(
        outcome(&memory.judge_chain("press-1", &upper.with(&[]))),
        "admitted press-1"
    );
}

#[test]
fn dates_are_judged_at_the_instant_of_registration() {
    let leaf = Made::alone("press-1");
    let memory = Memory::default().individual("press-1", pinned(&leaf), Enabled);
    let chain = leaf.with(&[]);
    let day = Duration::from_hours(24);
    for (at, expected) in [
        (NOW.before(day).before(Duration::from_secs(1)), "notYetValid"),
        (NOW.before(day), "admitted press-1"),
        (NOW.after(day), "admitted press-1"),
        (NOW.after(day).after(Duration::from_secs(1)), "expired"),
    ] {
        let judgement = memory.judge(&id("press-1"), None, Some(&chain), at, false);
        assert_eq!(outcome(&judgement), expected, "{at:?}");
    }
}

#[test]
fn own_key_is_used_as_it_is() {
    let memory = Memory::default().individual("press-1", own_key(1), Enabled);
    for (key, expected) in [
        (keys(1).primary, "admitted press-1"),
        (keys(1).secondary, "admitted press-1"),
        (key(9), "badSignature"),
    ] {
        let text = token("press-1", &key);
        let judgement = memory.judge(&id("press-1"), Some(&text), None, NOW, false);
        assert_eq!(outcome(&judgement), expected);
    }
}

#[test]
fn token_must_be_for_this_device_scope_and_time() {
    let memory = Memory::default().individual("press-1", own_key(1), Enabled);
    let key = keys(1).primary;
    let good = token("press-1", &key);
    let judge = |text: &str, at| outcome(&memory.judge(&id("press-1"), Some(text), None, at, false));
    assert_eq!(judge(&token("press-2", &key), NOW), "wrongResource");
    let policy = provost_attestation::sas::sign(
        "0ne00111111/registrations/press-1",
        &key,
        NOW.after(Duration::from_mins(1)),
        Some("owner"),
    );
    assert_eq!(judge(&policy, NOW), "wrongPolicy");
    let scope = provost_attestation::sas::sign(
        "0ne00222222/registrations/press-1",
        &key,
        NOW.after(Duration::from_mins(1)),
        None,
    );
    assert_eq!(judge(&scope, NOW), "wrongResource");
    assert_eq!(judge("nonsense", NOW), "malformedToken");
    let hour = Duration::from_hours(1);
    assert_eq!(judge(&good, NOW.after(hour)), "admitted press-1");
    assert_eq!(
        judge(&good, NOW.after(hour + Duration::from_mins(5))),
        "expiredToken"
    );
}

#[test]
fn disabled_entry_is_told_to_the_one_who_proves_himself() {
    let leaf = Made::alone("press-1");
    let memory = Memory::default().individual("press-1", pinned(&leaf), Disabled);
    assert_eq!(
        outcome(&memory.judge_chain("press-1", &leaf.with(&[]))),
        "disabled press-1"
    );
    let stranger = Made::alone("press-1");
    assert_eq!(
        outcome(&memory.judge_chain("press-1", &stranger.with(&[]))),
        "thumbprintMismatch"
    );
}

/// whatever the individual enrollment says, groups are not looked at.
#[test]
fn individual_shadows_groups_whatever_its_attestation() {
    let root = Made::root("root");
    let leaf = root.leaf("press-1");
    let chain = leaf.with(&[&root]);
    let base = || Memory::default().group("all", signed_by(&root), Enabled);
    assert_eq!(outcome(&base().judge_chain("press-1", &chain)), "admitted all");
    for (mechanism, status, expected) in [
        (pinned(&leaf), Disabled, "disabled press-1"),
        (pinned(&Made::alone("press-1")), Enabled, "thumbprintMismatch"),
        (pinned(&Made::alone("press-1")), Disabled, "thumbprintMismatch"),
        (own_key(1), Enabled, "wrongProof"),
        (own_key(1), Disabled, "wrongProof"),
        (
            IndividualMechanism::CaReferences(reference("gone")),
            Enabled,
            "caMissing",
        ),
    ] {
        let memory = base().individual("Press-1", mechanism, status);
        let judgement = memory.judge_chain("press-1", &chain);
        assert_eq!(outcome(&judgement), expected);
        let looked_at_groups = judgement
            .trace
            .steps()
            .iter()
            .any(|step| matches!(step, Step::Group { .. } | Step::Level { .. }));
        assert!(!looked_at_groups, "{}", judgement.trace);
        // another device of the group is not concerned.
        let other = root.leaf("press-2");
        assert_eq!(
            outcome(&memory.judge_chain("press-2", &other.with(&[&root]))),
            "admitted all"
        );
    }
}

#[test]
fn ca_reference_needs_a_path_to_a_verified_ca() {
    let root = Made::root("root");
    let middle = root.ca("middle");
    let leaf = middle.leaf("press-1");
    let entry = || {
        let mechanism = IndividualMechanism::CaReferences(reference("ca"));
        Memory::default().individual("press-1", mechanism, Enabled)
    };
    let (full, short) = (leaf.with(&[&middle]), leaf.with(&[]));
    for (memory, chain, expected, told) in [
        (
            entry().authority("ca", &root, true),
            &full,
            "admitted press-1",
            "",
        ),
        (
            entry().authority("ca", &root, true),
            &short,
            "caMissing",
            "CA certificate not found.",
        ),
        (
            entry().authority("ca", &middle, true),
            &short,
            "admitted press-1",
            "",
        ),
        (
            entry().authority("ca", &root, false),
            &full,
            "caUnverified",
            "CA certificate not found.",
        ),
        (entry(), &full, "caMissing", "CA certificate not found."),
        (
            entry().authority("other", &root, true),
            &full,
            "caMissing",
            "CA certificate not found.",
        ),
    ] {
        let judgement = memory.judge_chain("press-1", chain);
        assert_eq!(
            (outcome(&judgement).as_str(), message(&judgement)),
            (expected, told),
            "{}",
            judgement.trace
        );
    }
}

#[test]
fn without_any_proof_a_device_is_refused() {
    let judgement = Memory::default().judge(&id("press-1"), None, None, NOW, false);
    assert_eq!(
        (outcome(&judgement).as_str(), message(&judgement)),
        ("noProof", "Unauthorized")
    );
}
