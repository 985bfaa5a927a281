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
        self.x509(&json!({ "caReferences": { "primary": name } }))
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
    let slot = |leaf: &Leaf| json!({ "certificate": leaf.pem() });
    json!({ "clientCertificates": { "primary": slot(primary), "secondary": secondary.map(slot) } })
}

/// The signing certificate of a group.
pub fn signers(primary: &FixtureAuthority) -> Value {
    json!({ "signingCertificates": { "primary": { "certificate": primary.pem() } } })
}
