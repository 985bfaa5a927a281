use provost_model::registry::{CaId, CaRole, CaState, KeyRef};
use provost_model::{CertificateDer, CredentialPolicyName, NamespaceName, Timestamp, Uuid};

use super::*;

fn body(authority: &str) -> String {
    format!(
        r#"{{"location":"l","tags":{{}},"properties":{{"certificate":{{"certificateAuthorityConfiguration":{authority},
            "leafCertificateConfiguration":{{"validityPeriodInDays":30}}}}}}}}"#
    )
}

fn parse(authority: &str) -> Result<RegistryPolicyInput, BodyError> {
    RegistryPolicyInput::parse(body(authority).as_bytes(), RegistryVersion::Second)
}

#[test]
fn both_generations_of_put() {
    let managed = parse(r#"{"keyType":"ecc","subject":"CN=x"}"#).unwrap();
    assert_eq!(
        managed,
        RegistryPolicyInput {
            validity_days: 30,
            is_external: false,
            subject: None,
        }
    );
    let external = parse(r#"{"keyType":"ECC","bringYourOwnRoot":{"enabled":true,"status":"Active"}}"#);
    assert!(external.unwrap().is_external);
    let first = body(r#"{"keyType":"ECC","subject":"CN=x"}"#);
    let first = RegistryPolicyInput::parse(first.as_bytes(), RegistryVersion::First).unwrap();
    assert_eq!(first.subject.as_deref(), Some("CN=x"));
}

#[test]
fn what_is_missing_is_named() {
    for (authority, message) in [
        ("{}", "keyType` is required"),
        (r#"{"keyType":"RSA"}"#, "keyType` must be one of ECC"),
        (
            r#"{"keyType":"ECC","bringYourOwnRoot":{}}"#,
            "bringYourOwnRoot.enabled` is required",
        ),
    ] {
        let error = parse(authority).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let error = RegistryPolicyInput::parse(b"{}", RegistryVersion::Second).unwrap_err();
    assert_eq!(error.to_string(), "`properties` is required");
}

#[test]
fn patch_is_about_validity_alone() {
    let patch = |text: &str| PolicyPatch::parse(text.as_bytes());
    let days =
        r#"{"properties":{"certificate":{"leafCertificateConfiguration":{"validityPeriodInDays":45}}}}"#;
    assert_eq!(patch(days).unwrap().validity_days, Some(45));
    assert_eq!(patch("{}").unwrap().validity_days, None);
    let authority =
        r#"{"properties":{"certificate":{"certificateAuthorityConfiguration":{"keyType":"ECC"}}}}"#;
    assert!(
        patch(authority)
            .unwrap_err()
            .to_string()
            .contains("cannot be changed")
    );
    let negative =
        r#"{"properties":{"certificate":{"leafCertificateConfiguration":{"validityPeriodInDays":-1}}}}"#;
    assert!(patch(negative).is_err());
}

fn ca(state: CaState) -> Ca {
    let has_certificate = state == CaState::Active;
    let instant = |seconds| has_certificate.then(|| Timestamp::from_unix_seconds(seconds));
    Ca {
        id: CaId::parse(&"ab".repeat(16)).unwrap(),
        namespace: NamespaceName::parse("plant").unwrap(),
        policy: Some(CredentialPolicyName::parse("line-7").unwrap()),
        role: CaRole::Issuing,
        parent: None,
        state,
        key: KeyRef("k".to_owned()),
        subject: "CN=ica-1".to_owned(),
        signing_request: Some(vec![1, 2, 3]),
        certificate: has_certificate.then(|| CertificateDer(vec![4])),
        issuers: Vec::new(),
        not_before: instant(1_604_177_940),
        not_after: instant(1_635_713_940),
        shards: 1,
        created_at: Timestamp::default(),
        changed_at: Timestamp::default(),
    }
}

fn shown(is_external: bool, issuing: Option<&Ca>, pending: Option<&Ca>) -> Value {
    let record = CredentialPolicy {
        namespace: NamespaceName::parse("plant").unwrap(),
        name: CredentialPolicyName::parse("line-7").unwrap(),
        uuid: Uuid::from_bytes([1; 16]),
        validity_days: 30,
        is_external,
        issuing: issuing.map(|ca| ca.id.clone()),
        pending: pending.map(|ca| ca.id.clone()),
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    };
    let scope = ArmScope {
        subscription: "s1".to_owned(),
        resource_group: Some("g1".to_owned()),
    };
    policy(&PolicyView {
        scope: &scope,
        version: RegistryVersion::Second,
        policy: &record,
        issuing,
        pending,
        thumbprint: issuing.map(|_| "ABCD"),
    })
}

#[test]
fn managed_policy() {
    let active = ca(CaState::Active);
    let value = shown(false, Some(&active), None);
    assert_eq!(
        value["properties"]["certificate"],
        json!({
            "certificateAuthorityConfiguration": {
                "keyType": "ECC",
                "subject": "CN=ica-1",
                "validityNotBefore": "2020-10-31T20:59:00Z",
                "validityNotAfter": "2021-10-31T20:59:00Z",
            },
            "leafCertificateConfiguration": { "validityPeriodInDays": 30 },
        })
    );
    let id = value["id"].as_str().unwrap();
    assert!(id.ends_with("/credentials/default/policies/line-7"), "{id}");
    assert!(value.get("location").is_none());
}

/// It issues nothing, and `Succeeded` would say that it does.
#[test]
fn a_managed_policy_that_waits_for_its_root_is_accepted_and_not_ready() {
    let (active, pending) = (ca(CaState::Active), ca(CaState::Pending));
    for (issuing, state) in [(None, "Accepted"), (Some(&active), "Succeeded")] {
        let value = shown(false, issuing, Some(&pending));
        assert_eq!(value["properties"]["provisioningState"], state);
        let authority = &value["properties"]["certificate"]["certificateAuthorityConfiguration"];
        assert!(authority.get("bringYourOwnRoot").is_none());
        assert_eq!(authority.get("validityNotAfter").is_some(), issuing.is_some());
    }
}

/// A backup knows nothing of the CA that took the place of one that was revoked.
#[test]
fn a_policy_whose_issuing_ca_ended_failed_and_shows_nothing_of_it() {
    for ended in [CaState::Revoked, CaState::Closed] {
        for is_external in [false, true] {
            let issuing = ca(ended);
            let value = shown(is_external, Some(&issuing), None);
            assert_eq!(value["properties"]["provisioningState"], "Failed");
            let authority = &value["properties"]["certificate"]["certificateAuthorityConfiguration"];
            assert!(authority.get("subject").is_none() && authority.get("validityNotAfter").is_none());
            let external = &authority["bringYourOwnRoot"];
            assert!(external.get("issuingCertificateThumbprint").is_none());
            if is_external {
                assert_eq!(external["status"], "PendingActivation");
            }
        }
    }
}

#[test]
fn external_policy_through_its_states() {
    let (active, pending) = (ca(CaState::Active), ca(CaState::Pending));
    for (issuing, waiting, status) in [
        (None, Some(&pending), "PendingActivation"),
        (Some(&active), None, "Active"),
        (Some(&active), Some(&pending), "ActiveButPendingRenewal"),
    ] {
        let value = shown(true, issuing, waiting);
        let authority = &value["properties"]["certificate"]["certificateAuthorityConfiguration"];
        let external = &authority["bringYourOwnRoot"];
        assert_eq!(external["status"], status);
        assert_eq!(
            external["certificateSigningRequest"].is_string(),
            waiting.is_some(),
            "{status}"
        );
        assert_eq!(
            external["issuingCertificateThumbprint"].is_string(),
            issuing.is_some(),
            "{status}"
        );
        assert_eq!(
            authority["validityNotAfter"].is_string(),
            issuing.is_some(),
            "{status}"
        );
    }
}

#[test]
fn pem_has_lines_of_64() {
    let text = pem("CERTIFICATE REQUEST", &[0; 60]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.first(), Some(&"-----BEGIN CERTIFICATE REQUEST-----"));
    assert_eq!(lines.get(1).map(|line| line.len()), Some(64));
    assert_eq!(lines.get(2).map(|line| line.len()), Some(16));
    assert_eq!(lines.len(), 4);
}
