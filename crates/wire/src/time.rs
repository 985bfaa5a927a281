//! Instants as text.

use provost_model::Timestamp;

/// What hub answers hold where there is no instant; clients do not accept null
/// (iot-hub-service-api.md 4).
pub const NEVER: &str = "0001-01-01T00:00:00Z";

const MAX_TEXT: usize = 64;

/// ISO 8601 UTC with seven fractional digits and `Z`: `2022-08-31T22:02:50.5163352Z`
/// (dps-device-api.md 2.5). The seventh digit is always 0.
pub fn iso(at: Timestamp) -> String {
    civil(at).strftime("%Y-%m-%dT%H:%M:%S.%6f0Z").to_string()
}

/// ISO 8601 UTC in whole seconds: `2017-11-14T12:34:18Z` (dps-service-api.md 3.4).
pub fn iso_seconds(at: Timestamp) -> String {
    civil(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// [`iso`], or [`NEVER`].
pub fn iso_or_never(at: Option<Timestamp>) -> String {
    at.map_or_else(|| NEVER.to_owned(), iso)
}

/// The date form of HTTP headers and ARM certificates: `Sat, 31 Oct 2020 20:59:00 GMT`
/// (dps-service-api.md 4.4).
pub fn rfc1123(at: Timestamp) -> String {
    civil(at).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads ISO 8601 with `Z`, an offset or no zone (then UTC), with any number of fractional digits.
/// What lies outside the years 1 to 9999 or is not such a text gives `None`.
pub fn parse_iso(text: &str) -> Option<Timestamp> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let local = text.parse::<jiff::civil::DateTime>().ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(local).ok()
    })?;
    Some(Timestamp::from_micros(instant.as_microsecond()))
}

/// The instant in jiff's terms, held between the years 1 and 9999.
fn civil(at: Timestamp) -> jiff::Timestamp {
    const FIRST: i64 = -62_135_596_800_000_000;
    const LAST: i64 = 253_402_207_200_000_000;
    jiff::Timestamp::from_microsecond(at.as_micros().clamp(FIRST, LAST))
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// Serde form of an instant in whole seconds.
pub(crate) mod seconds {
    use provost_model::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::iso_seconds(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        super::parse_iso(&text).ok_or_else(|| D::Error::custom("not an ISO 8601 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_has_seven_digits_and_reads_back() {
        let at = Timestamp::from_micros(1_661_983_370_516_335);
        assert_eq!(iso(at), "2022-08-31T22:02:50.5163350Z");
        assert_eq!(parse_iso(&iso(at)), Some(at));
        assert_eq!(
            iso(Timestamp::from_unix_seconds(0)),
            "1970-01-01T00:00:00.0000000Z"
        );
    }

    #[test]
    fn other_forms() {
        let at = Timestamp::from_unix_seconds(1_604_177_940);
        assert_eq!(rfc1123(at), "Sat, 31 Oct 2020 20:59:00 GMT");
        assert_eq!(iso_seconds(at), "2020-10-31T20:59:00Z");
        assert_eq!(iso_or_never(None), NEVER);
    }

    #[test]
    fn reading_is_lenient_about_zone_and_digits() {
        let at = Timestamp::from_unix_seconds(1_604_177_940);
        for text in [
            "2020-10-31T20:59:00Z",
            "2020-10-31T20:59:00.0000000Z",
            "2020-10-31T22:59:00+02:00",
            "2020-10-31T20:59:00",
        ] {
            assert_eq!(parse_iso(text), Some(at), "{text}");
        }
        assert_eq!(parse_iso("yesterday"), None);
        assert!(parse_iso(NEVER).is_some());
    }

    #[test]
    fn ends_of_the_range_do_not_fail() {
        assert_eq!(
            iso(Timestamp::from_micros(i64::MIN)),
            "0001-01-01T00:00:00.0000000Z"
        );
        assert!(iso(Timestamp::from_micros(i64::MAX)).starts_with("9999-"));
    }
}
