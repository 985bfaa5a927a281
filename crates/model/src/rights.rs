use std::fmt;

use crate::{DpsName, HubName, KeyPair, PolicyName};

/// One thing a shared access policy lets its holder do (dps-service-api.md 1.1,
/// iot-hub-service-api.md 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessRight {
    /// Management of service settings.
    ServiceConfig,
    /// Read enrollments and their attestation mechanisms.
    EnrollmentRead,
    /// Create, update and delete enrollments.
    EnrollmentWrite,
    /// Device endpoints, for any device.
    DeviceConnect,
    /// Read registration records.
    RegistrationStatusRead,
    /// Delete registration records.
    RegistrationStatusWrite,
    /// Read device identities.
    RegistryRead,
    /// Write device identities; reading is implied.
    RegistryWrite,
    /// Twins, methods, jobs, queries, telemetry.
    ServiceConnect,
}

const ALL: [(AccessRight, &str); 9] = [
    (AccessRight::ServiceConfig, "ServiceConfig"),
    (AccessRight::EnrollmentRead, "EnrollmentRead"),
    (AccessRight::EnrollmentWrite, "EnrollmentWrite"),
    (AccessRight::RegistryRead, "RegistryRead"),
    (AccessRight::RegistryWrite, "RegistryWrite"),
    (AccessRight::ServiceConnect, "ServiceConnect"),
    (AccessRight::DeviceConnect, "DeviceConnect"),
    (AccessRight::RegistrationStatusRead, "RegistrationStatusRead"),
    (AccessRight::RegistrationStatusWrite, "RegistrationStatusWrite"),
];

/// A set of rights. Its text form is one comma-separated string in a fixed order with `", "`
/// between the words: the CLI splits on exactly that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccessRights(u16);

impl AccessRights {
    /// No right.
    pub const NONE: Self = Self(0);

    /// The set of these.
    pub fn of(rights: &[AccessRight]) -> Self {
        Self(rights.iter().fold(0, |set, right| set | Self::bit(*right)))
    }

    /// Everything a provisioning service knows: the rights of `provisioningserviceowner`.
    pub fn dps_owner() -> Self {
        Self::of(&[
            AccessRight::ServiceConfig,
            AccessRight::EnrollmentRead,
            AccessRight::EnrollmentWrite,
            AccessRight::DeviceConnect,
            AccessRight::RegistrationStatusRead,
            AccessRight::RegistrationStatusWrite,
        ])
    }

    /// Reads the text form, with `,` or `, ` between the words, in any order and case.
    /// `None` when a word is unknown.
    pub fn parse(text: &str) -> Option<Self> {
        text.split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .try_fold(Self::NONE, |set, word| {
                let (right, _) = ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(word))?;
                Some(Self(set.0 | Self::bit(*right)))
            })
    }

    /// Whether the set opens what `right` guards. Writing the registry implies reading it.
    pub fn allow(self, right: AccessRight) -> bool {
        let implied = right == AccessRight::RegistryRead && self.has(AccessRight::RegistryWrite);
        implied || self.has(right)
    }

    /// Whether every right of the set is in another, too.
    pub fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    fn has(self, right: AccessRight) -> bool {
        self.0 & Self::bit(right) != 0
    }

    fn bit(right: AccessRight) -> u16 {
        1 << (right as u16)
    }
}

impl fmt::Display for AccessRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = ALL
            .iter()
            .filter(|(right, _)| self.has(*right))
            .map(|(_, name)| *name)
            .collect();
        f.write_str(&words.join(", "))
    }
}

/// Whose policy it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PolicyOwner {
    /// A provisioning service's.
    Dps(DpsName),
    /// A hub's.
    Hub(HubName),
}

/// A named pair of keys with rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPolicy {
    /// The name, the `skn` of a token.
    pub name: PolicyName,
    /// Either key signs.
    pub keys: KeyPair,
    /// What its holder may do.
    pub rights: AccessRights,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_canonical_and_reads_back() {
        let set = AccessRights::parse("enrollmentwrite,EnrollmentRead,  ServiceConfig").unwrap();
        assert_eq!(set.to_string(), "ServiceConfig, EnrollmentRead, EnrollmentWrite");
        assert_eq!(AccessRights::parse(&set.to_string()), Some(set));
        assert_eq!(AccessRights::parse("Everything"), None);
        assert_eq!(AccessRights::parse(""), Some(AccessRights::NONE));
    }

    #[test]
    fn only_registry_write_implies_another_right() {
        let write = AccessRights::of(&[AccessRight::RegistryWrite]);
        for (right, name) in ALL {
            let expected = matches!(right, AccessRight::RegistryRead | AccessRight::RegistryWrite);
            assert_eq!(write.allow(right), expected, "{name}");
        }
        assert!(!AccessRights::of(&[AccessRight::EnrollmentWrite]).allow(AccessRight::EnrollmentRead));
    }
}
