//! Stored telemetry that is not what was written: refused, or read the same in one piece and in several.

use provost_model::{PartitionId, StoredSegment};

pub(crate) fn run(data: &[u8]) {
    let Some(partition) = PartitionId::new(0) else {
        return;
    };
    let segment = StoredSegment {
        partition,
        first_sequence: 5,
        first_offset: 100,
        bytes: data.to_vec(),
    };
    let Ok((all, end)) = segment.messages(0, usize::MAX, |_| true) else {
        return;
    };
    assert_eq!(end - 5, i64::try_from(all.len()).unwrap_or(-1));
    if let Ok((one, next)) = segment.messages(0, 1, |_| true)
        && let Ok((rest, last)) = segment.messages(next, usize::MAX, |_| true)
    {
        assert_eq!(last, end);
        assert_eq!([one, rest].concat(), all);
    }
    assert!(
        segment
            .messages(0, usize::MAX, |_| false)
            .is_ok_and(|(none, _)| none.is_empty())
    );
}
