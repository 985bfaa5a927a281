use super::PartitionId;
use crate::{ConsumerGroupName, Timestamp};

/// A reader's place: the next message of each partition it reads. Ordered by partition, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TelemetryCursor(Vec<(PartitionId, i64)>);

impl TelemetryCursor {
    /// The place that reads on in these partitions. Of a partition named twice the last counts.
    pub fn new(places: impl IntoIterator<Item = (PartitionId, i64)>) -> Self {
        let mut cursor = Self::default();
        for (partition, next) in places {
            cursor.set(partition, next);
        }
        cursor
    }

    /// Each partition and the number of its next message.
    pub fn places(&self) -> &[(PartitionId, i64)] {
        &self.0
    }

    /// The next message of a partition, when it is read.
    pub fn next_of(&self, partition: PartitionId) -> Option<i64> {
        let place = self.0.iter().find(|(known, _)| *known == partition)?;
        Some(place.1)
    }

    /// Moves in one partition.
    pub fn set(&mut self, partition: PartitionId, next: i64) {
        match self.0.binary_search_by_key(&partition, |place| place.0) {
            Ok(at) => {
                if let Some(place) = self.0.get_mut(at) {
                    place.1 = next;
                }
            }
            Err(at) => self.0.insert(at, (partition, next)),
        }
    }
}

/// Where a reader begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TelemetryStart {
    /// With the oldest message kept.
    Earliest,
    /// With what comes from now on.
    Latest,
    /// With the first message of this instant or later.
    Since(Timestamp),
    /// With this message of the one partition that is read.
    Sequence(i64),
    /// Where the group stopped; in partitions where it has not begun, with what comes from now on.
    Checkpoint(ConsumerGroupName),
    /// Where a page ended.
    Cursor(TelemetryCursor),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_ordered_and_each_is_there_once() {
        let id = |number| PartitionId::new(number).unwrap();
        let mut cursor = TelemetryCursor::new([(id(2), 5), (id(0), 1), (id(2), 7)]);
        cursor.set(id(1), 3);
        assert_eq!(cursor.places(), [(id(0), 1), (id(1), 3), (id(2), 7)]);
        assert_eq!(cursor.next_of(id(2)), Some(7));
        assert_eq!(cursor.next_of(id(3)), None);
    }
}
