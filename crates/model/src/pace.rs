use std::fmt;
use std::time::Duration;

/// How often something may be done: `50/s`, `3000/min`, `100/h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pace {
    count: u32,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Second,
    Minute,
    Hour,
}

/// Why a text is no pace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 1 to {MAX} and `/s`, `/min` or `/h`, such as 50/s")]
pub struct PaceError;

/// Faster than this is no pace.
const MAX: u32 = 1_000_000;

impl Pace {
    /// Reads the text; a number alone counts per second.
    ///
    /// # Errors
    /// [`PaceError`].
    pub fn parse(text: &str) -> Result<Self, PaceError> {
        let (count, unit) = match text.trim().split_once('/') {
            None => (text.trim(), Unit::Second),
            Some((count, "s" | "sec" | "second")) => (count, Unit::Second),
            Some((count, "m" | "min" | "minute")) => (count, Unit::Minute),
            Some((count, "h" | "hour")) => (count, Unit::Hour),
            Some(_) => return Err(PaceError),
        };
        let count: u32 = count.trim().parse().map_err(|_| PaceError)?;
        if (1..=MAX).contains(&count) {
            Ok(Self { count, unit })
        } else {
            Err(PaceError)
        }
    }

    /// The time between two.
    pub fn interval(self) -> Duration {
        let unit = match self.unit {
            Unit::Second => Duration::from_secs(1),
            Unit::Minute => Duration::from_mins(1),
            Unit::Hour => Duration::from_hours(1),
        };
        unit / self.count
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => "s",
            Unit::Minute => "min",
            Unit::Hour => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_their_intervals() {
        for (text, shown, millis) in [
            ("50/s", "50/s", 20),
            ("3000/min", "3000/min", 20),
            ("60/m", "60/min", 1_000),
            ("100/h", "100/h", 36_000),
            (" 4 ", "4/s", 250),
        ] {
            let pace = Pace::parse(text).unwrap();
            assert_eq!(pace.to_string(), shown);
            assert_eq!(pace.interval(), Duration::from_millis(millis), "{text}");
            assert_eq!(Pace::parse(shown), Ok(pace));
        }
        for text in ["", "0/s", "-1/s", "5/d", "5/", "/s", "1000001/s", "1.5/s"] {
            assert_eq!(Pace::parse(text), Err(PaceError), "{text}");
        }
    }
}
