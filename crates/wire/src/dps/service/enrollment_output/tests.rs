use provost_model::{
    CertificateDer, CertificateName, EnrollmentGroupId, Etag, GroupMechanism, IndividualMechanism, KeyPair,
    ProvisioningStatus, RegistrationId, ReprovisionPolicy, SymmetricKey, Timestamp,
};

use super::*;
use crate::dps::service::{AttestationInput, CertificateInput, EnrollmentInput};
use crate::json::to_bytes;

const NO_CERTIFICATES: Slots<CertificateInfo> = Slots {
    primary: None,
    secondary: None,
};

fn settings() -> EnrollmentSettings {
    EnrollmentSettings {
        status: ProvisioningStatus::Enabled,
        iot_edge: false,
        initial_twin: None,
        reprovision: None,
        allocation: None,
        iot_hubs: Vec::new(),
        custom_allocation: None,
        credential_policy: None,
        etag: Etag::from_text("IjAwMDAwMDAxIg=="),
        created_at: Timestamp::from_unix_seconds(0),
        updated_at: Timestamp::from_unix_seconds(1),
    }
}

fn keys() -> KeyPair {
    KeyPair {
        primary: SymmetricKey::from_bytes(vec![0; 16]).unwrap(),
        secondary: SymmetricKey::from_bytes(vec![1; 16]).unwrap(),
    }
}

fn individual(mechanism: IndividualMechanism) -> IndividualEnrollment {
    IndividualEnrollment {
        registration_id: RegistrationId::parse("Dev-1").unwrap(),
        device_id: None,
        optional_device_information: None,
        mechanism,
        settings: settings(),
    }
}

fn options(keys: KeyVisibility) -> ViewOptions {
    ViewOptions {
        keys,
        default_allocation: AllocationPolicy::Hashed,
        api_version: ApiVersion::new("2021-10-01"),
    }
}

fn info() -> CertificateInfo {
    CertificateInfo {
        subject_name: "CN=Dev-1".to_owned(),
        sha1_thumbprint: "AB".repeat(20),
        sha256_thumbprint: "CD".repeat(32),
        issuer_name: "CN=root".to_owned(),
        not_before: Timestamp::from_unix_seconds(1_510_662_858),
        not_after: Timestamp::from_unix_seconds(2_000_000_000),
        serial_number: "0A".to_owned(),
        version: 3,
    }
}

#[test]
fn symmetric_key_enrollment_shows_or_blanks_its_keys() {
    let record = individual(IndividualMechanism::SymmetricKey(keys()));
    let write = |visibility| {
        let value = enrollment(&record, &NO_CERTIFICATES, None, &options(visibility));
        String::from_utf8(to_bytes(&value)).unwrap()
    };
    let expected = |primary: &str, secondary: &str| {
        format!(
            concat!(
                r#"{{"registrationId":"Dev-1","attestation":{{"type":"symmetricKey","symmetricKey":"#,
                r#"{{"primaryKey":"{}","secondaryKey":"{}"}}}},"capabilities":{{"iotEdge":false}},"#,
                r#""etag":"IjAwMDAwMDAxIg==","provisioningStatus":"enabled","#,
                r#""createdDateTimeUtc":"1970-01-01T00:00:00.0000000Z","#,
                r#""lastUpdatedDateTimeUtc":"1970-01-01T00:00:01.0000000Z","allocationPolicy":"hashed"}}"#
            ),
            primary, secondary
        )
    };
    assert_eq!(write(KeyVisibility::Hidden), expected("", ""));
    assert_eq!(
        write(KeyVisibility::Shown),
        expected("AAAAAAAAAAAAAAAAAAAAAA==", "AQEBAQEBAQEBAQEBAQEBAQ==")
    );
}

