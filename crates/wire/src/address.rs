//! Addresses: paths, queries and api-versions.

use provost_model::{ErrorKind, IdError};

use crate::percent;

/// What a request line means to one of the services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routed<T> {
    /// This operation.
    To(T),
    /// The path is known, the method is not: 405.
    MethodNotAllowed,
    /// Not one of this service's paths.
    NotFound,
    /// One of this service's paths with something wrong in it: 400.
    Malformed(RouteError),
}

impl<T> Routed<T> {
    /// The same with another operation type.
    pub fn map<U>(self, into: impl FnOnce(T) -> U) -> Routed<U> {
        match self {
            Self::To(operation) => Routed::To(into(operation)),
            Self::MethodNotAllowed => Routed::MethodNotAllowed,
            Self::NotFound => Routed::NotFound,
            Self::Malformed(error) => Routed::Malformed(error),
        }
    }
}

impl<T> From<Result<T, RouteError>> for Routed<T> {
    fn from(result: Result<T, RouteError>) -> Self {
        match result {
            Ok(operation) => Self::To(operation),
            Err(error) => Self::Malformed(error),
        }
    }
}

/// What is wrong with an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// An identifier in the path is not valid.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A part of the path or query is not percent-encoded UTF-8.
    #[error("address is not percent-encoded UTF-8")]
    Encoding,
    /// `api-version` is missing (dps-service-api.md 0.2: 400000; iot-hub-service-api.md 1.4: 400001).
    #[error("query parameter `api-version` is missing")]
    ApiVersion {
        /// The service's number for it.
        code: u32,
    },
    /// `api-version` is none that this provider serves.
    #[error("the api-version is not supported; supported are {supported}")]
    UnsupportedVersion {
        /// Those that are, with commas between.
        supported: &'static str,
    },
    /// A query parameter has a value that is not allowed.
    #[error("query parameter `{0}` is not valid")]
    Parameter(&'static str),
    /// A query parameter that the address does not know, on a request that changes something: it may have been
    /// meant to hold that back. What is kept of its name is short and printable.
    #[error("query parameter `{0}` is not known here; nothing was changed")]
    UnknownParameter(String),
}

impl RouteError {
    /// Always [`ErrorKind::Invalid`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    /// Azure's number.
    pub fn code(&self) -> u32 {
        match self {
            Self::ApiVersion { code } => *code,
            Self::Id(_)
            | Self::Encoding
            | Self::Parameter(_)
            | Self::UnknownParameter(_)
            | Self::UnsupportedVersion { .. } => 400_004,
        }
    }

    /// The query parameter it is about.
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::ApiVersion { .. } | Self::UnsupportedVersion { .. } => Some("api-version"),
            Self::Parameter(name) => Some(name),
            Self::UnknownParameter(name) => Some(name),
            Self::Id(_) | Self::Encoding => None,
        }
    }

    /// What the caller may read.
    pub fn public_message(&self) -> String {
        self.to_string()
    }
}

/// The api-version a client speaks; any text is accepted, an absent one is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiVersion(String);

impl ApiVersion {
    const MAX: usize = 64;

