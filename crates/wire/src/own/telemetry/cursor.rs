use provost_model::{PartitionId, TelemetryCursor};

/// More than any cursor has.
const MAX_TEXT: usize = 32 * 24;

/// A place as text: partition and next number of each, `0-17.1-4`. The same text is what pages call
/// `next` and event streams call `id`.
pub fn format_cursor(cursor: &TelemetryCursor) -> String {
    let places = cursor.places().iter();
    let places: Vec<String> = places
        .map(|(partition, next)| format!("{partition}-{next}"))
        .collect();
    places.join(".")
}

/// Reads a place; `None` for anything else, the empty text among it.
pub fn parse_cursor(text: &str) -> Option<TelemetryCursor> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let place = |part: &str| {
        let (partition, next) = part.split_once('-')?;
        let next: i64 = next.parse().ok().filter(|next| *next >= 0)?;
        Some((PartitionId::parse(partition)?, next))
    };
    let places: Option<Vec<_>> = text.split('.').map(place).collect();
    Some(TelemetryCursor::new(places?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_names_each_partition() {
        let id = |number| PartitionId::new(number).unwrap();
        let cursor = TelemetryCursor::new([(id(1), 4), (id(0), 17)]);
        assert_eq!(format_cursor(&cursor), "0-17.1-4");
        assert_eq!(parse_cursor("0-17.1-4"), Some(cursor));
        for text in ["", "0", "0-", "0-x", "99-1", "0--1", "0-1.", "7"] {
            assert_eq!(parse_cursor(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(places in proptest::collection::btree_map(0_u16..32, 0_i64..i64::MAX, 1..32)) {
            let places = places.into_iter().map(|(id, next)| (PartitionId::new(id).unwrap(), next));
            let cursor = TelemetryCursor::new(places);
            prop_assert_eq!(parse_cursor(&format_cursor(&cursor)), Some(cursor));
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = parse_cursor(&text);
        }
    }
}
