//! Identifiers: one type each, parsed once.
//!
//! The spelling the user chose is kept; where the service compares without case there is a
//! `key()` in lower case for look-ups, and equality uses it.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Why a text is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Empty.
    #[error("{what} is empty")]
    Empty {
        /// The kind of identifier.
        what: &'static str,
    },
    /// Shorter than the limit.
    #[error("{what} is shorter than {limit} characters")]
    TooShort {
        /// The kind of identifier.
        what: &'static str,
        /// The limit in characters.
        limit: usize,
    },
    /// Longer than the limit.
    #[error("{what} is longer than {limit} characters")]
    TooLong {
        /// The kind of identifier.
        what: &'static str,
        /// The limit in characters.
        limit: usize,
    },
    /// Holds a character that is not allowed, or one not allowed at its place.
    #[error("{what} has a character that is not allowed at position {position}")]
    Character {
        /// The kind of identifier.
        what: &'static str,
        /// Zero-based position in characters.
        position: usize,
    },
}

/// Checks length and characters; `inner` judges each, `edge` the first and the last.
fn check(
    what: &'static str,
    text: &str,
    limit: usize,
    inner: fn(char) -> bool,
    first: fn(char) -> bool,
    last: fn(char) -> bool,
) -> Result<(), IdError> {
    let (Some(head), Some(tail)) = (text.chars().next(), text.chars().next_back()) else {
        return Err(IdError::Empty { what });
    };
    let count = text.chars().count();
    if count > limit {
        return Err(IdError::TooLong { what, limit });
    }
    if let Some(position) = text.chars().position(|c| !inner(c)) {
        return Err(IdError::Character { what, position });
    }
    if !first(head) {
        return Err(IdError::Character { what, position: 0 });
    }
    if !last(tail) {
        return Err(IdError::Character {
            what,
            position: count - 1,
        });
    }
    Ok(())
}

fn check_least(what: &'static str, text: &str, limit: usize) -> Result<(), IdError> {
    if text.chars().count() < limit {
        return Err(IdError::TooShort { what, limit });
    }
    Ok(())
}

fn any(_: char) -> bool {
    true
}

fn alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn registration_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':')
}

fn registration_end(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn device_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-:.+%_#*?!(),=@;$'".contains(c)
}

fn name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')
}

fn group_char(c: char) -> bool {
    name_char(c) || c == '$'
}

fn group_start(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '$'
}

fn policy_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '!' | '-' | '.' | '_' | '@')
}

fn hyphenated(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '[' | ']')
}

/// An identifier compared as written.
macro_rules! exact_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $limit:literal, $inner:ident, $first:ident, $last:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Checks and keeps the text.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check($what, text, $limit, $inner, $first, $last)?;
                Ok(Self(text.to_owned()))
            }

            /// The text as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// An identifier compared without case; the spelling is kept.
