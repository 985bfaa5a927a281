//! Devices with an individual enrollment and a symmetric key, both told by a number, so that the
//! process that stores a million of them and the one that acts as some need to share nothing.

use anyhow::Result;
use provost_model::SymmetricKey;

/// A prime: a walk in this stride meets every member of a population of round size once.
const STRIDE: u64 = 7_919;

/// The member at a position of the walk through a population.
pub(crate) fn member(position: u32, population: u32) -> u32 {
    let index = u64::from(position) * STRIDE % u64::from(population);
    u32::try_from(index).unwrap_or(0)
}

/// The registration ID of a member.
pub(crate) fn id(index: u32) -> String {
    format!("unit-{index:07}")
}

/// The key of a member, 32 bytes. Told by its number: worthless outside a benchmark.
pub(crate) fn key(index: u32) -> Result<SymmetricKey> {
    let byte = |place: u32| {
        index
            .wrapping_mul(0x9e37_79b9)
            .wrapping_add(place * 0x0101)
            .to_be_bytes()
    };
    Ok(SymmetricKey::from_bytes((0..8).flat_map(byte).collect())?)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_walk_meets_every_member_once() {
        let members: HashSet<u32> = (0..1_000).map(|position| member(position, 1_000)).collect();
        assert_eq!(members.len(), 1_000);
    }

    #[test]
    fn a_short_walk_reaches_the_whole_population() {
        let members = (0..1_000).map(|position| member(position, 1_000_000));
        assert!(members.max() > Some(990_000));
    }

    #[test]
    fn members_differ_in_id_and_key() {
        assert_ne!(id(1), id(2));
        assert!(key(1).unwrap() != key(2).unwrap());
    }
}
