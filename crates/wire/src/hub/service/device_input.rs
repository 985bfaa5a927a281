use provost_model::{DeviceId, DeviceStatus, Etag, MAX_STATUS_REASON};

use super::auth::AuthInput;
use crate::json::{self, BodyError, Members};

const STATUS: [(&str, DeviceStatus); 2] = [
    ("enabled", DeviceStatus::Enabled),
    ("disabled", DeviceStatus::Disabled),
];

const MAX_SCOPE: usize = 256;

/// A device identity as sent (iot-hub-service-api.md 4). Read-only members are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceInput {
    /// Must agree with the address when present.
    pub device_id: Option<DeviceId>,
    /// Absent means enabled: a PUT is a full replace.
    pub status: Option<DeviceStatus>,
    /// Up to 128 characters.
    pub status_reason: Option<String>,
    /// How it proves itself; absent on create means keys made by the server.
    pub authentication: Option<AuthInput>,
    /// `capabilities.iotEdge`.
    pub iot_edge: bool,
    /// Which edge device it is a child of.
    pub device_scope: Option<String>,
    /// Informative.
    pub etag: Option<Etag>,
}

impl DeviceInput {
    /// Reads the body of a PUT.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        Self::read(&Members::root(&value)?, "deviceId", "etag")
    }

    /// Reads a device whose id and etag have these names: bulk items spell them `id` and `eTag`.
    pub(super) fn read(device: &Members<'_>, id: &str, etag: &str) -> Result<Self, BodyError> {
        let iot_edge = match device.object("capabilities")? {
            Some(capabilities) => capabilities.flag("iotEdge")?.unwrap_or(false),
            None => false,
        };
        Ok(Self {
            device_id: device.parsed(id, DeviceId::parse)?,
            status: device.word("status", &STATUS)?,
            status_reason: device
                .remark("statusReason", MAX_STATUS_REASON)?
                .map(str::to_owned),
            authentication: AuthInput::read(device)?,
            iot_edge,
            device_scope: device
                .remark("deviceScope", MAX_SCOPE)?
                .filter(|scope| !scope.is_empty())
                .map(str::to_owned),
            etag: device
                .text(etag)?
                .filter(|tag| !tag.is_empty())
                .map(Etag::from_text),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use provost_model::DeviceAuthKind;
    use serde_json::{Value, json};

    use super::*;
    use crate::keys::KeyInput;

    fn parse(body: &Value) -> Result<DeviceInput, BodyError> {
        DeviceInput::parse(body.to_string().as_bytes())
    }

    #[test]
    fn node_update_sends_empty_keys() {
        let body = json!({"deviceId": "d", "status": "disabled", "authentication":
            {"type": "sas", "symmetricKey": {"primaryKey": "", "secondaryKey": ""}}});
        let device = parse(&body).unwrap();
        assert_eq!(device.status, Some(DeviceStatus::Disabled));
        let auth = device.authentication.unwrap();
        assert_eq!(
            (auth.kind, &auth.keys.primary),
            (Some(DeviceAuthKind::Sas), &KeyInput::Empty)
        );
        assert!(auth.keys.is_blank());
    }

    #[test]
    fn kind_follows_the_data_when_not_given() {
        let auth = |value: Value| {
            parse(&json!({"authentication": value}))
                .unwrap()
                .authentication
                .unwrap()
        };
        assert_eq!(auth(json!({})).effective_kind(), DeviceAuthKind::Sas);
        let thumbprints = json!({"x509Thumbprint": {"primaryThumbprint": "ab".repeat(20)}});
        let read = auth(thumbprints);
        assert_eq!(read.effective_kind(), DeviceAuthKind::SelfSigned);
        assert_eq!(read.thumbprints.primary, Some("AB".repeat(20)));
        let given = json!({"type": "certificateauthority"});
        assert_eq!(auth(given).effective_kind(), DeviceAuthKind::CertificateAuthority);
    }

    #[test]
    fn values_are_judged() {
        for (body, path) in [
            (json!({"deviceId": "a/b"}), "`deviceId`"),
            (json!({"status": "sleeping"}), "`status`"),
            (json!({"statusReason": "x".repeat(129)}), "`statusReason`"),
            (json!({"statusReason": "a\u{0}b"}), "`statusReason`"),
            (
                json!({"authentication": {"x509Thumbprint": {"primaryThumbprint": "abc"}}}),
                "`authentication.x509Thumbprint.primaryThumbprint`",
            ),
            (
                json!({"authentication": {"symmetricKey": {"secondaryKey": "abc"}}}),
                "`authentication.symmetricKey.secondaryKey`",
            ),
        ] {
            let error = parse(&body).unwrap_err();
            assert_eq!(error.hub_code(), 400_004, "{body}");
            assert!(error.to_string().starts_with(path), "{error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = DeviceInput::parse(&bytes);
        }
    }
}
