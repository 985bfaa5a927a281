//! Percent-encoding (RFC 3986 2.1).

/// Decodes each `%XX` once. A `%` without two hexadecimal digits stays as it is; `None` when the
/// result is not UTF-8.
pub fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        match (byte, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.push(hex(*high).unwrap_or_default() << 4 | hex(*low).unwrap_or_default());
                rest = after;
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// [`decode`] after `+` became a space: the form of HTML and of query strings.
pub fn decode_form(text: &str) -> Option<String> {
    if text.contains('+') {
        decode(&text.replace('+', " "))
    } else {
        decode(text)
    }
}

/// Encodes all but the unreserved characters of RFC 3986 2.3, with upper-case digits.
pub fn encode(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| {
        DIGITS
            .get(usize::from(nibble & 15))
            .map_or('0', |d| char::from(*d))
    };
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(digit(byte >> 4));
            out.push(digit(byte));
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decodes_either_case_once() {
        assert_eq!(decode("a%2Fb%2fc").unwrap(), "a/b/c");
        assert_eq!(decode("%2541").unwrap(), "%41");
        assert_eq!(decode("100%").unwrap(), "100%");
        assert_eq!(decode("%zz+").unwrap(), "%zz+");
        assert_eq!(decode("%ff"), None);
        assert_eq!(decode_form("a+b%2B").unwrap(), "a b+");
    }

    #[test]
    fn encodes_like_the_clients() {
        assert_eq!(encode("$.ct=a b"), "%24.ct%3Da%20b");
    }

    proptest! {
        #[test]
        fn round_trip(text in any::<String>()) {
            prop_assert_eq!(decode(&encode(&text)), Some(text.clone()));
            let _ = decode(&text);
        }
    }
}
