use provost_model::SymmetricKey;
use serde_json::{Map, Value, json};

use crate::{FixtureAuthority, Leaf};

/// The body of an enrollment or of a group, put together member by member.
#[derive(Debug, Clone)]
pub struct Enrollment(Map<String, Value>);

impl Enrollment {
    /// An individual enrollment; says nothing of how the device proves itself yet.
    pub fn individual(registration_id: &str) -> Self {
        Self(Map::new()).with("registrationId", registration_id)
    }

    /// An enrollment group.
    pub fn group(id: &str) -> Self {
        Self(Map::new()).with("enrollmentGroupId", id)
    }

    /// With any member.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0.insert(member.to_owned(), value.into());
        self
    }

    /// Disabled.
    #[must_use]
    pub fn disabled(self) -> Self {
        self.with("provisioningStatus", "disabled")
    }

    /// By X.509, see [`clients`] and [`signers`].
    #[must_use]
    pub fn x509(self, x509: &Value) -> Self {
        self.with("attestation", json!({ "type": "x509", "x509": x509 }))
    }

    /// By the CA certificate of this name.
    #[must_use]
    pub fn authority(self, name: &str) -> Self {
        self.x509(&authority_slots(Some(name), None))
    }

    /// By these keys; keys not given are made by the service.
    #[must_use]
    pub fn keys(self, primary: Option<&SymmetricKey>, secondary: Option<&SymmetricKey>) -> Self {
        let text = |key: Option<&SymmetricKey>| key.map(SymmetricKey::to_base64);
        let keys = json!({ "primaryKey": text(primary), "secondaryKey": text(secondary) });
        self.with(
            "attestation",
            json!({ "type": "symmetricKey", "symmetricKey": keys }),
        )
    }

    /// Its address in the service API.
    pub fn path(&self) -> String {
        match (self.0.get("registrationId"), self.0.get("enrollmentGroupId")) {
            (Some(Value::String(id)), _) => format!("/enrollments/{id}"),
            (_, Some(Value::String(id))) => format!("/enrollmentGroups/{id}"),
            _ => panic!("an enrollment has an ID"),
        }
    }

    /// The body.
    pub fn body(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// The client certificates of an individual enrollment, primary and perhaps secondary.
pub fn clients(primary: &Leaf, secondary: Option<&Leaf>) -> Value {
    client_slots(Some(primary), secondary)
}

/// The client certificates of an individual enrollment, in either slot or in both.
pub fn client_slots(primary: Option<&Leaf>, secondary: Option<&Leaf>) -> Value {
    json!({ "clientCertificates": slots(primary, secondary, Leaf::slot) })
}

/// The signing certificate of a group.
pub fn signers(primary: &FixtureAuthority) -> Value {
    signer_slots(Some(primary), None)
}

/// The signing certificates of a group, in either slot or in both.
pub fn signer_slots(primary: Option<&FixtureAuthority>, secondary: Option<&FixtureAuthority>) -> Value {
    json!({ "signingCertificates": slots(primary, secondary, FixtureAuthority::slot) })
}

/// The CA certificates of the service that devices chain to, by name, in either slot or in both.
pub fn authority_slots(primary: Option<&str>, secondary: Option<&str>) -> Value {
    json!({ "caReferences": slots(primary, secondary, |name| json!(name)) })
}

fn slots<T: ?Sized>(primary: Option<&T>, secondary: Option<&T>, slot: impl Fn(&T) -> Value) -> Value {
    json!({ "primary": primary.map(&slot), "secondary": secondary.map(&slot) })
}

impl Leaf {
    /// What fills a slot with this leaf.
    pub fn slot(&self) -> Value {
        json!({ "certificate": self.pem() })
    }
}

impl FixtureAuthority {
    /// What fills a slot with this authority's certificate.
    pub fn slot(&self) -> Value {
        json!({ "certificate": self.pem() })
    }
}
