//! A device's session with its hub over MQTT (iot-hub-device-api.md 2, 5, 7).

mod event;
mod renewal;

use std::collections::VecDeque;
use std::time::Duration;

use provost_attestation::sas;
use provost_model::{Clock, SymmetricKey};
use provost_transport::mqtt::codec::QoS;
use provost_wire::hub::device::{
    PropertyBag, format_bag, method_response_topic, reported_topic, telemetry_topic, twin_get_topic,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::DeviceError;
use crate::connect::Target;
use crate::mqtt::{ConnectOptions, MqttClient};
use crate::tls::ClientTls;

pub use self::event::HubEvent;

use self::event::{HubMessage, TwinAnswer};

const API_VERSION: &str = "2025-08-01-preview";
const SAS_TTL: Duration = Duration::from_hours(1);
/// How long a twin answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// One SUBSCRIBE with everything a device listens to.
const FILTERS: [(&str, QoS); 3] = [
    ("$iothub/twin/res/#", QoS::AtMostOnce),
    ("$iothub/twin/PATCH/properties/desired/#", QoS::AtMostOnce),
    ("$iothub/methods/POST/#", QoS::AtMostOnce),
];

/// Who connects to which hub.
#[derive(Clone, Debug)]
pub struct HubLogin<'a> {
    /// Host name of the hub, as the registration answered it.
    pub hub: &'a str,
    /// Device ID.
    pub device_id: &'a str,
    /// The device's key; None with X.509.
    pub key: Option<&'a SymmetricKey>,
    /// Seconds, 0 for none.
    pub keep_alive: u16,
}

impl HubLogin<'_> {
    fn options(&self, clock: &dyn Clock) -> ConnectOptions {
        let (hub, device_id) = (self.hub, self.device_id);
        let resource = format!("{hub}/devices/{device_id}");
        let expires_at = clock.now().after(SAS_TTL);
        ConnectOptions {
            client_id: device_id.to_owned(),
            username: Some(format!("{hub}/{device_id}/?api-version={API_VERSION}")),
            password: self.key.map(|key| sas::sign(&resource, key, expires_at, None)),
            keep_alive: self.keep_alive,
            clean_session: false,
            will: None,
        }
    }
}

/// A connected device.
#[derive(Debug)]
pub struct HubSession {
    client: MqttClient,
    device_id: String,
    request_id: u32,
    /// Events that came while a twin answer was waited for.
    waiting: VecDeque<HubEvent>,
}

impl HubSession {
    /// Connects; subscribes to nothing yet. A refusal is [`DeviceError::Refused`].
    pub async fn connect(
        target: &Target,
        tls: &ClientTls,
        login: &HubLogin<'_>,
        clock: &dyn Clock,
    ) -> Result<Self, DeviceError> {
        let (client, _) = MqttClient::connect(target, tls, &login.options(clock)).await?;
        let device_id = login.device_id.to_owned();
        Ok(Self {
            client,
            device_id,
            request_id: 0,
            waiting: VecDeque::new(),
        })
    }

    /// Subscribes to twin answers, desired properties and methods. Needed before all but telemetry.
    pub async fn subscribe(&mut self) -> Result<(), DeviceError> {
        self.client.subscribe(&FILTERS).await
    }

    /// Sends a telemetry message at `QoS` 1 and waits until the hub has it. Names of system
    /// properties start with `$.`.
    pub async fn send_telemetry(
        &mut self,
        payload: &[u8],
        properties: &[(&str, &str)],
    ) -> Result<(), DeviceError> {
        let entry = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
        let (system_properties, properties) = properties
            .iter()
            .map(entry)
            .partition(|(name, _)| name.starts_with("$."));
        let bag = format_bag(&PropertyBag {
            properties,
            system_properties,
        });
        let topic = telemetry_topic(&self.device_id, &bag);
        self.client.publish(&topic, payload, QoS::AtLeastOnce).await
    }

    /// Sends the same telemetry message `count` times at `QoS` 1, at most `window` of them not yet
    /// acknowledged, and waits until the hub has them all.
    pub async fn send_telemetry_all(
        &mut self,
        payload: &[u8],
        count: u32,
        window: usize,
    ) -> Result<(), DeviceError> {
        let topic = telemetry_topic(&self.device_id, "");
        self.client.publish_all(&topic, payload, count, window).await
    }

    /// The twin as the device sees it: `desired` and `reported`, each with `$version`.
    pub async fn twin_get(&mut self) -> Result<Value, DeviceError> {
        let rid = self.next_rid();
        self.client
            .publish(&twin_get_topic(&rid), b" ", QoS::AtMostOnce)
            .await?;
        let answer = self.twin_answer(&rid).await?;
        serde_json::from_slice(&answer.body).map_err(|_| DeviceError::Unexpected("twin is not json"))
    }

    /// Merges `patch` into the reported properties; returns their new version when the hub names
    /// it.
    pub async fn patch_reported(&mut self, patch: &Value) -> Result<Option<i64>, DeviceError> {
        let rid = self.next_rid();
        let topic = reported_topic(&rid, None);
        self.client
            .publish(&topic, patch.to_string().as_bytes(), QoS::AtMostOnce)
            .await?;
        Ok(self.twin_answer(&rid).await?.version)
    }

    /// The next desired patch, method call or other message; None when none came in time.
    pub async fn next_event(&mut self, wait: Duration) -> Result<Option<HubEvent>, DeviceError> {
        if let Some(event) = self.waiting.pop_front() {
            return Ok(Some(event));
        }
        let deadline = Instant::now() + wait;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            match self.client.next_publish(rest).await?.map(HubMessage::from) {
                Some(HubMessage::Event(event)) => return Ok(Some(event)),
                // An answer nobody waits for any more.
                Some(HubMessage::Twin(_) | HubMessage::Credential(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// Answers a method call; `status` is the device's own number.
    pub async fn answer_method(&mut self, rid: &str, status: i32, payload: &[u8]) -> Result<(), DeviceError> {
        let topic = method_response_topic(status, rid);
        self.client.publish(&topic, payload, QoS::AtMostOnce).await
    }

    /// Waits until the hub closes the connection; false when it did not in time.
    pub async fn closed(&mut self, wait: Duration) -> bool {
        self.client.closed(wait).await
    }

    /// The MQTT client below, for what is not covered here.
    pub const fn mqtt(&mut self) -> &mut MqttClient {
        &mut self.client
    }

    /// Says DISCONNECT.
    pub async fn disconnect(self) {
        self.client.disconnect().await;
    }

    fn next_rid(&mut self) -> String {
        self.request_id = self.request_id.wrapping_add(1);
        self.request_id.to_string()
    }

    async fn twin_answer(&mut self, rid: &str) -> Result<TwinAnswer, DeviceError> {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let message = self.client.next_publish(rest).await?;
            match HubMessage::from(message.ok_or(DeviceError::Timeout("twin request"))?) {
                HubMessage::Event(event) => self.waiting.push_back(event),
                HubMessage::Credential(_) => {}
                HubMessage::Twin(answer) if answer.rid != rid => {}
                HubMessage::Twin(TwinAnswer { status, body, .. }) if status >= 300 => {
                    return Err(DeviceError::Status { status, body });
                }
                HubMessage::Twin(answer) => return Ok(answer),
            }
        }
    }
}
