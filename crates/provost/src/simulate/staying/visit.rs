//! What a device does while it is at its hub.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use provost_device::DeviceError;
use provost_device::hub::{HubEvent, HubSession};
use provost_transport::mqtt::codec::QoS;
use provost_wire::time::iso;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::life::{Left, Life};
use super::schedule::Due;
use super::tally::one_more;
use crate::simulate::arguments::Misbehaviour;
use crate::simulate::operational::Operational;
use crate::simulate::sending::PROPERTIES;

/// The longest wait for an event.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

impl Life {
    /// Listens, tells what it is, and sends what is due, until it has to leave.
    pub(super) async fn serve(&mut self, mut session: HubSession) -> Result<Left, DeviceError> {
        session.subscribe().await?;
        let filter = format!("devices/{}/messages/devicebound/#", self.device.device_id);
        session.mqtt().subscribe(&[(&filter, QoS::AtLeastOnce)]).await?;
        self.prepare_renewals(&mut session).await?;
        session.patch_reported(&self.reported()).await?;
        let crew = Arc::clone(&self.crew);
        let mut stop = crew.stop.clone();
        loop {
            let is_stopping = *stop.borrow();
            if is_stopping {
                self.schedule.end(Instant::now());
                if self.schedule.due(Instant::now()).is_none() || crew.is_over.load(Ordering::Relaxed) {
                    session.disconnect().await;
                    return Ok(Left::Stopped);
                }
            }
            if !is_stopping && self.must_renew() && self.renew(&mut session).await? {
                session.disconnect().await;
                return Ok(Left::Renewed);
            }
            let wait = self
                .schedule
                .pause(Instant::now(), self.until_renewal(LONGEST_WAIT));
            let event = tokio::select! {
                event = session.next_event(wait) => event?,
                _ = stop.changed(), if !is_stopping => None,
            };
            if let Some(event) = event
                && self.hear(&mut session, event).await?
            {
                session.disconnect().await;
                return Ok(Left::Asked);
            }
            if let Some(due) = self.schedule.due(Instant::now()) {
                session
                    .send_telemetry(message(due).as_bytes(), &PROPERTIES)
                    .await?;
                self.schedule.acknowledge();
                one_more(&crew.tally.acknowledged);
            }
        }
    }

    /// What queries can ask for.
    fn reported(&self) -> Value {
        let issued = self.device.operational.as_ref().map(Operational::facts);
        let certificate = issued.as_ref().or(self.device.proof.certificate.as_ref());
        let certificate = certificate.map(|facts| {
            json!({
                "thumbprint": facts.thumbprint,
                "validUntil": iso(facts.valid_until),
                "issuer": facts.issuer,
            })
        });
        json!({ "certificate": certificate, "generation": self.generation })
    }

    /// Takes an event; whether the device has to leave and register again.
    async fn hear(&self, session: &mut HubSession, event: HubEvent) -> Result<bool, DeviceError> {
        let tally = &self.crew.tally;
        match event {
            HubEvent::Method { name, rid, payload } => {
                let (status, answer, leaves) = self.answer(&name, &payload);
                session.answer_method(&rid, status, &answer).await?;
                one_more(&tally.methods);
                return Ok(leaves);
            }
            HubEvent::DesiredPatch { .. } => one_more(&tally.desired_changes),
            HubEvent::Other(_) => one_more(&tally.cloud_to_device),
        }
        Ok(false)
    }

    /// Status and payload of the answer to a method, and whether the device then leaves.
    fn answer(&self, name: &str, payload: &[u8]) -> (i32, Vec<u8>, bool) {
        let bytes = |value: Value| value.to_string().into_bytes();
        if name == self.crew.reprovision_method {
            return match self.misbehaviour {
                Some(Misbehaviour::Error) => (500, bytes(json!({ "error": "i shall not" })), false),
                Some(Misbehaviour::Vanish | Misbehaviour::OldCertificate) | None => {
                    (200, bytes(json!({ "generation": self.generation })), true)
                }
            };
        }
        match name {
            "ping" if payload.is_empty() => (200, b"null".to_vec(), false),
            "ping" => (200, payload.to_vec(), false),
            _ => (404, bytes(json!({ "error": "there is no such method" })), false),
        }
    }
}

fn message(due: Due) -> String {
    json!({
        "sequence": due.sequence,
        "temperature": 20 + due.sequence % 7,
        "madeAt": iso(due.made_at),
    })
    .to_string()
}
