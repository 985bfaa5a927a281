use proptest::prelude::*;
use provost_model::{
    CustomAllocation, EnrollmentGroupId, EnrollmentSettings, Etag, GroupMechanism, KeyPair,
    ProvisioningStatus, SymmetricKey, Timestamp,
};

use super::*;

fn group() -> EnrollmentGroup {
    let key = |byte| SymmetricKey::from_bytes(vec![byte; 32]).unwrap();
    EnrollmentGroup {
        id: EnrollmentGroupId::parse("line").unwrap(),
        mechanism: GroupMechanism::SymmetricKey(KeyPair {
            primary: key(1),
            secondary: key(2),
        }),
        settings: EnrollmentSettings {
            status: ProvisioningStatus::Enabled,
            iot_edge: false,
            initial_twin: None,
            reprovision: None,
            allocation: Some(AllocationPolicy::Custom),
            iot_hubs: Vec::new(),
            custom_allocation: Some(CustomAllocation {
                webhook_url: "https://f.example/api/choose?code=topsecret".to_owned(),
                api_version: "2021-10-01".to_owned(),
            }),
            credential_policy: None,
            etag: Etag::from_text("abc"),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        },
    }
}

#[test]
fn the_question_holds_no_secret() {
    let (group, certificates) = (
        group(),
        Slots {
            primary: None,
            secondary: None,
        },
    );
    let (host, device) = (
        HostName::parse("one.example").unwrap(),
        DeviceId::parse("press-1").unwrap(),
    );
    let request = AllocationRequest {
        entry: AskedEntry::Group(&group, &certificates),
        default_allocation: AllocationPolicy::Hashed,
        api_version: ApiVersion::new("2021-10-01"),
        registration_id: &RegistrationId::parse("press-1").unwrap(),
        current: Some((&host, &device)),
        certificate: None,
        payload: Some(&json!({ "hall": 7 })),
        linked_hubs: vec![&host],
    };
    let asked = request.to_value();
    let entry = &asked["enrollmentGroup"];
    assert_eq!(entry["attestation"], json!({ "type": "symmetricKey" }));
    assert_eq!(entry["etag"], "\"abc\"");
    assert_eq!(
        entry["customAllocationDefinition"]["webhookUrl"],
        "https://f.example/api/choose?****"
    );
    assert_eq!(
        asked["deviceRuntimeContext"],
        json!({ "registrationId": "press-1", "currentIotHubHostName": "one.example",
            "currentDeviceId": "press-1", "symmetricKey": {}, "payload": { "hall": 7 } })
    );
    assert_eq!(asked["linkedHubs"], json!(["one.example"]));
    assert!(!asked.to_string().contains("topsecret"));
}

#[test]
fn whatever_may_be_a_secret_in_an_address_is_masked() {
    for (url, shown) in [
        ("https://f.example/a?code=secret#x", "https://f.example/a?****"),
        ("https://f.example/a#secret?x", "https://f.example/a#****"),
        (
            "https://user:secret@f.example:1/a?code=secret",
            "https://****@f.example:1/a?****",
        ),
        ("user:sec@ret@f.example", "****@f.example"),
        ("https://f.example/a", "https://f.example/a"),
        ("?secret", "?****"),
    ] {
        assert_eq!(masked_url(url), shown);
    }
}

#[test]
fn answers_are_read() {
    let full = br#"{"iotHubHostName":"two.example","initialTwin":{"tags":{"a":1},"properties":{"desired":{"b":2}}},"payload":{"c":3}}"#;
    let reply = AllocationReply::parse(full).unwrap();
    assert_eq!(
        (reply.hub.as_str(), reply.payload),
        ("two.example", Some(json!({ "c": 3 })))
    );
    assert_eq!(reply.initial_twin.unwrap().desired["b"], 2);
    let short =
        AllocationReply::parse(br#"{"iotHubHostName":"h","initialTwin":null,"payload":null}"#).unwrap();
    assert_eq!((short.initial_twin, short.payload), (None, None));
    for wrong in [
        "",
        "{}",
        "[]",
        r#"{"iotHubHostName":5}"#,
        r#"{"iotHubHostName":"h","initialTwin":5}"#,
    ] {
        assert!(AllocationReply::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = AllocationReply::parse(&bytes);
    }
}
