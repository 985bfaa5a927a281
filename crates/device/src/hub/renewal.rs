//! Renewal of the device's certificate over its connection (certificate-management.md 3.3).

use std::time::Duration;

use provost_transport::mqtt::codec::QoS;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::HubSession;
use super::event::{CredentialAnswer, HubMessage};
use crate::DeviceError;
use crate::provisioning::issued_chain;

const FILTER: &str = "$iothub/credentials/res/#";
const ACCEPTED: u16 = 202;

impl HubSession {
    /// Subscribes to answers about certificates.
    pub async fn subscribe_credentials(&mut self) -> Result<(), DeviceError> {
        self.client.subscribe(&[(FILTER, QoS::AtLeastOnce)]).await
    }

    /// Asks for another certificate with the request (base64 of its DER) under a request id of the device's own
    /// choice, 4 to 36 letters, digits and inner hyphens; waits until it is there. Answers the chain, leaf first.
    ///
    /// # Errors
    /// [`DeviceError::Status`] with the hub's words, [`DeviceError::Timeout`].
    pub async fn renew_certificate(
        &mut self,
        rid: &str,
        csr: &str,
        wait: Duration,
    ) -> Result<Vec<Vec<u8>>, DeviceError> {
        let topic = format!("$iothub/credentials/POST/issueCertificate/?$rid={rid}");
        let body = json!({ "id": self.device_id, "csr": csr });
        self.client
            .publish(&topic, body.to_string().as_bytes(), QoS::AtLeastOnce)
            .await?;
        let answer = self.credential_answer(rid, Instant::now() + wait).await?;
        let unexpected = DeviceError::Unexpected("answer to a request for a certificate");
        let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
            return Err(unexpected);
        };
        issued_chain(body.get("certificates")).map_err(|_| unexpected)
    }

    /// The final answer; what says that the request was accepted is passed over.
    async fn credential_answer(
        &mut self,
        rid: &str,
        deadline: Instant,
    ) -> Result<CredentialAnswer, DeviceError> {
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let message = self.client.next_publish(rest).await?;
            match HubMessage::from(message.ok_or(DeviceError::Timeout("certificate request"))?) {
                HubMessage::Event(event) => self.waiting.push_back(event),
                HubMessage::Credential(answer) if answer.rid != rid || answer.status == ACCEPTED => {}
                HubMessage::Credential(CredentialAnswer { status, body, .. }) if status >= 300 => {
                    return Err(DeviceError::Status { status, body });
                }
                HubMessage::Credential(answer) => return Ok(answer),
                HubMessage::Twin(_) => {}
            }
        }
    }
}
