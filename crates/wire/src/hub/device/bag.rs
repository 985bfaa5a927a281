use crate::percent;

/// The properties of a message: application properties and system properties (`$.` keys), each in
/// the order sent; `None` is a key without `=` (iot-hub-device-api.md 5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PropertyBag {
    /// Application properties.
    pub properties: Vec<(String, Option<String>)>,
    /// System properties, keys with their `$.` prefix.
    pub system_properties: Vec<(String, Option<String>)>,
}

/// More properties than any message has; a topic is at most 65,535 bytes anyway.
pub const MAX_PROPERTIES: usize = 512;

/// Why a bag is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BagError {
    /// More than [`MAX_PROPERTIES`].
    #[error("message has more than {MAX_PROPERTIES} properties")]
    TooMany,
    /// A key or value is not percent-encoded UTF-8.
    #[error("a message property is not percent-encoded UTF-8")]
    Encoding,
}

/// Reads `k=v&k2=v2&flag`, percent-encoded; `+` stays a plus sign. Empty entries are skipped.
pub fn parse_bag(text: &str) -> Result<PropertyBag, BagError> {
    let mut bag = PropertyBag::default();
    // Some clients put `?` in front of the bag.
    let text = text.strip_prefix('?').unwrap_or(text);
    let entries = text.split('&').filter(|entry| !entry.is_empty());
    for (position, entry) in entries.enumerate() {
        if position >= MAX_PROPERTIES {
            return Err(BagError::TooMany);
        }
        let (key, value) = match entry.split_once('=') {
            Some((key, value)) => (key, Some(percent::decode(value).ok_or(BagError::Encoding)?)),
            None => (entry, None),
        };
        let key = percent::decode(key).ok_or(BagError::Encoding)?;
        if key.starts_with("$.") {
            bag.system_properties.push((key, value));
        } else {
            bag.properties.push((key, value));
        }
    }
    Ok(bag)
}

/// The text of a bag: system properties first and as `%24.…`, as C and Java want it
/// (iot-hub-device-api.md 6). Space is `%20`.
pub fn format_bag(bag: &PropertyBag) -> String {
    let mut text = String::new();
    for (key, value) in bag.system_properties.iter().chain(&bag.properties) {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(&percent::encode(key));
        if let Some(value) = value {
            text.push('=');
            text.push_str(&percent::encode(value));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_of_the_reference() {
        let bag = parse_bag("%24.ct=application%2Fjson&$.ce=utf-8&a=1&b=&c&d=x%20y+z").unwrap();
        let pair = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
        assert_eq!(
            bag.system_properties,
            [
                pair("$.ct", Some("application/json")),
                pair("$.ce", Some("utf-8"))
            ]
        );
        assert_eq!(
            bag.properties,
            [
                pair("a", Some("1")),
                pair("b", Some("")),
                pair("c", None),
                pair("d", Some("x y+z"))
            ]
        );
        assert_eq!(
            format_bag(&bag),
            "%24.ct=application%2Fjson&%24.ce=utf-8&a=1&b=&c&d=x%20y%2Bz"
        );
    }

    #[test]
    fn limits() {
        assert_eq!(parse_bag(""), Ok(PropertyBag::default()));
        assert_eq!(parse_bag(&"a&".repeat(513)), Err(BagError::TooMany));
        assert_eq!(parse_bag("a=%ff"), Err(BagError::Encoding));
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = parse_bag(&text);
        }

        #[test]
        fn round_trip(
            plain in proptest::collection::vec(("[^$].{0,8}", proptest::option::of(".{0,8}")), 0..6),
            system in proptest::collection::vec(("\\$\\.[a-z]{1,4}", proptest::option::of(".{0,8}")), 0..4),
        ) {
            let bag = PropertyBag { properties: plain, system_properties: system };
            prop_assert_eq!(parse_bag(&format_bag(&bag)), Ok(bag));
        }
    }
}
