//! The whole decision against a slow model of it that only counts heights.

use std::sync::LazyLock;

use proptest::prelude::*;
use provost_model::IndividualMechanism;

use super::memory::*;
use crate::fixture::Made;

const LEAF: usize = 0;
const LOWER: usize = 1;
const ROOT: usize = 3;
const NAMES: [&str; 4] = ["leaf", "lower", "upper", "root"];

/// Leaf, lower and upper CA, root: certificates are made once, the properties are about entries.
static FAMILY: LazyLock<[Made; 4]> = LazyLock::new(|| {
    let root = Made::root("root");
    let upper = root.ca("upper");
    let lower = upper.ca("lower");
    let leaf = lower.leaf("press-1");
    [leaf, lower, upper, root]
});

/// What the device's own enrollment asks for.
#[derive(Debug, Clone, Copy)]
enum Own {
    Pinned(usize),
    Reference(usize),
    Key,
}

/// A group for the certificate at a height, by certificate or by reference.
#[derive(Debug, Clone, Copy)]
struct Placed {
    height: usize,
    by_reference: bool,
    is_enabled: bool,
}

#[derive(Debug, Clone)]
struct World {
    own: Option<(Own, bool)>,
    /// Enrollments of other devices that hold the certificate at a height.
    others: Vec<(usize, bool)>,
    groups: Vec<Placed>,
    /// CA certificates by height: absent, unverified, verified.
    authorities: [Option<bool>; 4],
    /// Which issuers the device sends along.
    is_sent: [bool; 4],
}

fn worlds() -> impl Strategy<Value = World> {
    let own = prop_oneof![
        (LEAF..=LOWER).prop_map(Own::Pinned),
        (LOWER..=ROOT).prop_map(Own::Reference),
        Just(Own::Key),
    ];
    let placed =
        (LEAF..=ROOT, any::<bool>(), any::<bool>()).prop_map(|(height, by_reference, is_enabled)| Placed {
            height,
            by_reference,
            is_enabled,
        });
    (
        proptest::option::weighted(0.3, (own, any::<bool>())),
        proptest::collection::vec((LEAF..=ROOT, proptest::bool::weighted(0.7)), 0..3),
        proptest::collection::vec(placed, 0..6),
        proptest::array::uniform4(proptest::option::weighted(0.8, proptest::bool::weighted(0.8))),
        proptest::array::uniform4(proptest::bool::weighted(0.7)),
    )
        .prop_map(|(own, others, groups, mut authorities, mut is_sent)| {
            // A leaf is no CA.
            authorities[LEAF] = None;
            is_sent[LEAF] = true;
            World {
                own,
                others,
                groups,
                authorities,
                is_sent,
            }
        })
}

fn status(is_enabled: bool) -> provost_model::ProvisioningStatus {
    if is_enabled { Enabled } else { Disabled }
}