    /// Keeps up to 64 characters of the text.
    pub fn new(text: &str) -> Self {
        Self(text.chars().take(Self::MAX).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the client named none.
    pub fn is_absent(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the version of that date (`YYYY-MM-DD`) or a later one; previews count as
    /// their date. An absent or odd version is older than everything.
    pub fn is_since(&self, date: &str) -> bool {
        self.date().is_some_and(|own| own >= date)
    }

    /// Whether this is the version of that date or an earlier one; previews count as their date. Of
    /// an absent or odd version nothing is known.
    pub fn is_until(&self, date: &str) -> bool {
        self.date().is_some_and(|own| own <= date)
    }

    fn date(&self) -> Option<&str> {
        let is_date = |text: &&str| {
            text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
        };
        self.0.get(..10).filter(is_date)
    }
}

/// The non-empty segments of a path, still encoded. A path of more than [`MAX_SEGMENTS`] is empty.
pub(crate) fn segments(path: &str) -> Vec<&str> {
    let all: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .take(MAX_SEGMENTS + 1)
        .collect();
    if all.len() > MAX_SEGMENTS { Vec::new() } else { all }
}

/// More than any address we know.
const MAX_SEGMENTS: usize = 16;

/// Whether a segment is this word, without case.
pub(crate) fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

/// Decodes a segment and reads it as an identifier.
pub(crate) fn id<T>(segment: &str, parse: impl FnOnce(&str) -> Result<T, IdError>) -> Result<T, RouteError> {
    let text = percent::decode(segment).ok_or(RouteError::Encoding)?;
    Ok(parse(&text)?)
}

/// A query string, still encoded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// The text after `?`, without it.
    pub fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The first parameter of this name (without case), decoded. `None` when absent or when its
    /// value is not UTF-8.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let same = key.eq_ignore_ascii_case(name)
                || percent::decode_form(key).is_some_and(|key| key.eq_ignore_ascii_case(name));
            same.then(|| percent::decode_form(value)).flatten()
        })
    }

    /// A switch: absent is off; there without a value, or `true`, is on; `false` is off.
    ///
    /// # Errors
    /// Another value, one that cannot be decoded, or the parameter twice: a switch that holds something back is
    /// never taken for absent.
    pub(crate) fn switch(&self, name: &'static str) -> Result<bool, RouteError> {
        let mut given = self.pairs().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let Some((_, value)) = given.next() else {
            return Ok(false);
        };
        if given.next().is_some() {
            return Err(RouteError::Parameter(name));
        }
        match percent::decode_form(value).as_deref() {
            Some("" | "true") => Ok(true),
            Some("false") => Ok(false),
            _ => Err(RouteError::Parameter(name)),
        }
    }

    /// A switch that lets more happen: the same, but it counts with its value written out only.
    ///
    /// # Errors
    /// As [`Self::switch`], and without a value.
    pub(crate) fn spelled_switch(&self, name: &'static str) -> Result<bool, RouteError> {
        match self.get(name).as_deref() {
            Some("") => Err(RouteError::Parameter(name)),
            _ => self.switch(name),
        }
    }

    /// Refuses parameters other than these and `api-version`, which many clients always send.
    ///
    /// # Errors
    /// [`RouteError::UnknownParameter`].
    pub(crate) fn has_only(&self, names: &[&str]) -> Result<(), RouteError> {
        let is_known = |key: &str| {
            key.eq_ignore_ascii_case("api-version") || names.iter().any(|name| key.eq_ignore_ascii_case(name))
        };
        match self.pairs().find(|(key, _)| !is_known(key)) {
            Some((key, _)) => Err(unknown(&key)),
            None => Ok(()),
        }
    }

    /// Refuses what asks to be shown only what would happen, or for more to happen than the address does: `dryRun`
    /// and `force`, also misspelt with hyphens or underscores.
    ///
    /// # Errors
    /// [`RouteError::UnknownParameter`].
    pub(crate) fn has_no_reservation(&self) -> Result<(), RouteError> {
        let is_one = |key: &str| {
            let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
            ["dryrun", "force", "whatif"]
                .iter()
                .any(|word| letters.eq_ignore_ascii_case(word))
        };
        match self.pairs().find(|(key, _)| is_one(key)) {
            Some((key, _)) => Err(unknown(&key)),
            None => Ok(()),
        }
    }

    /// Names, decoded as far as they can be, with their values, still encoded.
    fn pairs(&self) -> impl Iterator<Item = (String, &'a str)> {
        let parts = self.0.split('&').filter(|pair| !pair.is_empty());
        parts.map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent::decode_form(key).unwrap_or_else(|| key.to_owned()), value)
        })
    }

    /// `api-version`; absent is empty.
    pub fn api_version(&self) -> ApiVersion {
        ApiVersion::new(&self.get("api-version").unwrap_or_default())
    }

    /// `api-version`, or the service's error number for its absence.
    pub fn required_api_version(&self, code: u32) -> Result<ApiVersion, RouteError> {
        let version = self.api_version();
        if version.is_absent() {
            Err(RouteError::ApiVersion { code })
        } else {
            Ok(version)
        }
    }

    /// A number.
    pub fn number(&self, name: &'static str) -> Result<Option<u64>, RouteError> {
        self.get(name)
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().map_err(|_| RouteError::Parameter(name)))
            .transpose()
    }
}

