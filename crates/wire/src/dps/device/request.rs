use provost_model::RegistrationId;
use serde_json::{Map, Value};

use crate::json::{self, BodyError, Members};

/// The body of register and status lookup (dps-device-api.md 2.3). May be empty altogether: C# over
/// MQTT sends no bytes, and the identity comes from elsewhere anyway (rule 6).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegisterRequest {
    /// A copy of the identity; must agree with it when present.
    pub registration_id: Option<String>,
    /// Passed to a custom allocation as it is; any JSON value (Java sends a string).
    pub payload: Option<Value>,
    /// Base64 of a DER certificate request.
    pub csr: Option<String>,
    /// Whether the device asked for TPM attestation.
    pub tpm: bool,
}

impl RegisterRequest {
    /// Reads the body; null, blank and empty are the empty request.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        if value.is_null() {
            return Ok(Self::default());
        }
        let members = Members::root(&value)?;
        Ok(Self {
            registration_id: members.text("registrationId")?.map(str::to_owned),
            payload: members.value("payload").cloned(),
            csr: members.text("csr")?.map(str::to_owned),
            tpm: members.map("tpm")?.is_some(),
        })
    }

    /// Whether the copy of the identity, when there is one, is the identity (without case).
    pub fn agrees_with(&self, id: &RegistrationId) -> bool {
        self.registration_id
            .as_ref()
            .is_none_or(|own| own.eq_ignore_ascii_case(id.as_str()))
    }

    /// The bytes to send, for the client side.
    pub fn to_json(&self) -> Vec<u8> {
        let mut map = Map::new();
        if let Some(id) = &self.registration_id {
            map.insert("registrationId".to_owned(), Value::from(id.as_str()));
        }
        if let Some(payload) = &self.payload {
            map.insert("payload".to_owned(), payload.clone());
        }
        if let Some(csr) = &self.csr {
            map.insert("csr".to_owned(), Value::from(csr.as_str()));
        }
        json::to_bytes(&map)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The register bodies of dps-device-api.md 3.4.
    #[test]
    fn every_sdk_body_is_read() {
        let id = RegistrationId::parse("press-1").unwrap();
        for (sdk, body, payload) in [
            (
                "node",
                r#"{"registrationId":"press-1","payload":{"a":1}}"#,
                Some(json!({"a": 1})),
            ),
            ("python", r#"{"payload":null,"registrationId":"press-1"}"#, None),
            ("c", r#"{"registrationId":"PRESS-1"}"#, None),
            ("csharp", "", None),
            (
                "csharp with payload",
                r#"{"payload":{"a":1}}"#,
                Some(json!({"a": 1})),
            ),
            (
                "java",
                r#"{"registrationId":"press-1","payload":"text"}"#,
                Some(json!("text")),
            ),
            ("poll body of node", " ", None),
        ] {
            let request = RegisterRequest::parse(body.as_bytes()).unwrap();
            assert_eq!(request.payload, payload, "{sdk}");
            assert!(request.agrees_with(&id), "{sdk}");
        }
    }

    #[test]
    fn wrong_types_name_the_member() {
        let error = RegisterRequest::parse(br#"{"csr":5}"#).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            (400_012, "`csr` must be a string")
        );
        assert_eq!(RegisterRequest::parse(b"[]").unwrap_err().code(), 400_012);
        assert_eq!(RegisterRequest::parse(b"{").unwrap_err().code(), 400_012);
    }

    #[test]
    fn another_id_in_the_body_is_noticed() {
        let request = RegisterRequest::parse(br#"{"registrationId":"press-2"}"#).unwrap();
        assert!(!request.agrees_with(&RegistrationId::parse("press-1").unwrap()));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = RegisterRequest::parse(&bytes);
        }

        #[test]
        fn round_trip(id in proptest::option::of("[a-z0-9]{1,20}"), csr in proptest::option::of("[A-Za-z0-9+/]{0,40}")) {
            let request = RegisterRequest { registration_id: id, csr, ..RegisterRequest::default() };
            prop_assert_eq!(RegisterRequest::parse(&request.to_json()).unwrap(), request);
        }
    }
}
