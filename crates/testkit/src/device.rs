use std::time::Duration;

use provost_attestation::sas;
use provost_attestation::symmetric::derive_device_key;
use provost_device::DeviceError;
use provost_device::http::{HttpClient, Method};
use provost_device::hub::{HubLogin, HubSession};
use provost_device::provisioning::{
    API_VERSION, CSR_API_VERSION, PollDelay, RegisterError, Registration, RegistrationOutcome, Transport,
    register,
};
use provost_device::tls::ClientIdentity;
use provost_model::SymmetricKey;
use serde_json::{Value, json};

use crate::{Endpoints, Leaf};

/// How a device reaches the provisioning service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// MQTT over TLS.
    Mqtt,
    /// MQTT in a WebSocket.
    MqttWebSocket,
    /// HTTPS.
    Https,
}

impl Via {
    /// Every transport.
    pub const ALL: [Self; 3] = [Self::Mqtt, Self::MqttWebSocket, Self::Https];

    /// Whether MQTT carries the answers.
    pub fn is_mqtt(self) -> bool {
        self != Self::Https
    }
}

/// Runs a rule once over each transport of the provisioning service.
pub async fn over_every_transport(rule: impl AsyncFn(Via)) {
    for via in Via::ALL {
        Box::pin(rule(via)).await;
    }
}

/// A device: its name and what it proves itself with.
#[derive(Clone)]
pub struct Device {
    /// Registration ID, and device ID unless the enrollment says otherwise.
    pub id: String,
    identity: Option<ClientIdentity>,
    key: Option<SymmetricKey>,
}

impl Device {
    /// A device that shows this leaf with its intermediates; its common name is its ID.
    pub fn with_leaf(leaf: &Leaf) -> Self {
        Self {
            id: leaf.common_name().to_owned(),
            identity: Some(leaf.identity()),
            key: None,
        }
    }

    /// A device that forgets to show its intermediates.
    pub fn with_leaf_alone(leaf: &Leaf) -> Self {
        Self {
            identity: Some(leaf.identity_alone()),
            ..Self::with_leaf(leaf)
        }
    }

    /// A device that shows these certificates, whatever they are, with the key of the leaf.
    pub fn with_certificate(id: &str, leaf: &Leaf, chain: Vec<Vec<u8>>) -> Self {
        Self {
            id: id.to_owned(),
            identity: Some(leaf.identity_with(chain)),
            key: None,
        }
    }

    /// A device that shows what was read from files.
    pub fn with_identity(id: &str, identity: ClientIdentity) -> Self {
        Self {
            id: id.to_owned(),
            identity: Some(identity),
            key: None,
        }
    }

    /// A device with a key of its own.
    pub fn with_key(id: &str, key: &SymmetricKey) -> Self {
        Self {
            id: id.to_owned(),
            identity: None,
            key: Some(key.clone()),
        }
    }

    /// A device whose key is derived from its group's.
    pub fn of_group(id: &str, group_key: &SymmetricKey) -> Self {
        Self::with_key(id, &derive_device_key(group_key, id))
    }

    /// A device with nothing to show.
    pub fn without_proof(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            identity: None,
            key: None,
        }
    }

    /// The same proof under another name.
    #[must_use]
    pub fn named(&self, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            ..self.clone()
        }
    }

    /// Registers and polls until the outcome is final.
    pub async fn register(
        &self,
        endpoints: &Endpoints,
        via: Via,
    ) -> Result<RegistrationOutcome, RegisterError> {
        self.register_with(endpoints, via, None).await
    }

    /// Registers with a payload.
    pub async fn register_with(
        &self,
        endpoints: &Endpoints,
        via: Via,
        payload: Option<Value>,
    ) -> Result<RegistrationOutcome, RegisterError> {
        self.register_in(endpoints, via, API_VERSION, payload).await
    }

    /// Registers as a device of another time.
    pub async fn register_in(
        &self,
        endpoints: &Endpoints,
        via: Via,
        api_version: &str,
        payload: Option<Value>,
    ) -> Result<RegistrationOutcome, RegisterError> {
        self.register_asking(endpoints, via, (api_version, payload), None)
            .await
    }

    /// Registers and asks for a certificate by this signing request, in base64.
    pub async fn register_with_csr(
        &self,
        endpoints: &Endpoints,
        via: Via,
        csr: &str,
    ) -> Result<RegistrationOutcome, RegisterError> {
        self.register_asking(endpoints, via, (CSR_API_VERSION, None), Some(csr))
            .await
    }

    async fn register_asking(
        &self,
        endpoints: &Endpoints,
        via: Via,
        (api_version, payload): (&str, Option<Value>),
        csr: Option<&str>,
    ) -> Result<RegistrationOutcome, RegisterError> {
        let host = &endpoints.dps().host;
        let target = match via {
            Via::Mqtt => endpoints.mqtt(host),
            Via::MqttWebSocket => endpoints.https(host).with_websocket(true),
            Via::Https => endpoints.https(host),
        };
        let registration = Registration {
            target: &target,
            tls: &endpoints.tls(self.identity.as_ref()),
            transport: if via.is_mqtt() {
                Transport::Mqtt
            } else {
                Transport::Https
            },
            id_scope: &endpoints.dps().id_scope,
            registration_id: &self.id,
            key: self.key.as_ref(),
            api_version,
            payload,
            csr,
            poll_delay: PollDelay::Fixed(Duration::from_millis(5)),
            patience: Duration::from_secs(30),
        };
        Box::pin(register(&registration, &*endpoints.clock)).await
    }

    /// Asks over HTTPS to be registered and gives the status of that first answer; nothing is
    /// polled.
    pub async fn ask(&self, endpoints: &Endpoints) -> Result<u16, DeviceError> {
        let (host, scope) = (&endpoints.dps().host, &endpoints.dps().id_scope);
        let mut client =
            HttpClient::connect(&endpoints.https(host), &endpoints.tls(self.identity.as_ref())).await?;
        let resource = format!("{scope}/registrations/{}", self.id);
        let path = format!("/{resource}/register?api-version=2021-06-01");
        let expires_at = endpoints.clock.now().after(Duration::from_hours(1));
        let token = self
            .key
            .as_ref()
            .map(|key| sas::sign(&resource, key, expires_at, Some("registration")));
        let headers: Vec<_> = token
            .iter()
            .map(|token| ("authorization", token.as_str()))
            .collect();
        let body = json!({ "registrationId": self.id }).to_string();
        let answer = client
            .request(Method::PUT, &path, &headers, Some(body.into()))
            .await?;
        Ok(answer.status.as_u16())
    }

    /// Connects to its hub over MQTT.
    pub async fn connect(&self, endpoints: &Endpoints) -> Result<HubSession, DeviceError> {
        self.connect_over(endpoints, false).await
    }

    /// Connects to its hub over MQTT, in a WebSocket or not.
    pub async fn connect_over(
        &self,
        endpoints: &Endpoints,
        websocket: bool,
    ) -> Result<HubSession, DeviceError> {
        let host = &endpoints.hub().host;
        let target = if websocket {
            endpoints.https(host).with_websocket(true)
        } else {
            endpoints.mqtt(host)
        };
        let login = HubLogin {
            hub: host,
            device_id: &self.id,
            key: self.key.as_ref(),
            keep_alive: 60,
        };
        let tls = endpoints.tls(self.identity.as_ref());
        Box::pin(HubSession::connect(&target, &tls, &login, &*endpoints.clock)).await
    }
}
