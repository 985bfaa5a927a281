use provost_model::{IdScope, RegistrationId};

use crate::address::{ApiVersion, Query};
use crate::percent;

/// The user name of a CONNECT to the provisioning service (dps-device-api.md 3.1):
/// `{idScope}/registrations/{registrationId}/api-version={v}[&ClientVersion={text}]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    /// Which provisioning service.
    pub id_scope: IdScope,
    /// Which device; the client id must be the same.
    pub registration_id: RegistrationId,
    /// Any text; absent is empty.
    pub api_version: ApiVersion,
    /// What the client says it is, decoded.
    pub client_version: Option<String>,
}

/// The user name has another form: CONNACK 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("user name is not `{{idScope}}/registrations/{{registrationId}}/api-version=…`")]
pub struct UsernameError;

impl Username {
    const SEPARATOR: &str = "/registrations/";

    /// Reads leniently: split at the first `/registrations/`, then at the next `/`; the rest is a
    /// query whose unknown members are ignored.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        let (scope, rest) = text.split_once(Self::SEPARATOR).ok_or(UsernameError)?;
        let (registration, query) = rest.split_once('/').unwrap_or((rest, ""));
        let query = Query::new(query.strip_prefix('?').unwrap_or(query));
        let decoded = |part: &str| percent::decode(part).ok_or(UsernameError);
        Ok(Self {
            id_scope: IdScope::parse(&decoded(scope)?).map_err(|_| UsernameError)?,
            registration_id: RegistrationId::parse(&decoded(registration)?).map_err(|_| UsernameError)?,
            api_version: query.api_version(),
            client_version: query
                .get("ClientVersion")
                .map(|text| text.chars().take(256).collect()),
        })
    }

    /// The text, for the client side.
    pub fn format(&self) -> String {
        let (scope, id, version) = (&self.id_scope, &self.registration_id, self.api_version.as_str());
        let mut text = format!("{scope}{}{id}/api-version={version}", Self::SEPARATOR);
        if let Some(client) = &self.client_version {
            text.push_str("&ClientVersion=");
            text.push_str(&percent::encode(client));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The client versions of dps-device-api.md 3.1.
    #[test]
    fn every_sdk_user_name_is_read() {
        for (sdk, tail, version, client) in [
            (
                "node",
                "api-version=2019-03-31&ClientVersion=azure-iot-provisioning-device%2F1.9.1",
                "2019-03-31",
                Some("azure-iot-provisioning-device/1.9.1"),
            ),
            (
                "python",
                "api-version=2019-03-31&ClientVersion=azure-iot-device-provisioning-py%2F2.14.0%28a%3Bb%29",
                "2019-03-31",
                Some("azure-iot-device-provisioning-py/2.14.0(a;b)"),
            ),
            (
                "c",
                "api-version=2021-06-01&ClientVersion=1.15.0",
                "2021-06-01",
                Some("1.15.0"),
            ),
            (
                "csharp",
                "api-version=2019-03-31&ClientVersion=.NET%2F1.19.4%20%28x%29",
                "2019-03-31",
                Some(".NET/1.19.4 (x)"),
            ),
            (
                "java",
                "api-version=2019-03-31&ClientVersion=2019-03-31",
                "2019-03-31",
                Some("2019-03-31"),
            ),
            ("embedded c", "api-version=2019-03-31", "2019-03-31", None),
            (
                "unknown members",
                "x&api-version=2019-03-31&y=1",
                "2019-03-31",
                None,
            ),
        ] {
            let name = Username::parse(&format!("0ne001/registrations/press-1/{tail}")).unwrap();
            assert_eq!(
                (name.id_scope.as_str(), name.registration_id.as_str()),
                ("0ne001", "press-1"),
                "{sdk}"
            );
            assert_eq!(name.api_version.as_str(), version, "{sdk}");
            assert_eq!(name.client_version.as_deref(), client, "{sdk}");
            assert_eq!(Username::parse(&name.format()), Ok(name), "{sdk}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "0ne001",
            "/registrations/a/api-version=1",
            "0ne/registrations//x",
            "h.net/dev/?api-version=1",
        ] {
            assert_eq!(Username::parse(text), Err(UsernameError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = Username::parse(&text);
            let _ = Username::parse(&format!("s/registrations/{text}"));
        }
    }
}
