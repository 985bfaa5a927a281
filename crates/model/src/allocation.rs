//! Which hub a registration goes to: pure choices over the candidates.

use crate::{HubName, RegistrationId};

/// A hub that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The hub.
    pub hub: HubName,
    /// 0 to 1000; 0 is never chosen while another candidate has more.
    pub weight: u32,
}

/// Chooses by weighted rendezvous hashing: the same device keeps its hub while the candidates stay,
/// and when one is added or removed only the devices that must move do.
///
/// `None` when there is no candidate. When every weight is 0 all count as 1.
pub fn hashed<'a>(registration: &RegistrationId, candidates: &'a [Candidate]) -> Option<&'a HubName> {
    let all_zero = candidates.iter().all(|candidate| candidate.weight == 0);
    candidates
        .iter()
        .filter(|candidate| all_zero || candidate.weight > 0)
        .map(|candidate| {
            let weight = if all_zero { 1 } else { candidate.weight };
            (score(registration.key(), candidate.hub.key(), weight), candidate)
        })
        .max_by(|(a, left), (b, right)| a.total_cmp(b).then_with(|| left.hub.key().cmp(right.hub.key())))
        .map(|(_, candidate)| &candidate.hub)
}

/// The first candidate: what a static allocation means.
pub fn fixed(candidates: &[Candidate]) -> Option<&HubName> {
    candidates.first().map(|candidate| &candidate.hub)
}

/// The candidate that comes first in an order of hubs, whatever its weight; when the order names none
/// of them, as [`hashed`].
pub fn nearest<'a>(
    registration: &RegistrationId,
    order: &[HubName],
    candidates: &'a [Candidate],
) -> Option<&'a HubName> {
    let near = order
        .iter()
        .find_map(|hub| candidates.iter().find(|candidate| candidate.hub == *hub));
    near.map(|candidate| &candidate.hub)
        .or_else(|| hashed(registration, candidates))
}

/// Weighted rendezvous score: `-weight / ln(u)` for a hash `u` uniform in (0, 1).
fn score(registration: &str, hub: &str, weight: u32) -> f64 {
    let hash = mix(
        registration.as_bytes(),
        mix(hub.as_bytes(), 0xcbf2_9ce4_8422_2325),
    );
    // The top 53 bits are exact in a double; adding a half keeps u off both ends.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    let uniform = ((hash >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0;
    -f64::from(weight) / uniform.ln()
}

/// FNV-1a with a final avalanche: stable over releases, which the choice of a hub must be.
fn mix(bytes: &[u8], seed: u64) -> u64 {
    let mut hash = bytes.iter().fold(seed, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(weights: &[(&str, u32)]) -> Vec<Candidate> {
        weights
            .iter()
            .map(|(hub, weight)| Candidate {
                hub: HubName::parse(hub).unwrap(),
                weight: *weight,
            })
            .collect()
    }

    fn share(of: &str, among: &[Candidate]) -> usize {
        (0..10_000)
            .filter(|n| {
                let id = RegistrationId::parse(&format!("device-{n}")).unwrap();
                hashed(&id, among).unwrap().key() == of
            })
            .count()
    }

    #[test]
    fn no_candidate_gives_none() {
        let id = RegistrationId::parse("a").unwrap();
        assert_eq!(hashed(&id, &[]), None);
        assert_eq!(fixed(&[]), None);
    }

    #[test]
    fn weights_decide_the_share() {
        let among = candidates(&[("one", 1), ("three", 3)]);
        let share = share("three", &among);
        assert!((7_300..7_700).contains(&share), "{share}");
    }

    #[test]
    fn weight_zero_is_chosen_only_when_all_are_zero() {
        assert_eq!(share("none", &candidates(&[("none", 0), ("some", 1)])), 0);
        let equal = share("none", &candidates(&[("none", 0), ("some", 0)]));
        assert!((4_700..5_300).contains(&equal), "{equal}");
    }

    #[test]
    fn the_nearest_candidate_is_taken_and_without_one_all_share() {
        let among = candidates(&[("north", 0), ("south", 5), ("west", 5)]);
        let order = |names: &[&str]| -> Vec<HubName> {
            names.iter().map(|name| HubName::parse(name).unwrap()).collect()
        };
        for n in 0..100 {
            let id = RegistrationId::parse(&format!("device-{n}")).unwrap();
            let nearest = |names: &[&str]| nearest(&id, &order(names), &among).map(HubName::key);
            assert_eq!(nearest(&["gone", "North", "south"]), Some("north"));
            assert_eq!(nearest(&["south", "north"]), Some("south"));
            assert_eq!(nearest(&["gone"]), hashed(&id, &among).map(HubName::key));
            assert_eq!(nearest(&[]), hashed(&id, &among).map(HubName::key));
        }
        let id = RegistrationId::parse("a").unwrap();
        assert_eq!(nearest(&id, &order(&["north"]), &[]), None);
    }

    #[test]
    fn choice_ignores_order_and_case() {
        let (ab, ba) = (
            candidates(&[("a", 1), ("b", 1)]),
            candidates(&[("b", 1), ("a", 1)]),
        );
        for n in 0..100 {
            let lower = RegistrationId::parse(&format!("dev-{n}")).unwrap();
            let upper = RegistrationId::parse(&format!("DEV-{n}")).unwrap();
            assert_eq!(hashed(&lower, &ab), hashed(&upper, &ba));
        }
    }

    #[test]
    fn adding_a_hub_moves_only_devices_to_the_new_one() {
        let before = candidates(&[("a", 1), ("b", 1)]);
        let after = candidates(&[("a", 1), ("b", 1), ("c", 1)]);
        for n in 0..1_000 {
            let id = RegistrationId::parse(&format!("device-{n}")).unwrap();
            let (old, new) = (hashed(&id, &before).unwrap(), hashed(&id, &after).unwrap());
            assert!(new == old || new.key() == "c");
        }
    }
}
