use provost_model::{DeviceId, HostName, IdentityId, ModuleId};

use crate::address::{ApiVersion, Query};
use crate::percent;

/// The user name of a CONNECT to a hub (iot-hub-device-api.md 2.1):
/// `{host}/{deviceId}[/{moduleId}]/?api-version={v}[&…]`, or the old `{host}/{deviceId}[/]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    /// The hub as the device knows it.
    pub host: HostName,
    /// Which device.
    pub device_id: DeviceId,
    /// Which of its modules.
    pub module_id: Option<ModuleId>,
    /// Any text; absent is empty.
    pub api_version: ApiVersion,
    /// The model the device follows.
    pub model_id: Option<String>,
    /// What the client says it is, decoded.
    pub client_type: Option<String>,
}

/// The user name has another form: the connection is closed, or CONNACK 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("user name is not `{{host}}/{{deviceId}}/?api-version=…`")]
pub struct UsernameError;

impl Username {
    /// Reads the text. Device ids stand in it as they are, and may hold `?`: the query begins at the
    /// last `/?`.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        let (host, rest) = text.split_once('/').ok_or(UsernameError)?;
        let (client, query) = rest.rsplit_once("/?").unwrap_or((rest, ""));
        let client = client.strip_suffix('/').unwrap_or(client);
        let (device, module) = match client.split_once('/') {
            Some((device, module)) => (device, Some(module)),
            None => (client, None),
        };
        let module_id = module.map(ModuleId::parse).transpose();
        let query = Query::new(query);
        let kept = |name: &str| query.get(name).map(|text| text.chars().take(256).collect());
        Ok(Self {
            host: HostName::parse(host).map_err(|_| UsernameError)?,
            device_id: DeviceId::parse(device).map_err(|_| UsernameError)?,
            module_id: module_id.map_err(|_| UsernameError)?,
            api_version: query.api_version(),
            model_id: kept("model-id"),
            client_type: kept("DeviceClientType"),
        })
    }

    /// Who wants to connect.
    pub fn identity_id(&self) -> IdentityId {
        IdentityId {
            device_id: self.device_id.clone(),
            module_id: self.module_id.clone(),
        }
    }

    /// The client id that belongs to it.
    pub fn client_id(&self) -> String {
        self.identity_id().to_string()
    }

    /// The text, for the client side.
    pub fn format(&self) -> String {
        let mut text = format!(
            "{}/{}/?api-version={}",
            self.host,
            self.client_id(),
            self.api_version.as_str()
        );
        for (key, value) in [
            ("DeviceClientType", &self.client_type),
            ("model-id", &self.model_id),
        ] {
            if let Some(value) = value {
                text.push('&');
                text.push_str(key);
                text.push('=');
                text.push_str(&percent::encode(value));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The table of iot-hub-device-api.md 2.1.
    #[test]
    fn every_sdk_user_name_is_read() {
        for (sdk, tail, version, model) in [
            (
                "node",
                "/?api-version=2021-04-12&model-id=dtmi%3Aa%3Bb%3B1&DeviceClientType=azure-iot-device%2F1.18",
                "2021-04-12",
                Some("dtmi:a;b;1"),
            ),
            (
                "python",
                "/?api-version=2019-10-01&DeviceClientType=azure-iot-device-iothub-py%2F2.14.0%28x%29",
                "2019-10-01",
                None,
            ),
            (
                "c",
                "/?api-version=2020-09-30&DeviceClientType=iothubclient%2F1.15",
                "2020-09-30",
                None,
            ),
            (
                "csharp",
                "/?api-version=2020-09-30&DeviceClientType=.NET&auth-chain=a%3Bb",
                "2020-09-30",
                None,
            ),
            (
                "java",
                "/?api-version=2020-09-30&model-id=dtmi&DeviceClientType=java",
                "2020-09-30",
                Some("dtmi"),
            ),
            (
                "embedded c",
                "/?api-version=2025-08-01-preview",
                "2025-08-01-preview",
                None,
            ),
            ("old form", "", "", None),
            ("old form with slash", "/", "", None),
        ] {
            let name = Username::parse(&format!("hub1.example.net/press-1{tail}")).unwrap();
            assert_eq!(
                (name.host.as_str(), name.device_id.as_str()),
                ("hub1.example.net", "press-1"),
                "{sdk}"
            );
            assert_eq!(
                (name.api_version.as_str(), name.model_id.as_deref()),
                (version, model),
                "{sdk}"
            );
            assert_eq!(name.client_id(), "press-1", "{sdk}");
            assert_eq!(Username::parse(&name.format()), Ok(name), "{sdk}");
        }
    }

    #[test]
    fn odd_ids_and_modules() {
        let name = Username::parse("localhost/a?b%20#/?api-version=1").unwrap();
        assert_eq!((name.device_id.as_str(), name.module_id), ("a?b%20#", None));
        let name = Username::parse("localhost/dev/$edgeAgent/?api-version=1").unwrap();
        assert_eq!(
            (
                name.module_id.as_ref().map(ModuleId::as_str),
                name.client_id().as_str()
            ),
            (Some("$edgeAgent"), "dev/$edgeAgent")
        );
    }

    #[test]
    fn other_forms_are_refused() {
        for text in ["", "host", "host/", "/dev", "host/a/b/c/?api-version=1", "host/ü"] {
            assert_eq!(Username::parse(text), Err(UsernameError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = Username::parse(&text);
            let _ = Username::parse(&format!("h/{text}"));
        }
    }
}
