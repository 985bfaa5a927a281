use std::time::Duration;

use provost_attestation::sas;
use provost_device::DeviceError;
use provost_device::mqtt::{ConnectOptions, MqttClient, WillMessage};
use provost_device::tls::ClientIdentity;
use provost_model::{IdentityId, SymmetricKey, Timestamp};
use provost_transport::mqtt::codec::{Connack, Connect, QoS};
use provost_wire::hub::device::sas_audience;

use crate::Endpoints;

/// A CONNECT to the hub of which every field can be wrong.
#[derive(Clone)]
pub struct HubConnect<'a> {
    endpoints: &'a Endpoints,
    options: ConnectOptions,
    identity: Option<ClientIdentity>,
}

impl<'a> HubConnect<'a> {
    /// A well-formed CONNECT of this device, or `device/module`, without a proof.
    pub fn of(endpoints: &'a Endpoints, device_id: &str) -> Self {
        let username = format!("{}/{device_id}/?api-version=2021-04-12", endpoints.hub().host);
        let options = ConnectOptions {
            client_id: device_id.to_owned(),
            username: Some(username),
            clean_session: false,
            ..ConnectOptions::default()
        };
        Self {
            endpoints,
            options,
            identity: None,
        }
    }

    /// With another client id.
    #[must_use]
    pub fn client_id(mut self, client_id: &str) -> Self {
        client_id.clone_into(&mut self.options.client_id);
        self
    }

    /// With what follows `{host}/{device}` in the user name.
    #[must_use]
    pub fn username_tail(mut self, tail: &str) -> Self {
        let (host, device_id) = (&self.endpoints.hub().host, &self.options.client_id);
        self.options.username = Some(format!("{host}/{device_id}{tail}"));
        self
    }

    /// With another keep-alive, in seconds.
    #[must_use]
    pub fn keep_alive(mut self, seconds: u16) -> Self {
        self.options.keep_alive = seconds;
        self
    }

    /// With the clean session flag, which none of the others sets.
    #[must_use]
    pub fn clean_session(mut self) -> Self {
        self.options.clean_session = true;
        self
    }

    /// With a will.
    #[must_use]
    pub fn will(mut self, topic: &str, payload: &[u8], qos: QoS) -> Self {
        self.options.will = Some(WillMessage {
            topic: topic.to_owned(),
            payload: payload.to_vec(),
            qos,
        });
        self
    }

    /// With a client certificate.
    #[must_use]
    pub fn identity(mut self, identity: ClientIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// With a token of the device's or module's own key.
    #[must_use]
    pub fn key(self, key: &SymmetricKey) -> Self {
        let id = IdentityId::parse(&self.options.client_id).expect("a device or module");
        let resource = sas_audience(&self.endpoints.hub().host, &id);
        let expires_at = self.endpoints.clock.now().after(Duration::from_hours(1));
        self.token(&resource, key, expires_at, None)
    }

    /// With a token for this resource.
    #[must_use]
    pub fn token(
        mut self,
        resource: &str,
        key: &SymmetricKey,
        expires_at: Timestamp,
        policy: Option<&str>,
    ) -> Self {
        self.options.password = Some(sas::sign(resource, key, expires_at, policy));
        self
    }

    /// The CONNECT packet itself.
    pub fn packet(&self) -> Vec<u8> {
        let options = &self.options;
        let connect = Connect {
            client_id: &options.client_id,
            clean_session: options.clean_session,
            keep_alive: options.keep_alive,
            will: None,
            username: options.username.as_deref(),
            password: options.password.as_deref().map(str::as_bytes),
        };
        let mut packet = Vec::new();
        connect.encode(&mut packet).expect("a packet");
        packet
    }

    /// Connects.
    pub async fn connect(&self) -> Result<MqttClient, DeviceError> {
        self.open().await.map(|(client, _)| client)
    }

    /// Connects and keeps what the hub said to it.
    pub async fn open(&self) -> Result<(MqttClient, Connack), DeviceError> {
        let target = self.endpoints.mqtt(&self.endpoints.hub().host);
        let tls = self.endpoints.tls(self.identity.as_ref());
        Box::pin(MqttClient::connect(&target, &tls, &self.options)).await
    }
}
