//! Bytes of a stranger as MQTT packets: decoded one after the other until they run out or are refused.

use crate::mqtt::codec;

/// The largest remaining length the target accepts, bytes.
const MAX_REMAINING: usize = 4096;

pub(crate) fn run(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((_, consumed))) = codec::decode(rest, MAX_REMAINING) {
        assert!(
            consumed > 0 && consumed <= rest.len(),
            "a packet takes up some of what is there"
        );
        rest = &rest[consumed..];
    }
}
