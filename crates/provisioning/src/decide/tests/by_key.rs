use std::time::Duration;

use provost_attestation::symmetric::derive_device_key;
use provost_model::DeviceAuth;

use super::memory::*;
use crate::credential::device_auth;
use crate::decide::{Decision, Judgement};
use crate::fixture::{NOW, id, keys};

fn judge(memory: &Memory, name: &str, text: &str) -> Judgement {
    memory.judge(&id(name), Some(text), None, NOW, false)
}

#[test]
fn derived_keys_of_both_slots_are_admitted_and_the_group_key_is_not() {
    let memory = Memory::default().group("line", group_key(1), Enabled);
    for (key, expected) in [
        (derive_device_key(&keys(1).primary, "press-1"), "admitted line"),
        (derive_device_key(&keys(1).secondary, "press-1"), "admitted line"),
        (keys(1).primary, "noEnrollment"),
        (derive_device_key(&keys(1).primary, "press-2"), "noEnrollment"),
    ] {
        let judgement = judge(&memory, "press-1", &token("press-1", &key));
        assert_eq!(outcome(&judgement), expected);
    }
}

#[test]
fn key_may_be_derived_from_the_id_as_written_or_in_lower_case() {
    let memory = Memory::default().group("line", group_key(1), Enabled);
    for spelling in ["Press-1", "press-1"] {
        let key = derive_device_key(&keys(1).secondary, spelling);
        let judgement = judge(&memory, "Press-1", &token("Press-1", &key));
        assert_eq!(outcome(&judgement), "admitted line", "{spelling}");
        let Decision::Admitted(found) = judgement.decision else {
            panic!("admitted")
        };
        // The hub gets the keys the device really has.
        let DeviceAuth::Sas(pair) = device_auth(&found.proof) else {
            panic!("keys")
        };
        assert_eq!(pair.secondary, key);
        assert_eq!(pair.primary, derive_device_key(&keys(1).primary, spelling));
    }
}

#[test]
fn the_group_whose_key_signed_decides() {
    let memory = Memory::default()
        .group("a", group_key(1), Enabled)
        .group("b", group_key(11), Disabled)
        .group("c", group_key(21), Enabled);
    for (byte, expected) in [
        (1, "admitted a"),
        (11, "disabled b"),
        (21, "admitted c"),
        (31, "noEnrollment"),
    ] {
        let key = derive_device_key(&keys(byte).primary, "press-1");
        assert_eq!(
            outcome(&judge(&memory, "press-1", &token("press-1", &key))),
            expected
        );
    }
}

#[test]
fn of_groups_that_share_a_key_the_disabled_one_wins_else_the_oldest() {
    let key = derive_device_key(&keys(1).primary, "press-1");
    let text = token("press-1", &key);
    let shared = |first, second| {
        Memory::default()
            .group("old", group_key(1), first)
            .group("new", group_key(1), second)
    };
    for (first, second, expected) in [
        (Enabled, Enabled, "admitted old"),
        (Enabled, Disabled, "disabled new"),
        (Disabled, Enabled, "disabled old"),
        (Disabled, Disabled, "disabled old"),
    ] {
        assert_eq!(
            outcome(&judge(&shared(first, second), "press-1", &text)),
            expected
        );
    }
}

#[test]
fn expired_token_of_a_group_is_told_apart_for_the_operator() {
    let memory = Memory::default().group("line", group_key(1), Enabled);
    let text = token("press-1", &derive_device_key(&keys(1).primary, "press-1"));
    let late = NOW.after(Duration::from_hours(2));
    let judgement = memory.judge(&id("press-1"), Some(&text), None, late, false);
    assert_eq!(
        (outcome(&judgement).as_str(), message(&judgement)),
        ("expiredToken", "Unauthorized")
    );
}
