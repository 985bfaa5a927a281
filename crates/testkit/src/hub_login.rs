use std::time::Duration;

use provost_attestation::sas;
use provost_device::DeviceError;
use provost_device::mqtt::{ConnectOptions, MqttClient};
use provost_device::tls::ClientIdentity;
use provost_model::{SymmetricKey, Timestamp};
use provost_transport::mqtt::codec::Connect;

use crate::Endpoints;

/// A CONNECT to the hub of which every field can be wrong.
#[derive(Clone)]
pub struct HubConnect<'a> {
    endpoints: &'a Endpoints,
    options: ConnectOptions,
    identity: Option<ClientIdentity>,
}

impl<'a> HubConnect<'a> {
    /// A well-formed CONNECT of this device, without a proof.
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

    /// With a client certificate.
    #[must_use]
    pub fn identity(mut self, identity: ClientIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// With a token of the device's own key.
    #[must_use]
    pub fn key(self, key: &SymmetricKey) -> Self {
        let resource = format!("{}/devices/{}", self.endpoints.hub().host, self.options.client_id);
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
        let target = self.endpoints.mqtt(&self.endpoints.hub().host);
        let tls = self.endpoints.tls(self.identity.as_ref());
        let connecting = Box::pin(MqttClient::connect(&target, &tls, &self.options));
        connecting.await.map(|(client, _)| client)
    }
}
