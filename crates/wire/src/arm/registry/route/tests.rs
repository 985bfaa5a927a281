use proptest::prelude::*;

use super::RegistryAction as Action;
use super::*;
use crate::arm::registry::RegistryVersion;
use crate::arm::{ArmOperation, parse_route};

const BASE: &str = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.DeviceRegistry";

fn route(method: &str, tail: &str) -> Routed<ArmOperation> {
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let query = format!("api-version=2026-03-01-preview&{query}");
    parse_route(method, &format!("{BASE}{path}"), &query).map(|route| route.operation)
}

fn assert_routes(tail: &str, expected: Vec<(&str, Action)>) {
    for (method, action) in expected {
        let to = Routed::To(ArmOperation::Registry(RegistryVersion::Second, action));
        assert_eq!(route(method, tail), to, "{method} {tail}");
    }
    assert_eq!(route("TRACE", tail), Routed::MethodNotAllowed, "{tail}");
}

fn plant() -> NamespaceName {
    NamespaceName::parse("plant").unwrap()
}

#[test]
fn namespaces_and_credential() {
    assert_routes("/namespaces", vec![("GET", Action::ListNamespaces(None))]);
    assert_routes(
        "/namespaces/plant",
        vec![
            ("GET", Action::GetNamespace(plant())),
            ("PUT", Action::PutNamespace(plant())),
            ("PATCH", Action::PatchNamespace(plant())),
            ("DELETE", Action::DeleteNamespace(plant())),
        ],
    );
    assert_routes(
        "/namespaces/plant/migrate",
        vec![("POST", Action::MigrateNamespace(plant()))],
    );
    assert_routes(
        "/namespaces/plant/credentials",
        vec![("GET", Action::ListCredentials(plant()))],
    );
    let credential = "/NAMESPACES/PLANT/Credentials/Default";
    assert_routes(
        credential,
        vec![
            ("GET", Action::GetCredential(plant())),
            ("PUT", Action::PutCredential(plant())),
            ("PATCH", Action::PatchCredential(plant())),
            ("DELETE", Action::DeleteCredential(plant())),
        ],
    );
    assert_routes(
        &format!("{credential}/Synchronize"),
        vec![("POST", Action::Synchronize(plant()))],
    );
}

#[test]
fn policies_and_devices() {
    let policy = || CredentialPolicyName::parse("line-7").unwrap();
    let policies = "/namespaces/plant/credentials/default/policies";
    assert_routes(policies, vec![("GET", Action::ListPolicies(plant()))]);
    assert_routes(
        &format!("{policies}/line-7"),
        vec![
            ("GET", Action::GetPolicy(plant(), policy())),
            ("PUT", Action::PutPolicy(plant(), policy())),
            ("PATCH", Action::PatchPolicy(plant(), policy())),
            ("DELETE", Action::DeletePolicy(plant(), policy())),
        ],
    );
    for (word, action) in [
        ("revokeIssuer", Action::RevokeIssuer(plant(), policy())),
        (
            "activateBringYourOwnRoot",
            Action::ActivateExternalRoot(plant(), policy()),
        ),
    ] {
        assert_routes(&format!("{policies}/line-7/{word}"), vec![("POST", action)]);
    }
    let device = || RegistryDeviceName::parse("press-1").unwrap();
    let devices = "/namespaces/plant/devices";
    assert_routes(devices, vec![("GET", Action::ListDevices(plant(), None))]);
    assert_routes(
        &format!("{devices}?$skipToken=press-1"),
        vec![("GET", Action::ListDevices(plant(), Some("press-1".to_owned())))],
    );
    assert_routes(
        &format!("{devices}/press-1"),
        vec![
            ("GET", Action::GetDevice(plant(), device())),
            ("PUT", Action::PutDevice(plant(), device())),
            ("PATCH", Action::PatchDevice(plant(), device())),
            ("DELETE", Action::DeleteDevice(plant(), device())),
        ],
    );
    assert_routes(
        &format!("{devices}/press-1/revoke"),
        vec![("POST", Action::RevokeDevice(plant(), device()))],
    );
}

#[test]
fn operations_are_of_the_subscription() {
    let path = "/subscriptions/s1/providers/Microsoft.DeviceRegistry/locations/local";
    for (word, action) in [
        ("operationStatuses", Action::OperationStatus("op-1".to_owned())),
        ("operationResults", Action::OperationResult("op-1".to_owned())),
    ] {
        let found = parse_route(
            "GET",
            &format!("{path}/{word}/op-1"),
            "api-version=2025-11-01-preview",
        );
        let expected = ArmOperation::Registry(RegistryVersion::First, action);
        assert_eq!(found.map(|route| route.operation), Routed::To(expected));
    }
}

#[test]
fn other_addresses_are_nobodys() {
    for tail in [
        "",
        "/assets",
        "/namespaces/plant/assets",
        "/namespaces/plant/credentials/second",
        "/namespaces/plant/credentials/default/policies/line-7/rotate",
        "/namespaces/plant/devices/press-1/enable",
    ] {
        assert_eq!(route("GET", tail), Routed::NotFound, "{tail}");
    }
    assert!(matches!(route("GET", "/namespaces/-bad"), Routed::Malformed(_)));
    let without_group = "/subscriptions/s1/providers/Microsoft.DeviceRegistry/namespaces/plant";
    assert_eq!(
        parse_route("GET", without_group, "api-version=2026-03-01-preview"),
        Routed::NotFound
    );
}

#[test]
fn other_versions_are_refused_with_the_list() {
    let path = format!("{BASE}/namespaces");
    for version in ["2026-11-01-preview", "2024-11-01", "1"] {
        let Routed::Malformed(error) = parse_route("GET", &path, &format!("api-version={version}")) else {
            panic!("{version} is served");
        };
        assert!(error.public_message().contains("2026-03-01-preview"), "{error}");
    }
    let missing = Routed::Malformed(RouteError::ApiVersion { code: 400_000 });
    assert_eq!(parse_route("GET", &path, ""), missing);
}

proptest! {
    #[test]
    fn never_panics(method in "[A-Z]{0,7}", tail in any::<String>(), query in any::<String>()) {
        for base in [BASE, "/subscriptions/s/resourceGroups/g/providers/Microsoft.DeviceRegistry/namespaces/n"] {
            let _ = parse_route(&method, &format!("{base}/{tail}"), &query);
        }
    }
}
