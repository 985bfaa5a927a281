use proptest::prelude::*;
use provost_model::{AllocationPolicy, ProvisioningStatus, Slots};
use serde_json::json;

use super::*;
use crate::dps::service::{CertificateInput, X509Input};
use crate::keys::{KeyInput, KeysInput};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";

fn parse(body: &Value) -> Result<EnrollmentInput, BodyError> {
    EnrollmentInput::parse(body.to_string().as_bytes())
}

fn with_attestation(attestation: &Value) -> EnrollmentInput {
    parse(&json!({"registrationId": "dev-1", "attestation": attestation})).unwrap()
}

#[test]
fn minimal_bodies_of_the_reference() {
    let entry = with_attestation(&json!({"type": "symmetricKey"}));
    assert_eq!(
        entry.attestation,
        AttestationInput::SymmetricKey(KeysInput::default())
    );
    assert_eq!(entry.settings, SettingsInput::default());
    let body = br#"{"enrollmentGroupId":"g1","attestation":{"type":"x509","x509":{"caReferences":{"primary":"root-2026"}}}}"#;
    let group = GroupInput::parse(body).unwrap();
    let AttestationInput::X509(x509) = group.attestation else {
        panic!("not x509");
    };
    let name = provost_model::CertificateName::parse("root-2026").unwrap();
    let expected = Slots {
        primary: Some(name),
        secondary: None,
    };
    assert_eq!(
        *x509,
        X509Input {
            ca_references: Some(expected),
            ..X509Input::default()
        }
    );
}

#[test]
fn missing_empty_and_given_keys_stay_apart() {
    let keys = json!({"type": "symmetricKey", "symmetricKey": {"primaryKey": KEY, "secondaryKey": ""}});
    let AttestationInput::SymmetricKey(keys) = with_attestation(&keys).attestation else {
        panic!("not a key");
    };
    assert!(keys.primary.given().is_some());
    assert_eq!(keys.secondary, KeyInput::Empty);
    assert!(!keys.is_blank());
    let error = parse(&json!({"registrationId": "d", "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": "short"}}})).unwrap_err();
    assert_eq!(error.code(), 400_004);
    assert!(
        error
            .to_string()
            .starts_with("`attestation.symmetricKey.primaryKey`"),
        "{error}"
    );
}

#[test]
fn certificate_slots_keep_what_was_sent() {
    let attestation = json!({"type": "X509", "x509": {"clientCertificates": {
        "primary": {"certificate": "MIIB", "info": {"sha256Thumbprint": "ab"}},
        "secondary": {"certificate": null, "info": {"sha1Thumbprint": "cd", "sha256Thumbprint": null}},
    }, "signingCertificates": {"primary": {}, "secondary": null}, "caReferences": null}});
    let AttestationInput::X509(x509) = with_attestation(&attestation).attestation else {
        panic!("not x509");
    };
    let client = x509.client_certificates.unwrap();
    assert_eq!(client.primary, Some(CertificateInput::Text("MIIB".to_owned())));
    assert_eq!(
        client.secondary,
        Some(CertificateInput::Known {
            sha1: Some("CD".to_owned()),
            sha256: None
        })
    );
    let signing = x509.signing_certificates.unwrap();
    assert_eq!(
        (signing.primary, signing.secondary),
        (Some(CertificateInput::Neither), None)
    );
    assert_eq!(x509.ca_references, None);
}

#[test]
fn everything_the_cli_sends() {
    let entry = parse(&json!({
        "registrationId": "dev-1", "deviceId": "hub-name", "etag": "\"abc\"", "registrationState": null,
        "attestation": {"type": "tpm", "tpm": {"endorsementKey": "AA=="}},
        "capabilities": {"iotEdge": true}, "provisioningStatus": "Disabled", "iotHubs": ["hub1.example.net"],
        "allocationPolicy": "geolatency", "customAllocationDefinition": {"webhookUrl": null, "apiVersion": null},
        "reprovisionPolicy": {"updateHubAssignment": true, "migrateDeviceData": false},
        "initialTwin": {"tags": {"version": null, "count": null, "metadata": null, "a": 1},
                        "properties": {"desired": {"metadata": null, "b": null}}},
        "optionalDeviceInformation": {"version": null, "x": 1}, "unknown": 1,
    }))
    .unwrap();
    assert_eq!(entry.attestation, AttestationInput::Tpm);
    assert_eq!(entry.device_id.unwrap().as_str(), "hub-name");
    assert_eq!(
        Value::from(entry.optional_device_information.unwrap()),
        json!({"x": 1})
    );
    let settings = entry.settings;
    assert_eq!(settings.status, Some(ProvisioningStatus::Disabled));
    assert_eq!(settings.allocation, Some(AllocationPolicy::GeoLatency));
    assert_eq!((settings.iot_edge, settings.custom_allocation), (true, None));
    assert_eq!(settings.etag.unwrap().as_str(), "abc");
    let twin = settings.initial_twin.unwrap();
    assert_eq!(Value::from(twin.tags), json!({"a": 1}));
    assert_eq!(Value::from(twin.desired), json!({"b": null}));
}

#[test]
fn legacy_hub_is_a_static_choice() {
    let entry = parse(&json!({"registrationId": "d", "iotHubHostName": "hub1.example.net"})).unwrap();
    assert_eq!(entry.settings.allocation, Some(AllocationPolicy::Static));
    assert_eq!(entry.settings.iot_hubs.len(), 1);
    let body = json!({"registrationId": "d", "iotHubHostName": "a", "iotHubs": ["b", "c"]});
    let entry = parse(&body).unwrap();
    assert_eq!(
        (entry.settings.allocation, entry.settings.iot_hubs.len()),
        (None, 2)
    );
}

#[test]
fn errors_name_the_member() {
    for (body, code, path) in [
        (json!({}), 400_012, "`registrationId`"),
        (json!({"registrationId": "-bad"}), 400_004, "`registrationId`"),
        (
            json!({"registrationId": "d", "attestation": {}}),
            400_012,
            "`attestation.type`",
        ),
        (
            json!({"registrationId": "d", "attestation": {"type": "magic"}}),
            400_004,
            "`attestation.type`",
        ),
        (
            json!({"registrationId": "d", "reprovisionPolicy": {}}),
            400_012,
            "`reprovisionPolicy.updateHubAssignment`",
        ),
        (
            json!({"registrationId": "d", "customAllocationDefinition": {"apiVersion": "1"}}),
            400_012,
            "`customAllocationDefinition.webhookUrl`",
        ),
        (
            json!({"registrationId": "d", "capabilities": {"iotEdge": "yes"}}),
            400_012,
            "`capabilities.iotEdge`",
        ),
        (json!([]), 400_012, "`body`"),
    ] {
        let error = parse(&body).unwrap_err();
        assert_eq!(error.code(), code, "{body}");
        assert!(error.to_string().starts_with(path), "{error}");
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = EnrollmentInput::parse(&bytes);
        let _ = GroupInput::parse(&bytes);
    }
}
