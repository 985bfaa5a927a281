use std::fmt;

/// How many devices may fail before a run pauses: a share of those called, `5%`, or a number, `10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureLimit {
    /// More than so many hundredths of a percent of those called.
    Share(u32),
    /// More than so many.
    Count(u32),
}

/// Why a text is no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a share of the devices called, such as 5%, or a number of devices")]
pub struct FailureLimitError;

/// A share is judged once so many were called: one of two says little. Smaller fleets are judged
/// when all were called.
const SAMPLE: u64 = 20;
/// Hundredths of a percent that are everything.
const WHOLE: u32 = 10_000;

impl FailureLimit {
    /// Reads the text.
    ///
    /// # Errors
    /// [`FailureLimitError`].
    pub fn parse(text: &str) -> Result<Self, FailureLimitError> {
        let text = text.trim();
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().map(Self::Count).map_err(|_| FailureLimitError);
        };
        let (whole, part) = percent.trim().split_once('.').unwrap_or((percent.trim(), "0"));
        let digits = |text: &str| -> Result<u32, FailureLimitError> {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number
                .then(|| text.parse().ok())
                .flatten()
                .ok_or(FailureLimitError)
        };
        let part = match part.len() {
            1 => digits(part)? * 10,
            2 => digits(part)?,
            _ => return Err(FailureLimitError),
        };
        let share = digits(whole)?
            .checked_mul(100)
            .and_then(|whole| whole.checked_add(part));
        share
            .filter(|share| *share <= WHOLE)
            .map(Self::Share)
            .ok_or(FailureLimitError)
    }

    /// Whether `bad` of `asked` devices are too many, of a fleet of `devices`.
    pub fn is_over(self, asked: u64, bad: u64, devices: u64) -> bool {
        match self {
            Self::Count(most) => bad > u64::from(most),
            Self::Share(share) => {
                asked >= SAMPLE.min(devices)
                    && bad.saturating_mul(u64::from(WHOLE)) > asked.saturating_mul(u64::from(share))
            }
        }
    }
}

impl fmt::Display for FailureLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(share) if share % 100 == 0 => write!(f, "{}%", share / 100),
            Self::Share(share) => write!(f, "{}.{:02}%", share / 100, share % 100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, limit, shown) in [
            ("5%", FailureLimit::Share(500), "5%"),
            ("0.5%", FailureLimit::Share(50), "0.50%"),
            ("2.25 %", FailureLimit::Share(225), "2.25%"),
            ("100%", FailureLimit::Share(10_000), "100%"),
            ("10", FailureLimit::Count(10), "10"),
            ("0", FailureLimit::Count(0), "0"),
        ] {
            assert_eq!(FailureLimit::parse(text), Ok(limit), "{text}");
            assert_eq!(limit.to_string(), shown);
            assert_eq!(FailureLimit::parse(shown), Ok(limit), "{shown}");
        }
        for text in ["", "%", "101%", "-1", "5.123%", "x%", "5.%", "1e2", "+5%"] {
            assert_eq!(FailureLimit::parse(text), Err(FailureLimitError), "{text}");
        }
    }

    #[test]
    fn a_share_needs_a_sample_and_is_exceeded_not_reached() {
        let limit = FailureLimit::Share(500);
        for (asked, bad, devices, is_over) in [
            (2, 2, 1_000, false),
            (19, 19, 1_000, false),
            (20, 1, 1_000, false),
            (20, 2, 1_000, true),
            (1_000, 50, 1_000, false),
            (1_000, 51, 1_000, true),
            // A small fleet is judged once all were called.
            (3, 3, 4, false),
            (4, 1, 4, true),
            (4, 0, 4, false),
            (0, 0, 0, false),
        ] {
            assert_eq!(
                limit.is_over(asked, bad, devices),
                is_over,
                "{bad} of {asked} of {devices}"
            );
        }
        assert!(FailureLimit::Count(0).is_over(1, 1, 1_000));
        assert!(!FailureLimit::Count(10).is_over(500, 10, 1_000));
    }
}
