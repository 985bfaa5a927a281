use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Random;

/// An entity tag: changes with every write of the thing it belongs to.
///
/// Kept without the quotes that HTTP puts around it. Ours are base64 of a quoted text, as the real
/// service's are (dps-device-api.md 2.5), with an alphabet no shell or header minds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Etag(String);

impl Etag {
    /// A fresh tag.
    pub fn generate(random: &dyn Random) -> Self {
        // Ten hex digits and two quotes are 12 bytes: 16 characters, no padding, no `+` or `/`.
        Self(STANDARD.encode(format!("\"{}\"", random.hex(5))))
    }

    /// The tag of a counted document (twins): base64 of the counter in eight bytes, big-endian.
    pub fn from_counter(counter: i64) -> Self {
        Self(STANDARD.encode(counter.to_be_bytes()))
    }

    /// A tag read back from the store or taken from a body; one level of quotes is removed.
    pub fn from_text(text: &str) -> Self {
        Self(unquote(text).to_owned())
    }

    /// The text without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The precondition of a write: which state the caller has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// No header: the caller says nothing.
    Absent,
    /// `*` or `"*"`: any existing state.
    Any,
    /// Exactly this state.
    Tag(Etag),
}

impl IfMatch {
    /// Reads a header value in every spelling clients use: `*`, `"*"`, `tag`, `"tag"`, `W/"tag"`;
    /// an empty one is an absent one (Terraform sends it so).
    pub fn parse(header: Option<&str>) -> Self {
        let text = header.unwrap_or_default().trim();
        let text = unquote(text.strip_prefix("W/").unwrap_or(text));
        match text {
            "" => Self::Absent,
            "*" => Self::Any,
            tag => Self::Tag(Etag::from_text(tag)),
        }
    }

    /// Whether a thing with this tag may be written.
    pub fn admits(&self, current: &Etag) -> bool {
        match self {
            Self::Absent | Self::Any => true,
            Self::Tag(tag) => tag == current,
        }
    }
}

fn unquote(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::SystemRandom;

    #[test]
    fn if_match_reads_every_spelling() {
        let tag = || IfMatch::Tag(Etag::from_text("abc"));
        for (header, expected) in [
            (None, IfMatch::Absent),
            (Some(""), IfMatch::Absent),
            (Some("*"), IfMatch::Any),
            (Some("\"*\""), IfMatch::Any),
            (Some("abc"), tag()),
            (Some("\"abc\""), tag()),
            (Some("W/\"abc\""), tag()),
        ] {
            assert_eq!(IfMatch::parse(header), expected, "{header:?}");
        }
    }

    #[test]
    fn generated_tags_are_shell_safe_and_differ() {
        let (a, b) = (Etag::generate(&SystemRandom), Etag::generate(&SystemRandom));
        assert_ne!(a, b);
        assert!(a.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric()), "{a}");
    }

    #[test]
    fn counter_tags_look_like_the_hubs() {
        assert_eq!(Etag::from_counter(7).as_str(), "AAAAAAAAAAc=");
    }

    #[test]
    fn only_a_tag_refuses() {
        let current = Etag::from_text("abc");
        assert!(IfMatch::parse(Some("\"abc\"")).admits(&current));
        assert!(!IfMatch::parse(Some("\"abd\"")).admits(&current));
        assert!(IfMatch::Any.admits(&current));
    }
}
