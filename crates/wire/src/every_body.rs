//! Every body parser against JSON that is nearly right: the members clients send, with values of
//! any type.

use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::{arm, dps, hub, own};

const NAMES: [&str; 66] = [
    "registrationId",
    "enrollmentGroupId",
    "deviceId",
    "attestation",
    "type",
    "x509",
    "symmetricKey",
    "primaryKey",
    "secondaryKey",
    "clientCertificates",
    "signingCertificates",
    "caReferences",
    "primary",
    "secondary",
    "certificate",
    "info",
    "sha1Thumbprint",
    "sha256Thumbprint",
    "initialTwin",
    "tags",
    "properties",
    "desired",
    "iotHubs",
    "iotHubHostName",
    "allocationPolicy",
    "reprovisionPolicy",
    "updateHubAssignment",
    "migrateDeviceData",
    "customAllocationDefinition",
    "webhookUrl",
    "apiVersion",
    "capabilities",
    "iotEdge",
    "etag",
    "mode",
    "enrollments",
    "enrollmentGroups",
    "payload",
    "csr",
    "authentication",
    "x509Thumbprint",
    "primaryThumbprint",
    "id",
    "methodName",
    "responseTimeoutInSeconds",
    "isVerified",
    "location",
    "identity",
    "messaging",
    "endpoints",
    "certificateAuthorityConfiguration",
    "leafCertificateConfiguration",
    "validityPeriodInDays",
    "keyType",
    "bringYourOwnRoot",
    "enabled",
    "certificateChain",
    "externalDeviceId",
    "attributes",
    "policy",
    "resourceId",
    "disable",
    "deviceRegistry",
    "namespaceResourceId",
    "roles",
    "namespace",
];

const WORDS: [&str; 12] = [
    "x509",
    "symmetricKey",
    "tpm",
    "none",
    "sas",
    "selfSigned",
    "create",
    "update",
    "hashed",
    "dev-1",
    "",
    "AAECAwQFBgcICQoLDA0ODw==",
];

fn nearly_right() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(&NAMES[..]), inner), 0..8).prop_map(
                |members| {
                    let map: Map<String, Value> =
                        members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
                    Value::Object(map)
                }
            ),
        ]
    })
}

fn registry_bodies(body: &[u8]) {
    use crate::arm::registry::*;
    let _ = NamespaceInput::parse(body);
    let _ = NamespacePatch::parse(body, PatchForm::Merge).map(|patch| patch.apply(&Map::new()));
    let _ = CredentialInput::parse(body);
    let _ = CredentialPatch::parse(body, PatchForm::Merge)
        .map(|patch| patch.tags.map(|tags| tags.apply(&Map::new())));
    let _ = RegistryPolicyInput::parse(body, RegistryVersion::First);
    let _ = PolicyPatch::parse(body);
    let _ = ActivateInput::parse(body);
    let _ = RegistryDeviceInput::parse(body);
    let _ = DevicePatch::parse(body, PatchForm::Merge).map(|patch| patch.apply(&Map::new()));
    let _ = DeviceRevokeInput::parse(body);
    let _ = NamespaceLinkInput::of_hub(body);
    let _ = NamespaceLinkInput::of_dps(body);
}

proptest! {
    #[test]
    fn no_body_panics(value in nearly_right()) {
        let body = value.to_string().into_bytes();
        let _ = dps::device::RegisterRequest::parse(&body);
        let _ = dps::device::OperationStatus::parse(&body);
        let _ = dps::service::EnrollmentInput::parse(&body);
        let _ = dps::service::GroupInput::parse(&body);
        let _ = dps::service::parse_bulk_enrollments(&body, 10);
        let _ = dps::service::parse_bulk_groups(&body, 10);
        let _ = dps::service::parse_query(&body);
        let _ = hub::service::DeviceInput::parse(&body);
        let _ = hub::service::parse_bulk(&body);
        let _ = hub::service::MethodRequest::parse(&body);
        let _ = hub::service::parse_twin_patch(&body);
        let _ = hub::service::parse_twin_replacement(&body);
        let _ = hub::device::parse_reported(&body);
        let _ = arm::CertificateUpload::parse(&body);
        registry_bodies(&body);
        let _ = own::HubInput::parse(&body);
        let _ = own::LinkedHubInput::parse(&body);
    }

    /// Whatever stands in an entry's members, an accepted entry is one whose id is valid.
    #[test]
    fn accepted_entries_have_the_id_sent(mut value in nearly_right(), id in "[a-z0-9]{1,8}") {
        if let Value::Object(map) = &mut value {
            map.insert("registrationId".to_owned(), Value::from(id.as_str()));
        }
        if let Ok(entry) = dps::service::EnrollmentInput::parse(value.to_string().as_bytes()) {
            prop_assert_eq!(entry.registration_id.as_str(), id.as_str());
        }
    }
}