macro_rules! caseless_id {
    (
        $(#[$doc:meta])* $name:ident, $what:literal, $limit:literal, $inner:ident, $first:ident, $last:ident
        $(, $least:literal)?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            text: String,
            key: String,
        }

        impl $name {
            /// Checks and keeps the text.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check($what, text, $limit, $inner, $first, $last)?;
                $(check_least($what, text, $least)?;)?
                Ok(Self { text: text.to_owned(), key: text.to_ascii_lowercase() })
            }

            /// The text as written.
            pub fn as_str(&self) -> &str {
                &self.text
            }

            /// The text in lower case: what look-ups and comparisons use.
            pub fn key(&self) -> &str {
                &self.key
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.key == other.key
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.key.hash(state);
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
    };
}

caseless_id!(
    /// Names one provisioning service to devices, e.g. `0ne00111111` (dps-device-api.md 1.3).
    IdScope, "ID scope", 64, alphanumeric, any, any
);
caseless_id!(
    /// A device's name towards provisioning: up to 128 of letters, digits and `-._:`, beginning
    /// with a letter or digit and ending with one or with `-` (dps-service-api.md 2.8).
    RegistrationId, "registration ID", 128, registration_char, alphanumeric, registration_end
);
caseless_id!(
    /// Names an enrollment group; same characters as a registration ID.
    EnrollmentGroupId, "enrollment group ID", 128, registration_char, alphanumeric, registration_end
);
caseless_id!(
    /// A host name as clients use it, possibly with a port.
    HostName, "host name", 255, host_char, any, any
);
caseless_id!(
    /// The stable name of a hub; its host name may change, this does not.
    HubName, "hub name", 64, name_char, alphanumeric, alphanumeric
);
caseless_id!(
    /// The stable name of a provisioning service instance.
    DpsName, "provisioning service name", 64, name_char, alphanumeric, alphanumeric
);
caseless_id!(
    /// Names a consumer group of a hub's telemetry, as Event Hubs does; `$Default` is always there.
    ConsumerGroupName, "consumer group name", 50, group_char, group_start, alphanumeric
);
caseless_id!(
    /// Names a CA certificate of an instance (dps-service-api.md 4.4).
    CertificateName, "certificate name", 64, name_char, any, any
);
caseless_id!(
    /// Names a namespace of the Device Registry (certificate-management.md 1.4).
    NamespaceName, "namespace name", 64, hyphenated, alphanumeric, alphanumeric
);
caseless_id!(
    /// Names a policy of a credential, 3 to 50 characters: what an enrollment's `credentialPolicyName` says
    /// (certificate-management.md 1.4).
    CredentialPolicyName, "credential policy name", 50, hyphenated, alphanumeric, alphanumeric, 3
);
caseless_id!(
    /// Names a device of a namespace; one that provisioning made bears its registration ID.
    RegistryDeviceName, "device name", 128, registration_char, alphanumeric, registration_end
);
exact_id!(
    /// A device's name in a hub: up to 128 characters, case-sensitive (iot-hub-device-api.md 2.2).
    DeviceId, "device ID", 128, device_char, any, any
);
exact_id!(
    /// A module's name within its device; same characters (iot-hub-device-api.md 2.2).
    ModuleId, "module ID", 128, device_char, any, any
);
exact_id!(
    /// Names a job of a hub: up to 256 of a device ID's characters (iot-hub-service-api.md 10.1).
    JobId, "job ID", 256, device_char, any, any
);
exact_id!(
    /// Names a shared access policy (dps-service-api.md 1.1).
    PolicyName, "policy name", 64, policy_char, any, any
);
exact_id!(
    /// Names one run of a device through provisioning, opaque to clients (dps-device-api.md 1.3).
    OperationId, "operation ID", 128, name_char, any, any
);

impl NamespaceName {
    /// Fewest characters of a new namespace's name, and most.
    pub const LENGTH: std::ops::RangeInclusive<usize> = 3..=63;

    /// Whether a namespace may be made under this name: 3 to 63 lower-case letters, digits and hyphens. Where it is
    /// only looked for, any spelling will do, as everywhere in the management plane.
    pub fn is_for_new(&self) -> bool {
        Self::LENGTH.contains(&self.text.len()) && self.text == self.key
    }
}

impl From<&RegistrationId> for DeviceId {
    /// Every registration ID is a valid device ID: its characters are a subset.
    fn from(id: &RegistrationId) -> Self {
        Self(id.as_str().to_owned())
    }
}

impl DeviceId {
    /// The ID in lower case. A hub tells IDs apart by case; provisioning and the Device Registry do not: to them
    /// IDs that differ in nothing else are one device (dps-device-api.md 1.3).
    pub fn caseless(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Whether this is that registration ID, in whatever case.
    pub fn spells(&self, id: &RegistrationId) -> bool {
        self.0.eq_ignore_ascii_case(id.as_str())
    }
}

impl From<&RegistrationId> for RegistryDeviceName {
    fn from(id: &RegistrationId) -> Self {
        Self {
            text: id.as_str().to_owned(),
            key: id.key().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registration_id_characters() {
        for (text, ok) in [
            ("press-0042", true),
            ("a", true),
            ("sn:1_2.3-4", true),
            ("ends-", true),
            ("", false),
            ("-starts", false),
            ("ends.", false),
            ("has space", false),
            ("ümlaut", false),
        ] {
            assert_eq!(RegistrationId::parse(text).is_ok(), ok, "{text}");
        }
        assert!(RegistrationId::parse(&"a".repeat(128)).is_ok());
        assert_eq!(
            RegistrationId::parse(&"a".repeat(129)),
            Err(IdError::TooLong {
                what: "registration ID",
                limit: 128
            })
        );
    }

    #[test]
    fn caseless_ids_compare_without_case_and_keep_spelling() {
        let (a, b) = (
            RegistrationId::parse("Press-1").unwrap(),
            RegistrationId::parse("press-1").unwrap(),
        );
        assert_eq!(a, b);
        assert_eq!(a.as_str(), "Press-1");
        assert_eq!(a.key(), "press-1");
    }

    #[test]
    fn device_ids_are_case_sensitive() {
        assert_ne!(DeviceId::parse("A").unwrap(), DeviceId::parse("a").unwrap());
        assert!(DeviceId::parse("x#?%$'").is_ok());
        assert!(DeviceId::parse("a/b").is_err());
    }

    #[test]
    fn policies_have_three_characters_and_new_namespaces_are_in_lower_case() {
        let short = IdError::TooShort {
            what: "credential policy name",
            limit: 3,
        };
        assert_eq!(CredentialPolicyName::parse("ab"), Err(short));
        assert!(CredentialPolicyName::parse("abc").is_ok());
        assert!(CredentialPolicyName::parse(&"a".repeat(51)).is_err());
        for (name, is_for_new) in [("plant-7", true), ("ab", false), ("Plant", false), ("7up", true)] {
            assert_eq!(
                NamespaceName::parse(name).unwrap().is_for_new(),
                is_for_new,
                "{name}"
            );
        }
        for (length, is_for_new) in [(63, true), (64, false)] {
            let name = NamespaceName::parse(&"a".repeat(length)).unwrap();
            assert_eq!(name.is_for_new(), is_for_new);
        }
    }
}
