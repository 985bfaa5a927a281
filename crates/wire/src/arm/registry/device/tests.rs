use provost_model::registry::DeviceIdentifier;
use provost_model::{
    CredentialPolicyName, Etag, HubName, NamespaceName, RegistryDeviceName, Timestamp, Uuid,
};

use super::*;

const PUT: &str = r#"{"location":"westus","tags":{"hall":"7"},"properties":{"externalDeviceId":"press-1",
    "enabled":false,"uuid":"mine","manufacturer":"acme","attributes":{"x":{"y":1}},"unknown":1,
    "policy":{"resourceId":"/subscriptions/s/resourceGroups/g/providers/Microsoft.DeviceRegistry/namespaces/plant/credentials/default/policies/line-7"}}}"#;

fn stored(input: RegistryDeviceInput) -> RegistryDevice {
    RegistryDevice {
        namespace: NamespaceName::parse("plant").unwrap(),
        name: RegistryDeviceName::parse("press-1").unwrap(),
        identifier: DeviceIdentifier {
            device: Uuid::from_bytes([1; 16]),
            generation: Uuid::from_bytes([2; 16]),
        },
        external_device_id: input.external_device_id.unwrap(),
        enabled: input.enabled.unwrap(),
        policy: Some(CredentialPolicyName::parse("line-7").unwrap()),
        hub: Some(HubName::parse("hub1").unwrap()),
        document: input.document,
        version: 3,
        etag: Etag::from_text("AAAA"),
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        transition_at: Timestamp::from_unix_seconds(1_604_177_940),
    }
}

#[test]
fn what_was_put_is_shown_with_what_the_server_says() {
    let device = stored(RegistryDeviceInput::parse(PUT.as_bytes()).unwrap());
    let scope = ArmScope {
        subscription: "s1".to_owned(),
        resource_group: Some("g1".to_owned()),
    };
    let shown = registry_device(&DeviceView {
        scope: &scope,
        device: &device,
        hub_host: Some("hub1.localhost"),
    });
    let base = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.DeviceRegistry/namespaces/plant";
    assert_eq!(
        shown["properties"],
        json!({
            "uuid": Uuid::from_bytes([1; 16]).to_string(),
            "externalDeviceId": "press-1",
            "enabled": false,
            "version": 3,
            "lastTransitionTime": "2020-10-31T20:59:00Z",
            "provisioningState": "Succeeded",
            "manufacturer": "acme",
            "attributes": {"x": {"y": 1}},
            "policy": {"resourceId": format!("{base}/credentials/default/policies/line-7")},
            "endpoints": {"outbound": {"assigned": {
                "hub1": {"endpointType": "Microsoft.Devices/IotHubs", "address": "hub1.localhost"},
            }}},
        })
    );
    assert_eq!(shown["id"], format!("{base}/devices/press-1"));
    assert_eq!(
        (&shown["tags"]["hall"], &shown["etag"]),
        (&json!("7"), &json!("AAAA"))
    );
}

#[test]
fn patch_changes_what_may_change() {
    let device = stored(RegistryDeviceInput::parse(PUT.as_bytes()).unwrap());
    let patch = br#"{"properties":{"enabled":true,"manufacturer":"other","operatingSystemVersion":"2",
        "attributes":{"x":null,"z":1}}}"#;
    let patch = DevicePatch::parse(patch, PatchForm::Replace).unwrap();
    assert_eq!(
        (patch.enabled, &patch.policy),
        (Some(true), &PolicyMember::Absent)
    );
    let after = Value::Object(patch.apply(&device.document).unwrap());
    assert_eq!(after["properties"]["manufacturer"], "acme");
    assert_eq!(after["properties"]["operatingSystemVersion"], "2");
    assert_eq!(after["properties"]["attributes"], json!({"z": 1}));
    assert_eq!(after["tags"], json!({"hall": "7"}));
}

#[test]
fn null_takes_the_policy_off() {
    let read = |body: &str| {
        DevicePatch::parse(body.as_bytes(), PatchForm::Replace)
            .unwrap()
            .policy
    };
    for body in [
        r#"{"properties":{"policy":null}}"#,
        r#"{"properties":{"policy":{"resourceId":null}}}"#,
    ] {
        assert_eq!(read(body), PolicyMember::Null, "{body}");
    }
    for body in ["{}", r#"{"properties":{}}"#, r#"{"properties":{"policy":{}}}"#] {
        assert_eq!(read(body), PolicyMember::Absent, "{body}");
    }
}

#[test]
fn wrong_members_are_named() {
    for (body, name) in [
        ("{}", "`location`"),
        (
            r#"{"location":"l","properties":{"enabled":1}}"#,
            "`properties.enabled`",
        ),
        (
            r#"{"location":"l","properties":{"externalDeviceId":"ä"}}"#,
            "`properties.externalDeviceId`",
        ),
        (
            r#"{"location":"l","properties":{"policy":{"resourceId":"line-7"}}}"#,
            "`properties.policy.resourceId`",
        ),
    ] {
        let error = RegistryDeviceInput::parse(body.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(name), "{error}");
    }
}

#[test]
fn revoke_may_say_nothing() {
    for (body, disable) in [("", false), ("{}", false), (r#"{"disable":true}"#, true)] {
        assert_eq!(
            DeviceRevokeInput::parse(body.as_bytes()).unwrap().disable,
            disable
        );
    }
    assert!(DeviceRevokeInput::parse(br#"{"disable":"yes"}"#).is_err());
}