#[test]
fn certificates_are_shown_as_info_and_read_back_as_known() {
    let slots = Slots {
        primary: Some(CertificateDer(vec![1])),
        secondary: None,
    };
    let record = individual(IndividualMechanism::ClientCertificates(slots));
    let facts = Slots {
        primary: Some(info()),
        secondary: None,
    };
    let value = enrollment(&record, &facts, None, &options(KeyVisibility::Hidden));
    assert_eq!(
        value["attestation"],
        json!({"type": "x509", "x509": {"clientCertificates": {"primary": {"info": {
            "subjectName": "CN=Dev-1", "sha1Thumbprint": "AB".repeat(20), "sha256Thumbprint": "CD".repeat(32),
            "issuerName": "CN=root", "notBeforeUtc": "2017-11-14T12:34:18Z", "notAfterUtc": "2033-05-18T03:33:20Z",
            "serialNumber": "0A", "version": 3,
        }}}}})
    );
    let AttestationInput::X509(read) = EnrollmentInput::parse(&to_bytes(&value)).unwrap().attestation else {
        panic!("not x509");
    };
    let known = CertificateInput::Known {
        sha1: Some("AB".repeat(20)),
        sha256: Some("CD".repeat(32)),
    };
    assert_eq!(
        read.client_certificates,
        Some(Slots {
            primary: Some(known),
            secondary: None
        })
    );
}

#[test]
fn everything_an_entry_can_hold_survives_a_round_trip() {
    let mut record = individual(IndividualMechanism::SymmetricKey(keys()));
    record.device_id = Some(provost_model::DeviceId::parse("hub#name").unwrap());
    record.optional_device_information = Some(json!({"line": 7}).as_object().unwrap().clone());
    record.settings.status = ProvisioningStatus::Disabled;
    record.settings.iot_edge = true;
    record.settings.reprovision = Some(ReprovisionPolicy {
        update_hub_assignment: true,
        migrate_device_data: false,
    });
    record.settings.allocation = Some(AllocationPolicy::GeoLatency);
    record.settings.iot_hubs = vec![HostName::parse("hub1").unwrap()];
    record.settings.initial_twin = Some(InitialTwin {
        tags: json!({"z": 1, "a": 2}).as_object().unwrap().clone(),
        desired: Map::new(),
    });
    record.settings.custom_allocation = Some(provost_model::CustomAllocation {
        webhook_url: "https://h/?k".to_owned(),
        api_version: "2021-10-01".to_owned(),
    });
    record.settings.credential_policy = Some(provost_model::CredentialPolicyName::parse("line-7").unwrap());
    let value = enrollment(&record, &NO_CERTIFICATES, None, &options(KeyVisibility::Shown));
    assert_eq!(value["allocationPolicy"], "geoLatency");
    assert_eq!(value["credentialPolicyName"], "line-7");
    assert!(value.get("iotHubHostName").is_none());
    let read = EnrollmentInput::parse(&to_bytes(&value)).unwrap();
    assert_eq!(read.device_id, record.device_id);
    assert_eq!(
        read.optional_device_information,
        record.optional_device_information
    );
    let (read, kept) = (read.settings, record.settings);
    assert_eq!(read.status, Some(kept.status));
    assert_eq!(
        (read.iot_edge, read.reprovision, read.allocation),
        (true, kept.reprovision, kept.allocation)
    );
    assert_eq!(
        (read.iot_hubs, read.initial_twin),
        (kept.iot_hubs, kept.initial_twin)
    );
    assert_eq!(
        (read.custom_allocation, read.etag),
        (kept.custom_allocation, Some(kept.etag))
    );
    assert_eq!(read.credential_policy, kept.credential_policy);
}

#[test]
fn old_clients_read_the_single_hub() {
    let mut record = individual(IndividualMechanism::SymmetricKey(keys()));
    record.settings.iot_hubs = vec![HostName::parse("hub1").unwrap()];
    let mut options = options(KeyVisibility::Hidden);
    options.api_version = ApiVersion::new("2018-04-01");
    assert_eq!(
        enrollment(&record, &NO_CERTIFICATES, None, &options)["iotHubHostName"],
        "hub1"
    );
}

#[test]
fn group_with_references_has_nothing_of_an_individual() {
    let name = CertificateName::parse("root-2026").unwrap();
    let record = EnrollmentGroup {
        id: EnrollmentGroupId::parse("g1").unwrap(),
        mechanism: GroupMechanism::CaReferences(Slots {
            primary: Some(name),
            secondary: None,
        }),
        settings: settings(),
    };
    let value = enrollment_group(&record, &NO_CERTIFICATES, &options(KeyVisibility::Hidden));
    assert_eq!(
        value["attestation"],
        json!({"type": "x509", "x509": {"caReferences": {"primary": "root-2026"}}})
    );
    assert_eq!(value["enrollmentGroupId"], "g1");
    assert!(value.get("registrationId").is_none());
}
