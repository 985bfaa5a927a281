//! What a session wants to hear, in two bytes: idle sessions are many.

/// What a device or module asked to hear; without it the hub keeps silent. One for each filter that
/// may be subscribed to (iot-hub-device-api.md 7.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Answers to its own twin requests.
    TwinResponses,
    /// Changes of desired properties.
    Desired,
    /// Method calls.
    Methods,
    /// Cloud-to-device messages.
    CloudToDevice,
    /// Answers to requests for certificates.
    CredentialResponses,
    /// Inputs of a module; granted and silent: nothing is routed between modules here.
    ModuleInputs,
    /// Everything addressed to a module; silent as well.
    ModuleMessages,
}

/// The quality of service a subscription was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Granted {
    /// `QoS` 0.
    AtMostOnce,
    /// `QoS` 1; also what `QoS` 2 is granted as (iot-hub-device-api.md 4.4).
    AtLeastOnce,
}

/// Subscriptions a session may hold; C uses five (iot-hub-device-api.md 7.5).
pub(crate) const MAX_SUBSCRIPTIONS: usize = 5;

impl Feature {
    const ALL: [Self; 7] = [
        Self::TwinResponses,
        Self::Desired,
        Self::Methods,
        Self::CloudToDevice,
        Self::CredentialResponses,
        Self::ModuleInputs,
        Self::ModuleMessages,
    ];

    /// Two bits of [`Subscriptions`], from here on.
    fn shift(self) -> u16 {
        match self {
            Self::TwinResponses => 0,
            Self::Desired => 2,
            Self::Methods => 4,
            Self::CloudToDevice => 6,
            Self::CredentialResponses => 8,
            Self::ModuleInputs => 10,
            Self::ModuleMessages => 12,
        }
    }

    /// The stored word.
    fn word(self) -> &'static str {
        match self {
            Self::TwinResponses => "twinResponses",
            Self::Desired => "desired",
            Self::Methods => "methods",
            Self::CloudToDevice => "cloudToDevice",
            Self::CredentialResponses => "credentialResponses",
            Self::ModuleInputs => "moduleInputs",
            Self::ModuleMessages => "moduleMessages",
        }
    }
}

/// The subscriptions of a session: for each feature none, or the granted quality of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Subscriptions(u16);

impl Subscriptions {
    pub(crate) fn get(self, feature: Feature) -> Option<Granted> {
        match (self.0 >> feature.shift()) & 0b11 {
            0 => None,
            1 => Some(Granted::AtMostOnce),
            _ => Some(Granted::AtLeastOnce),
        }
    }

    pub(crate) fn set(&mut self, feature: Feature, granted: Option<Granted>) {
        let bits = match granted {
            None => 0,
            Some(Granted::AtMostOnce) => 1,
            Some(Granted::AtLeastOnce) => 2,
        };
        self.0 = (self.0 & !(0b11 << feature.shift())) | (bits << feature.shift());
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    pub(crate) fn len(self) -> usize {
        self.all().count()
    }

    fn all(self) -> impl Iterator<Item = (Feature, Granted)> {
        let granted = move |feature| self.get(feature).map(|granted| (feature, granted));
        Feature::ALL.into_iter().filter_map(granted)
    }

    /// As stored: `twinResponses:0 methods:1`.
    pub(crate) fn to_text(self) -> String {
        let word = |(feature, granted): (Feature, Granted)| {
            let qos = match granted {
                Granted::AtMostOnce => 0,
                Granted::AtLeastOnce => 1,
            };
            format!("{}:{qos}", feature.word())
        };
        self.all().map(word).collect::<Vec<_>>().join(" ")
    }

    /// Reads what was stored; `None` when it never was.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut subscriptions = Self::default();
        for part in text.split(' ').filter(|part| !part.is_empty()) {
            let (word, qos) = part.split_once(':')?;
            let feature = Feature::ALL.into_iter().find(|feature| feature.word() == word)?;
            let granted = match qos {
                "0" => Granted::AtMostOnce,
                "1" => Granted::AtLeastOnce,
                _ => return None,
            };
            subscriptions.set(feature, Some(granted));
        }
        Some(subscriptions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_granted_and_taken_back_alone() {
        let mut subscriptions = Subscriptions::default();
        for (count, feature) in (1..).zip(Feature::ALL) {
            subscriptions.set(feature, Some(Granted::AtLeastOnce));
            assert_eq!(
                (subscriptions.len(), subscriptions.get(feature)),
                (count, Some(Granted::AtLeastOnce))
            );
        }
        subscriptions.set(Feature::Methods, Some(Granted::AtMostOnce));
        assert_eq!(subscriptions.get(Feature::Methods), Some(Granted::AtMostOnce));
        assert_eq!(
            Subscriptions::parse(&subscriptions.to_text()),
            Some(subscriptions)
        );
        for feature in Feature::ALL {
            subscriptions.set(feature, None);
            assert_eq!(subscriptions.get(feature), None);
        }
        assert!(subscriptions.is_empty());
        assert_eq!(Subscriptions::parse(""), Some(subscriptions));
    }

    #[test]
    fn stored_words_are_these_and_no_others() {
        let read = Subscriptions::parse("twinResponses:0 cloudToDevice:1").unwrap();
        assert_eq!(read.get(Feature::CloudToDevice), Some(Granted::AtLeastOnce));
        assert_eq!(read.to_text(), "twinResponses:0 cloudToDevice:1");
        for text in ["methods", "methods:2", "other:0"] {
            assert_eq!(Subscriptions::parse(text), None, "{text}");
        }
    }
}
