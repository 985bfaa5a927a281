//! Registration over MQTT (dps-device-api.md 3).

use std::time::Duration;

use provost_model::Clock;
use provost_transport::mqtt::codec::QoS;
use provost_wire::dps::device::{RESPONSE_FILTER, parse_answer, register_topic, status_topic};

use super::answer::Answer;
use super::{RegisterError, Registration};
use crate::DeviceError;
use crate::mqtt::{ConnectOptions, MqttClient};

/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// One connection for register and polls.
pub(super) struct MqttSession {
    client: MqttClient,
    request_id: u32,
}

impl MqttSession {
    pub(super) async fn open(
        registration: &Registration<'_>,
        clock: &dyn Clock,
    ) -> Result<Self, RegisterError> {
        let (id_scope, registration_id) = (registration.id_scope, registration.registration_id);
        let options = ConnectOptions {
            client_id: registration_id.to_owned(),
            username: Some(format!(
                "{id_scope}/registrations/{registration_id}/api-version={}",
                registration.api_version
            )),
            password: registration.token(clock),
            ..ConnectOptions::default()
        };
        let (mut client, _) = MqttClient::connect(registration.target, registration.tls, &options).await?;
        client.subscribe(&[(RESPONSE_FILTER, QoS::AtLeastOnce)]).await?;
        Ok(Self {
            client,
            request_id: 0,
        })
    }

    pub(super) async fn register(&mut self, body: &[u8]) -> Result<Answer, RegisterError> {
        let rid = self.next_rid();
        self.request(&rid, &register_topic(&rid), body).await
    }

    pub(super) async fn poll(&mut self, operation_id: &str) -> Result<Answer, RegisterError> {
        let rid = self.next_rid();
        self.request(&rid, &status_topic(&rid, operation_id), b" ").await
    }

    pub(super) async fn close(self) {
        self.client.disconnect().await;
    }

    fn next_rid(&mut self) -> String {
        self.request_id = self.request_id.wrapping_add(1);
        self.request_id.to_string()
    }

    async fn request(&mut self, rid: &str, topic: &str, body: &[u8]) -> Result<Answer, RegisterError> {
        self.client.publish(topic, body, QoS::AtLeastOnce).await?;
        loop {
            let message = self.client.next_publish(ANSWER_TIMEOUT).await?;
            let message = message.ok_or(DeviceError::Timeout("registration request"))?;
            let malformed = RegisterError::Malformed("topic of the answer");
            let topic = parse_answer(&message.topic).ok_or(malformed)?;
            // Any other is the answer to an earlier request that was given up.
            if topic.rid == rid {
                let retry_after = topic
                    .retry_after
                    .map(|seconds| Duration::from_secs(seconds.into()));
                return Ok(Answer {
                    status: topic.status,
                    retry_after,
                    body: message.payload,
                });
            }
        }
    }
}
