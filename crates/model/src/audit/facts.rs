//! What stood before a change and what stands after it, member by member.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::registry::{CaId, CaRole, CaState, RevocationReason, SerialNumber};
use crate::{
    CertificateName, CredentialPolicyName, DeviceAuth, DeviceAuthKind, DeviceId, DeviceStatus, DpsName,
    EnrollmentGroupId, HubName, NamespaceName, PolicyName, ProvisioningStatus, RegistrationId,
    RegistryDeviceName, Uuid,
};

/// Members of `before` or `after` of an audit event. Whatever goes in has a type that says what it is: names,
/// identifiers, thumbprints, serial numbers, states, counts, and words of the program itself. There is no way
/// in for a text that came from somewhere, for a key, or for a document, so that no secret gets here by
/// mistake.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFacts(BTreeMap<&'static str, Value>);

impl AuditFacts {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more; one that is there is replaced.
    #[must_use]
    pub fn with(mut self, member: &'static str, fact: impl AuditFact) -> Self {
        self.0.insert(member, fact.to_fact());
        self
    }

    /// The same with all of another's.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// One member.
    pub fn get(&self, member: &str) -> Option<&Value> {
        self.0.get(member)
    }
}

impl fmt::Display for AuditFacts {
    /// Compact JSON, members in alphabetical order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: serde_json::Result<String> = serde_json::to_string(&self.0);
        f.write_str(&members.map_err(|_| fmt::Error)?)
    }
}

/// The JSON of a fact.
pub type Fact = Value;

/// What may stand in an audit event. To be implemented for types that cannot hold a secret, and for no text
/// that is known at run time alone.
pub trait AuditFact {
    /// Its JSON.
    fn to_fact(&self) -> Fact;
}

impl<T: AuditFact + ?Sized> AuditFact for &T {
    fn to_fact(&self) -> Fact {
        (**self).to_fact()
    }
}

impl<T: AuditFact> AuditFact for Option<T> {
    fn to_fact(&self) -> Fact {
        self.as_ref().map_or(Value::Null, AuditFact::to_fact)
    }
}

impl<T: AuditFact> AuditFact for Vec<T> {
    fn to_fact(&self) -> Fact {
        self.iter().map(AuditFact::to_fact).collect()
    }
}

/// Several members below one.
impl AuditFact for AuditFacts {
    fn to_fact(&self) -> Fact {
        let members = self
            .0
            .iter()
            .map(|(member, fact)| ((*member).to_owned(), fact.clone()));
        Value::Object(members.collect())
    }
}

/// A word of the program itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word(pub &'static str);

impl AuditFact for Word {
    fn to_fact(&self) -> Fact {
        self.0.into()
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl AuditFact for $number {
            fn to_fact(&self) -> Fact {
                (*self).into()
            }
        }
    )+};
}

numbers!(bool, u32, u64, i64, usize);

macro_rules! names {
    ($($name:ty),+) => {$(
        impl AuditFact for $name {
            fn to_fact(&self) -> Fact {
                self.to_string().into()
            }
        }
    )+};
}

names!(
    CaId,
    CertificateName,
    CredentialPolicyName,
    DeviceId,
    DpsName,
    EnrollmentGroupId,
    HubName,
    NamespaceName,
    PolicyName,
    RegistrationId,
    RegistryDeviceName,
    SerialNumber,
    Uuid
);

macro_rules! words {
    ($($word:ty),+) => {$(
        impl AuditFact for $word {
            fn to_fact(&self) -> Fact {
                self.as_str().into()
            }
        }
    )+};
}

words!(CaRole, CaState, RevocationReason);

impl AuditFact for DeviceStatus {
    fn to_fact(&self) -> Fact {
        (*self == Self::Enabled).into()
    }
}

impl AuditFact for ProvisioningStatus {
    fn to_fact(&self) -> Fact {
        (*self == Self::Enabled).into()
    }
}

/// How a device proves itself, with its thumbprints and without its keys.
impl AuditFact for DeviceAuth {
    fn to_fact(&self) -> Fact {
        let kind = match self.kind() {
            DeviceAuthKind::Sas => "sas",
            DeviceAuthKind::SelfSigned => "selfSigned",
            DeviceAuthKind::CertificateAuthority => "certificateAuthority",
            DeviceAuthKind::None => "none",
        };
        let mut members = Map::from_iter([("type".to_owned(), Value::from(kind))]);
        if let Self::SelfSigned(thumbprints) = self {
            let slots = [
                ("primaryThumbprint", &thumbprints.primary),
                ("secondaryThumbprint", &thumbprints.secondary),
            ];
            members.extend(slots.map(|(slot, print)| (slot.to_owned(), print.clone().into())));
        }
        Value::Object(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::SystemRandom;
    use crate::{KeyPair, Slots, SymmetricKey};

    #[test]
    fn members_are_in_alphabetical_order_and_compact() {
        let facts = AuditFacts::new()
            .with("thumbprints", vec![Word("AB"), Word("CD")])
            .with("enabled", false)
            .with("policy", None::<CredentialPolicyName>)
            .with("days", 30_u32);
        let text = r#"{"days":30,"enabled":false,"policy":null,"thumbprints":["AB","CD"]}"#;
        assert_eq!(facts.to_string(), text);
    }

    #[test]
    fn keys_of_a_device_are_not_among_its_facts() {
        let keys = KeyPair {
            primary: SymmetricKey::generate(&SystemRandom),
            secondary: SymmetricKey::generate(&SystemRandom),
        };
        let fact = DeviceAuth::Sas(keys).to_fact();
        assert_eq!(fact.to_string(), r#"{"type":"sas"}"#);
        let thumbprints = Slots {
            primary: Some("AB".to_owned()),
            secondary: None,
        };
        let fact = DeviceAuth::SelfSigned(thumbprints).to_fact();
        assert_eq!(
            fact.to_string(),
            r#"{"type":"selfSigned","primaryThumbprint":"AB","secondaryThumbprint":null}"#
        );
    }
}
