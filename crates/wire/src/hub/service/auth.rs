use provost_model::{DeviceAuth, DeviceAuthKind, Slots};
use serde::Serialize;

use crate::json::{BodyError, Members};
use crate::keys::{KeysInput, KeysOutput};

const KINDS: [(&str, DeviceAuthKind); 4] = [
    ("sas", DeviceAuthKind::Sas),
    ("selfSigned", DeviceAuthKind::SelfSigned),
    ("certificateAuthority", DeviceAuthKind::CertificateAuthority),
    ("none", DeviceAuthKind::None),
];

/// The word of a kind: `sas`, `selfSigned`, `certificateAuthority`, `none`.
pub fn auth_kind_word(kind: DeviceAuthKind) -> &'static str {
    KINDS
        .iter()
        .find(|(_, meaning)| *meaning == kind)
        .map_or("none", |(word, _)| word)
}

/// `authentication` of a request (iot-hub-service-api.md 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthInput {
    /// `type`, when given.
    pub kind: Option<DeviceAuthKind>,
    /// `symmetricKey`.
    pub keys: KeysInput,
    /// `x509Thumbprint`: each 40 or 64 upper-case hexadecimal digits.
    pub thumbprints: Slots<String>,
}

impl Default for AuthInput {
    fn default() -> Self {
        Self {
            kind: None,
            keys: KeysInput::default(),
            thumbprints: Slots {
                primary: None,
                secondary: None,
            },
        }
    }
}

impl AuthInput {
    /// The type given, or the one the data implies: thumbprints are for `selfSigned`, all else is
    /// `sas`.
    pub fn effective_kind(&self) -> DeviceAuthKind {
        self.kind.unwrap_or(if self.thumbprints.is_empty() {
            DeviceAuthKind::Sas
        } else {
            DeviceAuthKind::SelfSigned
        })
    }

    /// Reads the member `authentication`.
    pub(super) fn read(device: &Members<'_>) -> Result<Option<Self>, BodyError> {
        let Some(authentication) = device.object("authentication")? else {
            return Ok(None);
        };
        let keys = match authentication.object("symmetricKey")? {
            Some(keys) => KeysInput::read(&keys)?,
            None => KeysInput::default(),
        };
        let thumbprints = match authentication.object("x509Thumbprint")? {
            Some(slots) => Slots {
                primary: slots.parsed("primaryThumbprint", thumbprint)?,
                secondary: slots.parsed("secondaryThumbprint", thumbprint)?,
            },
            None => Self::default().thumbprints,
        };
        Ok(Some(Self {
            kind: authentication.word("type", &KINDS)?,
            keys,
            thumbprints,
        }))
    }
}

fn thumbprint(text: &str) -> Result<String, &'static str> {
    if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_uppercase())
    } else {
        Err("a thumbprint has 40 or 64 hexadecimal digits")
    }
}

/// `x509Thumbprint` of an answer; also part of the twin.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThumbprintsOutput {
    primary_thumbprint: Option<String>,
    secondary_thumbprint: Option<String>,
}

impl ThumbprintsOutput {
    pub(super) fn of(auth: &DeviceAuth) -> Self {
        match auth {
            DeviceAuth::SelfSigned(slots) => Self {
                primary_thumbprint: slots.primary.clone(),
                secondary_thumbprint: slots.secondary.clone(),
            },
            DeviceAuth::Sas(_) | DeviceAuth::CertificateAuthority | DeviceAuth::None => Self::default(),
        }
    }
}

/// `authentication` of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthOutput {
    symmetric_key: KeysOutput,
    x509_thumbprint: ThumbprintsOutput,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl AuthOutput {
    pub(super) fn of(auth: &DeviceAuth) -> Self {
        Self {
            symmetric_key: match auth {
                DeviceAuth::Sas(keys) => KeysOutput::shown(keys),
                DeviceAuth::SelfSigned(_) | DeviceAuth::CertificateAuthority | DeviceAuth::None => {
                    KeysOutput::null()
                }
            },
            x509_thumbprint: ThumbprintsOutput::of(auth),
            kind: auth_kind_word(auth.kind()),
        }
    }
}
