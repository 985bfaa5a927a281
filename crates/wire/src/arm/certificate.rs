use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::{AuthorityOwner, CertificateAuthority};
use serde::Serialize;
use serde_json::Value;

use super::ArmScope;
use crate::dps::CertificateInfo;
use crate::json::{self, BodyError, Members};
use crate::time;

/// A CA certificate as uploaded (dps-service-api.md 4.4), in the old shape
/// `{"certificate","isVerified"}` or the new one inside `properties`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateUpload {
    /// Base64 of PEM, base64 of DER or PEM text, as sent. Never empty.
    pub certificate: String,
    /// Whether the caller asserts possession of the key.
    pub is_verified: bool,
}

impl CertificateUpload {
    /// Reads the body of a PUT.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = properties(&value)?;
        Ok(Self {
            certificate: members.required_text("certificate")?.to_owned(),
            is_verified: members.flag("isVerified")?.unwrap_or(false),
        })
    }
}

/// Reads the body of `verify`: the verification certificate's text, as sent.
pub fn parse_verification(body: &[u8]) -> Result<String, BodyError> {
    let value = json::parse(body)?;
    Ok(properties(&value)?.required_text("certificate")?.to_owned())
}

fn properties(value: &Value) -> Result<Members<'_>, BodyError> {
    let root = Members::root(value)?;
    Ok(root.object("properties")?.unwrap_or(root))
}

/// What the answer about a CA certificate is written from.
#[derive(Debug, Clone, Copy)]
pub struct CertificateView<'a> {
    /// Where the client looked.
    pub scope: &'a ArmScope,
    /// Whose it is.
    pub owner: &'a AuthorityOwner,
    /// The record.
    pub authority: &'a CertificateAuthority,
    /// What the certificate says.
    pub info: &'a CertificateInfo,
    /// Its subject's common name; empty when it has none.
    pub common_name: &'a str,
    /// Whether the verification code is shown: after `generateVerificationCode` only.
    pub show_code: bool,
}

#[derive(Serialize)]
struct Resource<'a> {
    id: String,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    etag: &'a str,
    properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    subject: &'a str,
    expiry: String,
    thumbprint: &'a str,
    is_verified: bool,
    certificate: String,
    created: String,
    updated: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_resource_id: Option<&'a str>,
    /// The live service's JSON spells it so, the SDK's model the other way (certificate-management.md U-15).
    #[serde(rename = "PolicyResourceId", skip_serializing_if = "Option::is_none")]
    policy_resource_id_again: Option<&'a str>,
}

