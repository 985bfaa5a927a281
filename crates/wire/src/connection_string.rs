use std::fmt;

use provost_model::{Secret, SymmetricKey};

/// What clients are configured with (dps-service-api.md 1.2, iot-hub-service-api.md 1.1): parts
/// `Name=value` joined by `;`, in any order, names without case. A value ends at `;` and may hold
/// `=`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectionString {
    /// `HostName`, possibly with a port.
    pub host: String,
    /// `SharedAccessKeyName`: the policy.
    pub policy: Option<String>,
    /// `DeviceId`.
    pub device_id: Option<String>,
    /// `ModuleId`.
    pub module_id: Option<String>,
    /// `SharedAccessKey`.
    pub key: Option<SymmetricKey>,
    /// `SharedAccessSignature`: a ready-made token.
    pub token: Option<Secret<String>>,
    /// `x509=true`.
    pub x509: bool,
    /// `GatewayHostName`.
    pub gateway: Option<String>,
}

/// Why a text is not a connection string. Says nothing of its values, which are secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionStringError {
    /// Over 4 KiB.
    #[error("connection string is too long")]
    TooLong,
    /// A part without `=`.
    #[error("connection string has a part without `=`")]
    Part,
    /// No `HostName`.
    #[error("connection string has no `HostName`")]
    NoHost,
    /// `SharedAccessKey` is not base64 of 16 to 64 bytes.
    #[error("connection string has a `SharedAccessKey` that is not a key")]
    Key,
}

impl ConnectionString {
    const MAX: usize = 4096;

    /// A service's string: `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`.
    pub fn service(host: &str, policy: &str, key: SymmetricKey) -> Self {
        Self {
            host: host.to_owned(),
            policy: Some(policy.to_owned()),
            key: Some(key),
            ..Self::default()
        }
    }

    /// A device's string: `HostName=…;DeviceId=…;SharedAccessKey=…`, or `…;x509=true` without a key.
    pub fn device(host: &str, device_id: &str, key: Option<SymmetricKey>) -> Self {
        Self {
            host: host.to_owned(),
            device_id: Some(device_id.to_owned()),
            x509: key.is_none(),
            key,
            ..Self::default()
        }
    }

    /// Reads the text; parts it does not know are ignored.
    pub fn parse(text: &str) -> Result<Self, ConnectionStringError> {
        if text.len() > Self::MAX {
            return Err(ConnectionStringError::TooLong);
        }
        let mut read = Self::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(ConnectionStringError::Part)?;
            read.set(name.trim(), value)?;
        }
        if read.host.is_empty() {
            return Err(ConnectionStringError::NoHost);
        }
        Ok(read)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), ConnectionStringError> {
        match name.to_ascii_lowercase().as_str() {
            "hostname" => value.clone_into(&mut self.host),
            "sharedaccesskeyname" => self.policy = Some(value.to_owned()),
            "deviceid" => self.device_id = Some(value.to_owned()),
            "moduleid" => self.module_id = Some(value.to_owned()),
            "sharedaccesskey" => {
                self.key = Some(SymmetricKey::parse(value).map_err(|_| ConnectionStringError::Key)?);
            }
            "sharedaccesssignature" => self.token = Some(Secret::new(value.to_owned())),
            "x509" | "x509cert" => self.x509 = value.eq_ignore_ascii_case("true"),
            "gatewayhostname" => self.gateway = Some(value.to_owned()),
            _ => {}
        }
        Ok(())
    }

    /// The text, secrets included, for the answers that are meant to show it.
    pub fn reveal(&self) -> String {
        self.text(SymmetricKey::to_base64, |token| token.expose().clone())
    }

    fn text(&self, key: fn(&SymmetricKey) -> String, token: fn(&Secret<String>) -> String) -> String {
        let mut parts = vec![format!("HostName={}", self.host)];
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                parts.push(format!("{name}={value}"));
            }
        };
        add("DeviceId", self.device_id.clone());
        add("ModuleId", self.module_id.clone());
        add("SharedAccessKeyName", self.policy.clone());
        add("SharedAccessKey", self.key.as_ref().map(key));
        add("SharedAccessSignature", self.token.as_ref().map(token));
        add("x509", self.x509.then(|| "true".to_owned()));
        add("GatewayHostName", self.gateway.clone());
        parts.join(";")
    }
}

impl fmt::Display for ConnectionString {
    /// With secrets masked, as the management plane shows linked hubs (dps-service-api.md 4.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(|_| "****".to_owned(), |_| "****".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";

    #[test]
    fn order_and_case_are_free_and_values_hold_equal_signs() {
        let text = format!("sharedaccesskey={KEY};HOSTNAME=h.net:9443;SharedAccessKeyName=owner;Unknown=1");
        let read = ConnectionString::parse(&text).unwrap();
        assert_eq!(
            read,
            ConnectionString::service("h.net:9443", "owner", SymmetricKey::parse(KEY).unwrap())
        );
        assert_eq!(
            read.reveal(),
            format!("HostName=h.net:9443;SharedAccessKeyName=owner;SharedAccessKey={KEY}")
        );
        assert_eq!(
            read.to_string(),
            "HostName=h.net:9443;SharedAccessKeyName=owner;SharedAccessKey=****"
        );
    }

    #[test]
    fn device_forms_round_trip() {
        for text in [
            format!("HostName=h;DeviceId=d;SharedAccessKey={KEY}"),
            "HostName=h;DeviceId=d;x509=true".to_owned(),
            format!("HostName=h;DeviceId=d;ModuleId=m;SharedAccessKey={KEY};GatewayHostName=g"),
            "HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature sr=h&sig=a%3D&se=1".to_owned(),
        ] {
            assert_eq!(ConnectionString::parse(&text).unwrap().reveal(), text);
        }
    }

    #[test]
    fn errors() {
        for (text, error) in [
            ("", ConnectionStringError::NoHost),
            ("HostName", ConnectionStringError::Part),
            ("HostName=h;SharedAccessKey=x", ConnectionStringError::Key),
        ] {
            assert_eq!(ConnectionString::parse(text), Err(error), "{text}");
        }
        assert_eq!(
            ConnectionString::parse(&"a=b;".repeat(2000)),
            Err(ConnectionStringError::TooLong)
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = ConnectionString::parse(&text);
        }
    }
}
