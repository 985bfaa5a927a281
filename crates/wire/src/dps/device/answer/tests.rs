use provost_model::{DeviceId, Etag, HubName, RegistrationFailure, RegistrationId, Timestamp};

use super::*;

fn record(state: RegistrationState) -> RegistrationRecord {
    RegistrationRecord {
        registration_id: RegistrationId::parse("press-0042").unwrap(),
        group: Some(EnrollmentGroupId::parse("line-7").unwrap()),
        by_certificate: false,
        state,
        kept: None,
        operation: operation(),
        payload: None,
        issued: None,
        etag: Etag::from_text("IjAwMDAwMDAxIg=="),
        created_at: Timestamp::from_micros(1_770_113_472_123_456),
        updated_at: Timestamp::from_micros(1_770_113_473_765_432),
    }
}

fn assigned(substatus: Substatus) -> RegistrationState {
    RegistrationState::Assigned {
        hub: HubName::parse("hub1").unwrap(),
        device_id: DeviceId::parse("press-0042").unwrap(),
        substatus,
    }
}

fn operation() -> OperationId {
    OperationId::parse("5.316aac5bdc130deb.6f0e3f52").unwrap()
}

fn host() -> HostName {
    HostName::parse("hub1.example.net").unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn first_answer_is_assigning_without_state() {
    assert_eq!(
        text(OperationStatus::assigning(&operation()).to_json()),
        r#"{"operationId":"5.316aac5bdc130deb.6f0e3f52","status":"assigning"}"#
    );
}

#[test]
fn final_answer_of_a_group_device() {
    let record = record(assigned(Substatus::InitialAssignment));
    let view = RegistrationStateView::for_device(&record, Some(&host()), &ApiVersion::new("2019-03-31"));
    let answer = OperationStatus::finished(&operation(), view);
    assert_eq!(
        text(answer.to_json()),
        concat!(
            r#"{"operationId":"5.316aac5bdc130deb.6f0e3f52","status":"assigned","registrationState":{"#,
            r#""symmetricKey":{"enrollmentGroupId":"line-7"},"registrationId":"press-0042","#,
            r#""createdDateTimeUtc":"2026-02-03T10:11:12.1234560Z","assignedHub":"hub1.example.net","#,
            r#""deviceId":"press-0042","status":"assigned","substatus":"initialAssignment","#,
            r#""lastUpdatedDateTimeUtc":"2026-02-03T10:11:13.7654320Z","etag":"IjAwMDAwMDAxIg=="}}"#
        )
    );
    assert_eq!(OperationStatus::parse(&answer.to_json()).unwrap(), answer);
}

#[test]
fn individual_certificate_device_gets_an_empty_x509() {
    let mut record = record(assigned(Substatus::InitialAssignment));
    (record.group, record.by_certificate) = (None, true);
    let view = RegistrationStateView::for_device(&record, Some(&host()), &ApiVersion::default());
    assert!(text(view.to_json()).starts_with(r#"{"x509":{},"registrationId""#));
}

#[test]
fn repeat_is_told_by_version() {
    let record = record(assigned(Substatus::ReprovisionedToInitialAssignment));
    for (version, word) in [
        ("2019-03-31", "initialAssignment"),
        ("2021-06-01", "reprovisionedToInitialAssignment"),
        ("2021-10-01", "reprovisionedToInitialAssignment"),
        ("", "initialAssignment"),
    ] {
        let view = RegistrationStateView::for_device(&record, Some(&host()), &ApiVersion::new(version));
        assert_eq!(view.substatus.as_deref(), Some(word), "{version}");
    }
    let shown = RegistrationStateView::for_service(&record, Some(&host()));
    assert_eq!(
        shown.substatus.as_deref(),
        Some("reprovisionedToInitialAssignment")
    );
    assert_eq!((shown.x509, shown.symmetric_key), (None, None));
}

#[test]
fn failed_and_disabled_carry_a_state() {
    let failed = RegistrationState::Failed(RegistrationFailure {
        code: 400_208,
        message: "no hub".to_owned(),
    });
    let view = RegistrationStateView::for_service(&record(failed), None);
    assert_eq!(
        (
            view.status.as_str(),
            view.error_code,
            view.error_message.as_deref()
        ),
        ("failed", Some(400_208), Some("no hub"))
    );
    let view = RegistrationStateView::for_service(&record(RegistrationState::Disabled), None);
    assert_eq!(
        (view.status.as_str(), view.error_code, view.substatus),
        ("disabled", None, None)
    );
    assert!(!view.etag.is_empty());
}
