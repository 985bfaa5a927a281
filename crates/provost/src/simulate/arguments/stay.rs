use std::time::Duration;

use clap::{Args, ValueEnum};

/// What `--stay` is told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Devices that stay")]
pub(in crate::simulate) struct StayArguments {
    /// Stay connected and send at --interval until Ctrl-C; come back by themselves, answer methods
    #[arg(long, conflicts_with = "messages")]
    pub(in crate::simulate) stay: bool,
    /// End after this time, such as 90s, 10m or 2h
    #[arg(long = "for", id = "stay_for", value_name = "TIME", value_parser = time, requires = "stay")]
    pub(in crate::simulate) stay_for: Option<Duration>,
    /// Direct method at which a device registers again, with a new certificate
    #[arg(long, default_value = "reprovision", value_name = "NAME")]
    pub(in crate::simulate) reprovision_method: String,
    /// So many devices do not obey that method: the first ones
    #[arg(long, default_value_t = 0, value_name = "N", requires = "stay")]
    pub(in crate::simulate) misbehave: u32,
    /// A device that does not obey it, by its registration ID; can be given again
    #[arg(long, value_name = "ID", requires = "stay")]
    pub(in crate::simulate) misbehave_id: Vec<String>,
    /// What such a device does
    #[arg(long, visible_alias = "misbehavior", default_value = "vanish")]
    pub(in crate::simulate) misbehaviour: Misbehaviour,
}

/// What a device that does not obey does when it is to register again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::simulate) enum Misbehaviour {
    /// Answers 200, leaves and never comes back
    Vanish,
    /// Answers 200, leaves and comes back with the certificate or key it has
    OldCertificate,
    /// Answers 500 and stays
    Error,
}

impl StayArguments {
    /// How the device of this number and registration ID misbehaves, if it does.
    pub(in crate::simulate) fn misbehaviour_of(
        &self,
        number: u32,
        registration_id: &str,
    ) -> Option<Misbehaviour> {
        let is_named = self.misbehave_id.iter().any(|id| id == registration_id);
        (number <= self.misbehave || is_named).then_some(self.misbehaviour)
    }
}

/// Seconds, or a number with `s`, `m` or `h` behind it.
fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (text.get(..at), 1.0),
        Some((at, 'm')) => (text.get(..at), 60.0),
        Some((at, 'h')) => (text.get(..at), 3600.0),
        _ => (Some(text), 1.0),
    };
    let number: f64 = number
        .unwrap_or_default()
        .parse()
        .map_err(|_| "a time is a number with s, m or h behind it, such as 10m".to_owned())?;
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_or_are_seconds() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400)] {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "m", "-1s", "10d", "1m30s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
