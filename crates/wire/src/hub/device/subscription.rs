use std::fmt;

/// Everything a device may subscribe to (iot-hub-device-api.md 7.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subscription {
    /// `$iothub/twin/res/#`.
    TwinResponses,
    /// `$iothub/twin/PATCH/properties/desired/#`.
    DesiredChanges,
    /// `$iothub/methods/POST/#`.
    Methods,
    /// `$iothub/credentials/res/#`.
    CredentialResponses,
    /// `devices/{id}/messages/devicebound/#`.
    CloudToDevice {
        /// Whose; must be the session's.
        device: String,
    },
    /// `devices/{id}/modules/{mid}/inputs/#`.
    ModuleInputs {
        /// Whose.
        device: String,
        /// Which module's.
        module: String,
    },
    /// `devices/{id}/modules/{mid}/#` or, from Java, `devices/{id}/modules/{mid}/messages/devicebound/#`.
    ModuleMessages {
        /// Whose.
        device: String,
        /// Which module's.
        module: String,
    },
}

const FIXED: [(&str, Subscription); 6] = [
    ("$iothub/twin/res/#", Subscription::TwinResponses),
    (
        "$iothub/twin/PATCH/properties/desired/#",
        Subscription::DesiredChanges,
    ),
    ("$iothub/methods/POST/#", Subscription::Methods),
    ("$iothub/credentials/res/#", Subscription::CredentialResponses),
    // As Azure's documentation writes it once (certificate-management.md 3.3).
    ("$iothub/credential/#", Subscription::CredentialResponses),
    ("$iothub/credential/res/#", Subscription::CredentialResponses),
];

/// Reads a topic filter; `None` for any other, on which the connection is closed.
pub fn parse_filter(filter: &str) -> Option<Subscription> {
    if let Some((_, subscription)) = FIXED.iter().find(|(text, _)| *text == filter) {
        return Some(subscription.clone());
    }
    let parts: Vec<&str> = filter.split('/').take(8).collect();
    let plain = |part: &str| !part.is_empty() && !part.contains(['+', '#']);
    match parts.as_slice() {
        ["devices", device, "messages", "devicebound", "#"] if plain(device) => {
            Some(Subscription::CloudToDevice {
                device: (*device).to_owned(),
            })
        }
        ["devices", device, "modules", module, "inputs", "#"] if plain(device) && plain(module) => {
            Some(Subscription::ModuleInputs {
                device: (*device).to_owned(),
                module: (*module).to_owned(),
            })
        }
        ["devices", device, "modules", module, "#"]
        | [
            "devices",
            device,
            "modules",
            module,
            "messages",
            "devicebound",
            "#",
        ] if plain(device) && plain(module) => Some(Subscription::ModuleMessages {
            device: (*device).to_owned(),
            module: (*module).to_owned(),
        }),
        _ => None,
    }
}

impl fmt::Display for Subscription {
    /// The filter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloudToDevice { device } => write!(f, "devices/{device}/messages/devicebound/#"),
            Self::ModuleInputs { device, module } => write!(f, "devices/{device}/modules/{module}/inputs/#"),
            Self::ModuleMessages { device, module } => write!(f, "devices/{device}/modules/{module}/#"),
            fixed => FIXED
                .iter()
                .find(|(_, subscription)| subscription == fixed)
                .map_or(Ok(()), |(text, _)| f.write_str(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_row_of_the_table() {
        let device = "press-1".to_owned();
        let module = "m".to_owned();
        let messages = Subscription::ModuleMessages {
            device: device.clone(),
            module: module.clone(),
        };
        for (filter, expected) in [
            ("$iothub/twin/res/#", Subscription::TwinResponses),
            (
                "$iothub/twin/PATCH/properties/desired/#",
                Subscription::DesiredChanges,
            ),
            ("$iothub/methods/POST/#", Subscription::Methods),
            ("$iothub/credentials/res/#", Subscription::CredentialResponses),
            (
                "devices/press-1/messages/devicebound/#",
                Subscription::CloudToDevice {
                    device: device.clone(),
                },
            ),
            (
                "devices/press-1/modules/m/inputs/#",
                Subscription::ModuleInputs { device, module },
            ),
        ] {
            assert_eq!(parse_filter(filter), Some(expected.clone()));
            assert_eq!(expected.to_string(), filter);
        }
        assert_eq!(messages.to_string(), "devices/press-1/modules/m/#");
        for filter in [
            "devices/press-1/modules/m/#",
            "devices/press-1/modules/m/messages/devicebound/#",
        ] {
            assert_eq!(parse_filter(filter), Some(messages.clone()));
        }
    }

    #[test]
    fn every_other_filter_is_refused() {
        for filter in [
            "",
            "#",
            "+",
            "$iothub/#",
            "$iothub/twin/res/+",
            "devices/+/messages/devicebound/#",
            "devices//messages/devicebound/#",
            "devices/d/messages/events/#",
            "devices/d/modules/m/messages/devicebound/#/x",
        ] {
            assert_eq!(parse_filter(filter), None, "{filter}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(filter in any::<String>()) {
            let _ = parse_filter(&filter);
        }
    }
}