/// Most characters that are told of a name somebody else chose.
const MAX_TOLD: usize = 32;

fn unknown(key: &str) -> RouteError {
    let told = key.chars().filter(char::is_ascii_graphic).take(MAX_TOLD);
    RouteError::UnknownParameter(told.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_that_is_there_is_never_absent() {
        let read = |text| Query::new(text).switch("dryRun");
        for (text, is_on) in [
            ("", false),
            ("dryRun", true),
            ("dryRun=", true),
            ("DRYRUN=true", true),
            ("dry%52un=true", true),
            ("dryRun=false", false),
        ] {
            assert_eq!(read(text), Ok(is_on), "{text}");
        }
        for text in ["dryRun=%ff", "dryRun=yes", "dryRun=false&dryrun=true"] {
            assert_eq!(read(text), Err(RouteError::Parameter("dryRun")), "{text}");
        }
        for text in ["force", "force=", "force=1"] {
            let read = Query::new(text).spelled_switch("force");
            assert_eq!(read, Err(RouteError::Parameter("force")), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_told_in_few_words() {
        let query = Query::new("api-version=1&dryRun&dry-run=true");
        let unknown = Err(RouteError::UnknownParameter("dry-run".to_owned()));
        assert_eq!(query.has_only(&["dryRun"]), unknown);
        assert_eq!(Query::new("api-version=1&dryRun").has_only(&["dryRun"]), Ok(()));
        for text in ["dryRun=true", "dry_run", "dry%2Drun=1", "FORCE=true", "what-if"] {
            assert!(Query::new(text).has_no_reservation().is_err(), "{text}");
        }
        assert_eq!(Query::new("api-version=1&$top=3").has_no_reservation(), Ok(()));
        let long = format!("%FF\u{7}{}=1", "x".repeat(500));
        let Err(RouteError::UnknownParameter(told)) = Query::new(&long).has_only(&[]) else {
            panic!("taken");
        };
        assert_eq!(told.len(), MAX_TOLD);
    }

    #[test]
    fn versions_compare_by_date() {
        for (version, since_2021, since_2019) in [
            ("2019-03-31", false, true),
            ("2021-06-01", true, true),
            ("2021-11-01-preview", true, true),
            ("", false, false),
            ("zzzzzzzzzzzz", false, false),
        ] {
            let version = ApiVersion::new(version);
            assert_eq!(version.is_since("2021-06-01"), since_2021, "{version:?}");
            assert_eq!(version.is_since("2019-03-31"), since_2019, "{version:?}");
        }
    }

    #[test]
    fn an_odd_version_is_neither_old_nor_new() {
        for (version, until_2018) in [
            ("2017-08-31-preview", true),
            ("2018-04-01", true),
            ("2018-09-01-preview", false),
            ("2021-06-01", false),
            ("", false),
            ("1-2-345678", false),
        ] {
            let version = ApiVersion::new(version);
            assert_eq!(version.is_until("2018-04-01"), until_2018, "{version:?}");
        }
    }

    #[test]
    fn query_is_read_leniently() {
        let query = Query::new("a=1&API-Version=2021-10-01&b&top=x");
        assert_eq!(query.api_version().as_str(), "2021-10-01");
        assert_eq!(query.get("b").as_deref(), Some(""));
        assert_eq!(query.number("a"), Ok(Some(1)));
        assert_eq!(query.number("top"), Err(RouteError::Parameter("top")));
        assert_eq!(query.number("c"), Ok(None));
    }

    #[test]
    fn too_many_segments_are_nobodys_path() {
        assert!(segments(&"/a".repeat(17)).is_empty());
        assert_eq!(segments("/a//b/"), ["a", "b"]);
    }
}
