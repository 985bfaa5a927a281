use std::fmt;

use crate::{DeviceId, Timestamp};

/// The most partitions a hub can have.
pub const MAX_PARTITIONS: u16 = 32;

/// One of a hub's partitions, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId(u16);

impl PartitionId {
    /// The partition of this number; `None` beyond [`MAX_PARTITIONS`].
    pub fn new(number: u16) -> Option<Self> {
        (number < MAX_PARTITIONS).then_some(Self(number))
    }

    /// Reads the decimal number.
    pub fn parse(text: &str) -> Option<Self> {
        Self::new(text.parse().ok()?)
    }

    /// The partition of a device among `count`. Modules go with their device, so that everything a
    /// device says stays in order. Never changes: readers remember places by partition.
    pub fn of(device_id: &DeviceId, count: u16) -> Self {
        // FNV-1a, then the finalizer of SplitMix64: the low bits of FNV alone are poor.
        let hash = device_id
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let hash = hash ^ (hash >> 31);
        let number = hash % u64::from(count.clamp(1, MAX_PARTITIONS));
        Self(u16::try_from(number).unwrap_or(0))
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelemetryPartition {
    /// Which.
    pub id: PartitionId,
    /// The oldest message kept; the next one's number when none is. This is also how many messages
    /// retention has removed: numbers begin at 0.
    pub begin: i64,
    /// The number the next message gets.
    pub next: i64,
    /// The offset the next message gets.
    pub next_offset: i64,
    /// Bytes kept.
    pub bytes: i64,
    /// When the newest message came.
    pub last_enqueued_at: Option<Timestamp>,
}

impl TelemetryPartition {
    /// A partition that was never written.
    pub fn empty(id: PartitionId) -> Self {
        Self {
            id,
            begin: 0,
            next: 0,
            next_offset: 0,
            bytes: 0,
            last_enqueued_at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_stays_in_its_partition() {
        let of = |id: &str, count| PartitionId::of(&DeviceId::parse(id).unwrap(), count).get();
        // Fixed for ever: readers remember places by partition.
        let placed: Vec<u16> = ["press-1", "press-2", "press-3", "A", "a"]
            .iter()
            .map(|id| of(id, 4))
            .collect();
        assert_eq!(placed, PLACED);
        assert_eq!(of("press-1", 1), 0);
    }

    #[test]
    fn devices_spread_over_the_partitions() {
        let mut counts = [0_u32; 4];
        for n in 0..4_000 {
            let id = DeviceId::parse(&format!("press-{n:04}")).unwrap();
            counts[usize::from(PartitionId::of(&id, 4).get())] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1_150).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn numbers_beyond_the_most_are_none() {
        assert_eq!(PartitionId::parse("31").map(PartitionId::get), Some(31));
        for text in ["32", "-1", "", "a", "70000"] {
            assert_eq!(PartitionId::parse(text), None, "{text}");
        }
    }

    const PLACED: [u16; 5] = [1, 0, 0, 2, 0];
}
