//! Registration over MQTT (dps-device-api.md 3).

use std::time::Duration;

use provost_model::Clock;
use provost_transport::mqtt::codec::QoS;

use super::answer::Answer;
use super::{API_VERSION, RegisterError, Registration};
use crate::DeviceError;
use crate::mqtt::{ConnectOptions, MqttClient};

const ANSWERS: &str = "$dps/registrations/res/#";
const ANSWER_PREFIX: &str = "$dps/registrations/res/";
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
                "{id_scope}/registrations/{registration_id}/api-version={API_VERSION}"
            )),
            password: registration.token(clock),
            ..ConnectOptions::default()
        };
        let (mut client, _) = MqttClient::connect(registration.target, registration.tls, &options).await?;
        client.subscribe(&[(ANSWERS, QoS::AtLeastOnce)]).await?;
        Ok(Self {
            client,
            request_id: 0,
        })
    }

    pub(super) async fn register(&mut self, body: &[u8]) -> Result<Answer, RegisterError> {
        self.request_id = self.request_id.wrapping_add(1);
        let topic = format!("$dps/registrations/PUT/iotdps-register/?$rid={}", self.request_id);
        self.request(&topic, body).await
    }

    pub(super) async fn poll(&mut self, operation_id: &str) -> Result<Answer, RegisterError> {
        self.request_id = self.request_id.wrapping_add(1);
        let topic = format!(
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid={}&operationId={operation_id}",
            self.request_id
        );
        self.request(&topic, b" ").await
    }

    pub(super) async fn close(self) {
        self.client.disconnect().await;
    }

    async fn request(&mut self, topic: &str, body: &[u8]) -> Result<Answer, RegisterError> {
        self.client.publish(topic, body, QoS::AtLeastOnce).await?;
        let rid = self.request_id.to_string();
        loop {
            let message = self.client.next_publish(ANSWER_TIMEOUT).await?;
            let message = message.ok_or(DeviceError::Timeout("registration request"))?;
            let (status, query) =
                parse_topic(&message.topic).ok_or(RegisterError::Malformed("topic of the answer"))?;
            // An answer to an earlier request that was given up.
            if query_value(query, "$rid") == Some(&rid) {
                let retry_after = retry_after(query);
                return Ok(Answer {
                    status,
                    retry_after,
                    body: message.payload,
                });
            }
        }
    }
}

fn retry_after(query: &str) -> Option<Duration> {
    query_value(query, "retry-after")?
        .parse()
        .ok()
        .map(Duration::from_secs)
}

/// Status and query of `$dps/registrations/res/{status}/?{query}`.
fn parse_topic(topic: &str) -> Option<(u16, &str)> {
    let (status, query) = topic.strip_prefix(ANSWER_PREFIX)?.split_once("/?")?;
    Some((status.parse().ok()?, query))
}

fn query_value<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_topics_are_read() {
        let (status, query) = parse_topic("$dps/registrations/res/202/?$rid=7&retry-after=3").unwrap();
        assert_eq!((status, query_value(query, "$rid")), (202, Some("7")));
        assert_eq!(query_value(query, "retry-after"), Some("3"));
        assert_eq!(parse_topic("$dps/registrations/res/200?$rid=7"), None);
        assert_eq!(parse_topic("$iothub/twin/res/200/?$rid=7"), None);
    }
}