impl World {
    fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        for (height, authority) in self.authorities.iter().enumerate() {
            if let Some(is_verified) = authority {
                memory = memory.authority(NAMES[height], &FAMILY[height], *is_verified);
            }
        }
        if let Some((own, is_enabled)) = self.own {
            let mechanism = match own {
                Own::Pinned(height) => pinned(&FAMILY[height]),
                Own::Reference(height) => IndividualMechanism::CaReferences(reference(NAMES[height])),
                Own::Key => own_key(1),
            };
            memory = memory.individual("press-1", mechanism, status(is_enabled));
        }
        for (index, (height, is_enabled)) in self.others.iter().enumerate() {
            let name = format!("other-{index}");
            memory = memory.individual(&name, pinned(&FAMILY[*height]), status(*is_enabled));
        }
        for (index, group) in self.groups.iter().enumerate() {
            let mechanism = if group.by_reference {
                refers_to(NAMES[group.height])
            } else {
                signed_by(&FAMILY[group.height])
            };
            memory = memory.group(&format!("g{index}"), mechanism, status(group.is_enabled));
        }
        memory
    }

    fn chain(&self) -> provost_pki::PresentedChain {
        let sent: Vec<&Made> = (LOWER..=ROOT)
            .filter(|height| self.is_sent[*height])
            .map(|height| &FAMILY[height])
            .collect();
        FAMILY[LEAF].with(&sent)
    }

    /// `admitted NAME`, `disabled NAME`, `held` or `refused`.
    fn expected(&self) -> String {
        let Some((name, is_enabled, path)) = self.found() else {
            return "refused".to_owned();
        };
        if !is_enabled {
            return format!("disabled {name}");
        }
        let is_judged = |height: usize| {
            let is_pinned = path == LEAF;
            height <= path || (!is_pinned && self.is_sent[height])
        };
        let is_held = self.others.iter().any(|(height, on)| !on && is_judged(*height))
            || self.groups.iter().any(|group| {
                let holds = !group.by_reference || self.authorities[group.height].is_some();
                !group.is_enabled && holds && is_judged(group.height)
            });
        if is_held {
            "held".to_owned()
        } else {
            format!("admitted {name}")
        }
    }

    /// The entry that decides, whether it is enabled, and how high the path to it goes.
    fn found(&self) -> Option<(String, bool, usize)> {
        if let Some((own, is_enabled)) = self.own {
            let path = match own {
                Own::Pinned(LEAF) => LEAF,
                Own::Reference(height) if self.authorities[height] == Some(true) => (LOWER..height)
                    .all(|below| self.is_sent[below])
                    .then_some(height)?,
                _ => return None,
            };
            return Some(("press-1".to_owned(), is_enabled, path));
        }
        let reached = |height: &usize| (LOWER..=*height).all(|at| self.is_sent[at] || self.is_registered(at));
        let hits: Vec<(usize, usize, bool)> = (LOWER..=ROOT)
            .filter(reached)
            .flat_map(|height| self.groups_at(height))
            .collect();
        let disabled = hits.iter().find(|(_, _, is_enabled)| !is_enabled);
        let (index, height, is_enabled) = disabled.or(hits.first())?;
        Some((format!("g{index}"), *is_enabled, *height))
    }

    fn groups_at(&self, height: usize) -> Vec<(usize, usize, bool)> {
        let is_usable = |group: &Placed| !group.by_reference || self.authorities[height] == Some(true);
        self.groups
            .iter()
            .enumerate()
            .filter(|(_, group)| group.height == height && is_usable(group))
            .map(|(index, group)| (index, height, group.is_enabled))
            .collect()
    }

    fn is_registered(&self, height: usize) -> bool {
        let signs = |group: &Placed| group.height == height && !group.by_reference;
        self.authorities[height] == Some(true) || self.groups.iter().any(signs)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    ///
    #[test]
    fn decision_is_that_of_the_slow_model(world in worlds()) {
        let judgement = world.memory().judge_chain("press-1", &world.chain());
        let got = match outcome(&judgement) {
            text if text.starts_with("held") => "held".to_owned(),
            text if text.starts_with("admitted") || text.starts_with("disabled") => text,
            _ => "refused".to_owned(),
        };
        prop_assert_eq!(got, world.expected(), "{}", judgement.trace);
    }

    /// The order in which a device sends its certificates changes nothing.
    #[test]
    fn order_of_the_presented_certificates_does_not_matter(
        world in worlds(),
        order in Just(vec![1, 2, 3]).prop_shuffle(),
    ) {
        let sent: Vec<&Made> = order
            .iter()
            .filter(|height| world.is_sent[**height])
            .map(|height| &FAMILY[*height])
            .collect();
        let shuffled = world.memory().judge_chain("press-1", &FAMILY[LEAF].with(&sent));
        let sorted = world.memory().judge_chain("press-1", &world.chain());
        prop_assert_eq!(outcome(&shuffled), outcome(&sorted));
    }
}
