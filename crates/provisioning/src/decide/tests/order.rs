//! The order of the search, against a naive model of it.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::memory::*;
use crate::fixture::Made;

/// Certificates are made once: the properties are about entries.
static FAMILY: LazyLock<[Made; 4]> = LazyLock::new(|| {
    let root = Made::root("root");
    let upper = root.ca("upper");
    let lower = upper.ca("lower");
    let leaf = lower.leaf("press-1");
    [lower, upper, root, leaf]
});

/// A group at a height, by certificate or by reference.
#[derive(Debug, Clone, Copy)]
struct Placed {
    height: usize,
    by_reference: bool,
    is_enabled: bool,
}

fn placed() -> impl Strategy<Value = Placed> {
    (0..3_usize, any::<bool>(), any::<bool>()).prop_map(|(height, by_reference, is_enabled)| Placed {
        height,
        by_reference,
        is_enabled,
    })
}

const NAMES: [&str; 3] = ["lower", "upper", "root"];

fn memory(groups: &[Placed]) -> Memory {
    let mut memory = Memory::default();
    for (made, name) in FAMILY.iter().zip(NAMES) {
        memory = memory.authority(name, made, true);
    }
    for (index, group) in groups.iter().enumerate() {
        let mechanism = if group.by_reference {
            refers_to(NAMES[group.height])
        } else {
            signed_by(&FAMILY[group.height])
        };
        let status = if group.is_enabled { Enabled } else { Disabled };
        memory = memory.group(&format!("g{index}"), mechanism, status);
    }
    memory
}

/// The lowest height with groups decides; there a disabled one wins, else the oldest.
fn expected(groups: &[Placed]) -> String {
    let level = |height| {
        groups
            .iter()
            .enumerate()
            .filter(move |(_, group)| group.height == height)
    };
    for height in 0..3 {
        let Some((oldest, _)) = level(height).next() else {
            continue;
        };
        return match level(height).find(|(_, group)| !group.is_enabled) {
            Some((disabled, _)) => format!("disabled g{disabled}"),
            None => format!("admitted g{oldest}"),
        };
    }
    "noEnrollment".to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    ///
    #[test]
    fn nearest_level_decides_and_disabled_wins_in_it(groups in proptest::collection::vec(placed(), 0..6)) {
        let [lower, upper, root, leaf] = &*FAMILY;
        let judgement = memory(&groups).judge_chain("press-1", &leaf.with(&[lower, upper, root]));
        prop_assert_eq!(outcome(&judgement), expected(&groups), "{}", judgement.trace);
    }

    /// What the device sends besides the needed certificates changes nothing, nor does its order.
    #[test]
    fn order_of_the_presented_certificates_does_not_matter(
        groups in proptest::collection::vec(placed(), 0..6),
        order in Just(vec![0, 1, 2]).prop_shuffle(),
    ) {
        let leaf = &FAMILY[3];
        let others: Vec<&Made> = order.iter().map(|index| &FAMILY[*index]).collect();
        let judgement = memory(&groups).judge_chain("press-1", &leaf.with(&others));
        prop_assert_eq!(outcome(&judgement), expected(&groups));
    }

    /// with an individual enrollment groups do not matter.
    #[test]
    fn individual_shadows_any_groups(groups in proptest::collection::vec(placed(), 0..6), is_enabled: bool) {
        let [lower, upper, root, leaf] = &*FAMILY;
        let status = if is_enabled { Enabled } else { Disabled };
        let memory = memory(&groups).individual("press-1", pinned(leaf), status);
        let judgement = memory.judge_chain("press-1", &leaf.with(&[lower, upper, root]));
        let expected = if is_enabled { "admitted press-1" } else { "disabled press-1" };
        prop_assert_eq!(outcome(&judgement), expected);
        prop_assert!(is_individual(&judgement));
        // without the certificate's owner, a key of the operator's own blocks as well.
        let blocked = Memory { individuals: Vec::new(), ..memory }.individual("press-1", own_key(1), Disabled);
        let judgement = blocked.judge_chain("press-1", &leaf.with(&[lower, upper, root]));
        prop_assert_eq!(outcome(&judgement), "wrongProof");
    }
}