/// The certificate resource; its dates are RFC 1123 texts.
pub fn certificate(view: &CertificateView<'_>) -> Value {
    let (owner_id, kind) = match view.owner {
        AuthorityOwner::Dps(name) => (
            super::instance::resource_id(view.scope, "provisioningServices", name.as_str()),
            "Microsoft.Devices/ProvisioningServices/Certificates",
        ),
        AuthorityOwner::Hub(name) => (
            super::instance::resource_id(view.scope, "IotHubs", name.as_str()),
            "Microsoft.Devices/IotHubs/Certificates",
        ),
    };
    let authority = view.authority;
    let policy = authority
        .synchronized
        .as_ref()
        .map(|from| super::registry::policy_id(view.scope, &from.namespace, &from.policy));
    let code = authority.verification_code.as_ref().filter(|_| view.show_code);
    let resource = Resource {
        id: format!("{owner_id}/certificates/{}", authority.name),
        name: authority.name.as_str(),
        kind,
        etag: authority.etag.as_str(),
        properties: Properties {
            subject: view.common_name,
            expiry: time::rfc1123(view.info.not_after),
            thumbprint: &view.info.sha1_thumbprint,
            is_verified: authority.is_verified,
            certificate: STANDARD.encode(&authority.certificate.0),
            created: time::rfc1123(authority.created_at),
            updated: time::rfc1123(authority.updated_at),
            verification_code: code.map(|code| code.expose().as_str()),
            policy_resource_id: policy.as_deref(),
            policy_resource_id_again: policy.as_deref(),
        },
    };
    serde_json::to_value(resource).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use provost_model::{CertificateDer, CertificateName, DpsName, Etag, Secret, Timestamp};

    use super::*;

    #[test]
    fn both_shapes_are_read() {
        for (body, is_verified) in [
            (r#"{"certificate":"QUJD"}"#, false),
            (r#"{"certificate":"QUJD","isVerified":true}"#, true),
            (r#"{"properties":{"certificate":"QUJD","isVerified":true}}"#, true),
            (
                r#"{"properties":{"certificate":"QUJD","isVerified":null}}"#,
                false,
            ),
        ] {
            let upload = CertificateUpload::parse(body.as_bytes()).unwrap();
            assert_eq!(
                (upload.certificate.as_str(), upload.is_verified),
                ("QUJD", is_verified),
                "{body}"
            );
            assert_eq!(parse_verification(body.as_bytes()).unwrap(), "QUJD");
        }
        let error = CertificateUpload::parse(br#"{"properties":{"certificate":""}}"#).unwrap_err();
        assert_eq!(error.to_string(), "`properties.certificate` is required");
    }

    fn authority() -> CertificateAuthority {
        CertificateAuthority {
            name: CertificateName::parse("root-2026").unwrap(),
            certificate: CertificateDer(b"ABC".to_vec()),
            is_verified: false,
            verification_code: Some(Secret::new("C0DE".to_owned())),
            etag: Etag::from_text("AAAAAADGk="),
            created_at: Timestamp::from_unix_seconds(1_604_177_940),
            updated_at: Timestamp::from_unix_seconds(1_604_177_941),
            synchronized: None,
        }
    }

    #[test]
    fn resource_has_rfc1123_dates_and_shows_the_code_on_request_only() {
        let time = Timestamp::from_unix_seconds(1_604_177_940);
        let info = CertificateInfo {
            subject_name: "CN=root, O=x".to_owned(),
            sha1_thumbprint: "AB".to_owned(),
            sha256_thumbprint: "CD".to_owned(),
            issuer_name: "CN=root, O=x".to_owned(),
            not_before: time,
            not_after: time,
            serial_number: "01".to_owned(),
            version: 3,
        };
        let scope = ArmScope {
            subscription: "s1".to_owned(),
            resource_group: Some("g1".to_owned()),
        };
        let owner = AuthorityOwner::Dps(DpsName::parse("dps1").unwrap());
        let authority = authority();
        let mut view = CertificateView {
            scope: &scope,
            owner: &owner,
            authority: &authority,
            info: &info,
            common_name: "root",
            show_code: false,
        };
        assert_eq!(
            certificate(&view).to_string(),
            concat!(
                r#"{"id":"/subscriptions/s1/resourceGroups/g1/providers/Microsoft.Devices/provisioningServices/dps1/certificates/root-2026","#,
                r#""name":"root-2026","type":"Microsoft.Devices/ProvisioningServices/Certificates","etag":"AAAAAADGk=","#,
                r#""properties":{"subject":"root","expiry":"Sat, 31 Oct 2020 20:59:00 GMT","thumbprint":"AB","isVerified":false,"#,
                r#""certificate":"QUJD","created":"Sat, 31 Oct 2020 20:59:00 GMT","updated":"Sat, 31 Oct 2020 20:59:01 GMT"}}"#
            )
        );
        let mut synchronized = authority.clone();
        synchronized.synchronized = Some(provost_model::SynchronizedCa {
            ca: provost_model::registry::CaId::parse(&"ab".repeat(16)).unwrap(),
            namespace: provost_model::NamespaceName::parse("plant").unwrap(),
            policy: provost_model::CredentialPolicyName::parse("line-7").unwrap(),
        });
        let shown = certificate(&CertificateView {
            authority: &synchronized,
            ..view
        });
        for name in ["policyResourceId", "PolicyResourceId"] {
            let id = shown["properties"][name].as_str().unwrap();
            assert!(
                id.ends_with("/namespaces/plant/credentials/default/policies/line-7"),
                "{id}"
            );
        }
        view.show_code = true;
        assert_eq!(certificate(&view)["properties"]["verificationCode"], "C0DE");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = CertificateUpload::parse(&bytes);
            let _ = parse_verification(&bytes);
        }
    }
}
