mod certificate;
mod stay;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

pub(super) use self::certificate::CertificateArguments;
pub(super) use self::stay::{Misbehaviour, StayArguments};

/// `provost simulate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  provost simulate --devices 100\n  \
        provost simulate --devices 100 --attestation symmetric --protocol https --no-pause --cleanup\n  \
        provost simulate --devices 20 --messages 10 --interval 0.5\n  \
        provost simulate --devices 20 --prefix line --stay --for 3s --authority certificates")]
pub struct SimulateArguments {
    /// How many devices
    #[arg(long, short = 'n', default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(super) devices: u32,
    /// Beginning of the registration IDs; a number of seven digits follows
    #[arg(long, default_value = "sim", value_name = "TEXT")]
    pub(super) prefix: String,
    /// How devices prove themselves
    #[arg(long, visible_alias = "attestation-type", default_value = "x509")]
    pub(super) attestation: Attestation,
    /// What devices register over; hub sessions are MQTT, inside a WebSocket for mqtt-ws
    #[arg(long, default_value = "mqtt")]
    pub(super) protocol: Protocol,
    /// Devices that register or connect at the same time
    #[arg(long, short, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) concurrency: u32,
    /// Poll at once instead of after the time the service asks for
    #[arg(long)]
    pub(super) no_pause: bool,
    /// Connect to the assigned hub after registering; implied by --messages
    #[arg(long, help_heading = "Hub")]
    pub(super) connect: bool,
    /// Telemetry messages of each device
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Hub")]
    pub(super) messages: u32,
    /// Seconds between two messages of a device
    #[arg(long, default_value = "1", value_name = "SECONDS", value_parser = seconds, help_heading = "Hub")]
    pub(super) interval: Duration,
    /// Use this enrollment group instead of making one
    #[arg(long, visible_aliases = ["gid", "group"], value_name = "ID", help_heading = "Enrollment group")]
    pub(super) enrollment_group_id: Option<String>,
    /// Certificate that signs the devices of a given X.509 group, its intermediates behind it, PEM
    #[arg(
        long,
        requires_all = ["issuer_key", "enrollment_group_id"],
        conflicts_with = "authority",
        value_name = "FILE",
        help_heading = "Enrollment group"
    )]
    pub(super) issuer_certificate: Option<PathBuf>,
    /// Key of that certificate, PEM
    #[arg(
        long,
        requires = "issuer_certificate",
        value_name = "FILE",
        help_heading = "Enrollment group"
    )]
    pub(super) issuer_key: Option<PathBuf>,
    /// Folder with the authority that signs the devices, made when it is not there; a group made here
    /// then names its intermediate. What lies there counts each time a device gets a certificate, so
    /// that `provost simulate-authority roll` takes effect
    #[arg(long, value_name = "DIR", help_heading = "Enrollment group")]
    pub(super) authority: Option<PathBuf>,
    /// Delete registrations, hub devices and a group made here when done
    #[arg(long)]
    pub(super) cleanup: bool,
    #[command(flatten)]
    pub(super) certificates: CertificateArguments,
    #[command(flatten)]
    pub(super) staying: StayArguments,
    /// Name of the provisioning service [default: the first]
    #[arg(long, value_name = "NAME", help_heading = "Where")]
    pub(super) dps_name: Option<String>,
    /// ID scope; needed with --login
    #[arg(long, value_name = "SCOPE", help_heading = "Where")]
    pub(super) id_scope: Option<String>,
    /// Host devices register at [default: the one of the service]
    #[arg(long, visible_alias = "host", value_name = "HOST", help_heading = "Where")]
    pub(super) provisioning_host: Option<String>,
}

/// How simulated devices prove themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Attestation {
    /// Certificates below an intermediate
    X509,
    /// Keys derived from the group's
    #[value(alias = "symmetrickey")]
    Symmetric,
}

/// What simulated devices talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Protocol {
    Mqtt,
    MqttWs,
    Https,
}

impl SimulateArguments {
    /// The registration ID of a device, counted from 1.
    pub(super) fn registration_id(&self, number: u32) -> String {
        format!("{}-{number:07}", self.prefix)
    }

    /// How a device misbehaves, if it does. The number is in its registration ID.
    pub(super) fn misbehaviour_of(&self, registration_id: &str) -> Option<Misbehaviour> {
        let number = registration_id
            .strip_prefix(self.prefix.as_str())
            .and_then(|rest| rest.strip_prefix('-'))
            .and_then(|number| number.parse().ok());
        self.staying
            .misbehaviour_of(number.unwrap_or(u32::MAX), registration_id)
    }

    /// Whether devices go on to the hub.
    pub(super) fn connects(&self) -> bool {
        self.connect || self.messages > 0 || self.staying.stay
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: SimulateArguments,
    }

    #[test]
    fn ids_are_counted_and_messages_need_a_connection() {
        let line = Line::parse_from("x -n 3 --prefix press --messages 2 --interval 0.25".split(' '));
        assert_eq!(line.arguments.registration_id(3), "press-0000003");
        assert!(line.arguments.connects());
        assert_eq!(line.arguments.interval, Duration::from_millis(250));
    }

    #[test]
    fn an_issuer_belongs_to_a_given_group() {
        let line = "x --issuer-certificate a.pem --issuer-key a.key";
        assert!(Line::try_parse_from(line.split(' ')).is_err());
        let line = format!("{line} --gid line-7");
        assert!(Line::try_parse_from(line.split(' ')).is_ok());
        assert!(Line::try_parse_from("x --interval -1".split(' ')).is_err());
    }

    #[test]
    fn the_first_ones_and_those_named_misbehave() {
        let line = "x --stay --for 10m --misbehave 2 --misbehave-id sim-0000009 --misbehaviour error";
        let staying = Line::parse_from(line.split(' ')).arguments.staying;
        assert_eq!(staying.stay_for, Some(Duration::from_mins(10)));
        assert_eq!(
            staying.misbehaviour_of(2, "sim-0000002"),
            Some(Misbehaviour::Error)
        );
        assert_eq!(staying.misbehaviour_of(3, "sim-0000003"), None);
        assert_eq!(
            staying.misbehaviour_of(9, "sim-0000009"),
            Some(Misbehaviour::Error)
        );
        assert!(Line::try_parse_from("x --misbehave 2".split(' ')).is_err());
        assert!(Line::try_parse_from("x --stay --messages 2".split(' ')).is_err());
    }
}
