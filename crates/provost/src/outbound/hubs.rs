//! The registry REST API of a hub elsewhere, as provisioning uses it (iot-hub-service-api.md 2 to 4, 7).

use std::sync::Arc;
use std::time::Duration;

use provost_attestation::sas;
use provost_device::http::{HttpAnswer, Method};
use provost_model::{Clock, DeviceId, InitialTwin, RemoteHub, RemovalAction};
use provost_provisioning::{NewIdentity, PortFuture, RemoteHubError, RemoteHubs};
use provost_wire::hub::service::{carried_twin, device_write, initial_twin_patch};
use provost_wire::percent;
use serde_json::{Map, Value};

use super::guard::Guard;
use super::trust::{Trust, TrustError};
use super::url::Url;
use super::{Manner, Outgoing};
use crate::client::Refusal;

/// What the official SDKs speak (iot-hub-service-api.md 1.4).
const API_VERSION: &str = "2021-04-12";
/// Lifetime of the tokens signed here; one for each request.
const TOKEN_LIFE: Duration = Duration::from_mins(10);
/// Longest answer: identity and twin have their own limits far below.
const MAX_ANSWER: usize = 256 * 1024;

/// A client of the registries of hubs elsewhere.
pub struct RegistryClient {
    public: Trust,
    guard: Guard,
    clock: Arc<dyn Clock>,
    timeout: Duration,
}

impl RegistryClient {
    /// A client; `timeout` bounds each request.
    ///
    /// # Errors
    /// When the public authorities cannot be used.
    pub fn new(clock: Arc<dyn Clock>, timeout: Duration) -> Result<Self, TrustError> {
        Ok(Self {
            public: Trust::public()?,
            guard: Guard::of_hubs(),
            clock,
            timeout,
        })
    }

    /// One request; `None` when the hub says that the device is not there.
    async fn ask(
        &self,
        hub: &RemoteHub,
        method: Method,
        path: &str,
        if_match: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Option<Value>, RemoteHubError> {
        let trust = match &hub.ca {
            Some(pem) => Trust::pem(pem).map_err(|error| RemoteHubError::Unreachable(error.to_string()))?,
            None => self.public.clone(),
        };
        let manner = Manner {
            guard: &self.guard,
            trust: &trust,
            timeout: self.timeout,
            max_answer: MAX_ANSWER,
        };
        let url = Url::https(
            hub.host.as_str(),
            hub.port,
            format!("{path}?api-version={API_VERSION}"),
        );
        let expires_at = self.clock.now().after(TOKEN_LIFE);
        let token = sas::sign(hub.host.as_str(), &hub.key, expires_at, Some(hub.policy.as_str()));
        let mut headers = vec![("authorization", token.as_str())];
        headers.extend(if_match.map(|etag| ("if-match", etag)));
        let request = Outgoing {
            url: &url,
            method,
            headers: &headers,
            body: body.map(|body| body.to_string().into_bytes().into()),
        };
        let answer = manner.send(request).await;
        read(&answer.map_err(|error| RemoteHubError::Unreachable(error.to_string()))?)
    }

    async fn identity(
        &self,
        hub: &RemoteHub,
        device: &DeviceId,
    ) -> Result<Option<Map<String, Value>>, RemoteHubError> {
        match self
            .ask(hub, Method::GET, &device_path(device), None, None)
            .await?
        {
            None => Ok(None),
            Some(Value::Object(identity)) => Ok(Some(identity)),
            Some(_) => Err(unusable()),
        }
    }

    /// What is read is written back with its etag: whoever disables the device in between is not
    /// overruled, the next try sees it.
    async fn put_identity(
        &self,
        hub: &RemoteHub,
        device: &DeviceId,
        etag: Option<&str>,
        body: &Value,
    ) -> Result<(), RemoteHubError> {
        let if_match = etag.map(|etag| format!("\"{etag}\""));
        let written = self
            .ask(
                hub,
                Method::PUT,
                &device_path(device),
                if_match.as_deref(),
                Some(body),
            )
            .await?;
        written
            .map(drop)
            .ok_or_else(|| RemoteHubError::busy("the device went away while it was written"))
    }

    async fn create_or_update(
        &self,
        hub: &RemoteHub,
        identity: &NewIdentity,
        is_new: bool,
    ) -> Result<(), RemoteHubError> {
        let device = &identity.device_id;
        let stored = self.identity(hub, device).await?;
        if !is_new && stored.is_none() {
            return Err(RemoteHubError::busy("the device went away before it was written"));
        }
        let etag = stored.as_ref().and_then(etag);
        let body = device_write(stored, device, &identity.auth, identity.iot_edge);
        self.put_identity(hub, device, etag.as_deref(), &body).await?;
        let twin = &identity.initial_twin;
        if !is_new || (twin.tags.is_empty() && twin.desired.is_empty()) {
            return Ok(());
        }
        let path = format!("/twins/{}", percent::encode(device.as_str()));
        let patched = self
            .ask(
                hub,
                Method::PATCH,
                &path,
                Some("*"),
                Some(&initial_twin_patch(twin)),
            )
            .await?;
        patched
            .map(drop)
            .ok_or_else(|| RemoteHubError::busy("the new device has no twin yet"))
    }

    async fn delete_or_disable(
        &self,
        hub: &RemoteHub,
        device: &DeviceId,
        action: RemovalAction,
    ) -> Result<(), RemoteHubError> {
        if action == RemovalAction::Delete {
            let path = device_path(device);
            return self
                .ask(hub, Method::DELETE, &path, Some("*"), None)
                .await
                .map(drop);
        }
        let Some(mut stored) = self.identity(hub, device).await? else {
            return Ok(());
        };
        let etag = etag(&stored);
        stored.insert("status".to_owned(), "disabled".into());
        self.put_identity(hub, device, etag.as_deref(), &Value::Object(stored))
            .await
    }
}

impl RemoteHubs for RegistryClient {
    fn has<'a>(
        &'a self,
        hub: &'a RemoteHub,
        device: &'a DeviceId,
    ) -> PortFuture<'a, Result<bool, RemoteHubError>> {
        Box::pin(async move { Ok(self.identity(hub, device).await?.is_some()) })
    }

    fn provision<'a>(
        &'a self,
        hub: &'a RemoteHub,
        identity: &'a NewIdentity,
        is_new: bool,
    ) -> PortFuture<'a, Result<(), RemoteHubError>> {
        Box::pin(self.create_or_update(hub, identity, is_new))
    }

    fn twin<'a>(
        &'a self,
        hub: &'a RemoteHub,
        device: &'a DeviceId,
    ) -> PortFuture<'a, Result<Option<InitialTwin>, RemoteHubError>> {
        Box::pin(async move {
            let path = format!("/twins/{}", percent::encode(device.as_str()));
            let twin = self.ask(hub, Method::GET, &path, None, None).await?;
            Ok(twin.as_ref().map(carried_twin))
        })
    }

    fn remove<'a>(
        &'a self,
        hub: &'a RemoteHub,
        device: &'a DeviceId,
        action: RemovalAction,
    ) -> PortFuture<'a, Result<(), RemoteHubError>> {
        Box::pin(self.delete_or_disable(hub, device, action))
    }

    fn check<'a>(&'a self, hub: &'a RemoteHub) -> PortFuture<'a, Result<(), RemoteHubError>> {
        Box::pin(async move {
            let answer = self
                .ask(hub, Method::GET, "/statistics/devices", None, None)
                .await?;
            answer.map(drop).ok_or_else(unusable)
        })
    }
}

fn device_path(device: &DeviceId) -> String {
    format!("/devices/{}", percent::encode(device.as_str()))
}

fn etag(identity: &Map<String, Value>) -> Option<String> {
    identity.get("etag").and_then(Value::as_str).map(str::to_owned)
}

fn unusable() -> RemoteHubError {
    RemoteHubError::Unreachable("it does not answer as a hub does".to_owned())
}

fn read(answer: &HttpAnswer) -> Result<Option<Value>, RemoteHubError> {
    let status = answer.status.as_u16();
    let said = || Refusal::read(status, &answer.body);
    match status {
        200 | 201 => {
            let body = serde_json::from_slice(&answer.body);
            body.map(Some).map_err(|_| unusable())
        }
        204 => Ok(Some(Value::Null)),
        // A gateway on the way, or a hub that is being set up, has 404s of its own.
        404 if says_not_there(&said()) => Ok(None),
        401 | 403 => Err(RemoteHubError::Unauthorized(said().to_string())),
        408 | 409 | 412 | 429 => Err(RemoteHubError::Busy {
            reason: said().to_string(),
            retry_after: retry_after(answer),
        }),
        404 | 500.. => Err(RemoteHubError::Unreachable(said().to_string())),
        _ => Err(RemoteHubError::Refused(said().to_string())),
    }
}

/// iot-hub-service-api.md 12.2: Azure says the name in one shape of its bodies, the number in the other.
fn says_not_there(refusal: &Refusal) -> bool {
    matches!(refusal.code.as_deref(), Some("DeviceNotFound" | "404001"))
}

/// The header in seconds; a date is not understood.
fn retry_after(answer: &HttpAnswer) -> Option<Duration> {
    let text = answer.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn answer(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn not_there_is_what_a_hub_says_and_not_any_404() {
        for body in [
            r#"{"Message":"ErrorCode:DeviceNotFound;no such device"}"#,
            r#"{"Message":"{\"errorCode\":404001,\"message\":\"no\"}"}"#,
        ] {
            assert_eq!(read(&answer(404, body)), Ok(None), "{body}");
        }
        for body in [
            "",
            "<html>no such page",
            r#"{"Message":"ErrorCode:IotHubNotFound;x"}"#,
        ] {
            let read = read(&answer(404, body));
            assert!(
                matches!(read, Err(RemoteHubError::Unreachable(_))),
                "{body}: {read:?}"
            );
        }
    }

    #[test]
    fn a_hub_that_is_busy_says_for_how_long() {
        let mut busy = answer(429, "");
        busy.headers.insert("retry-after", "7".parse().unwrap());
        let expected = RemoteHubError::Busy {
            reason: "HTTP 429".to_owned(),
            retry_after: Some(Duration::from_secs(7)),
        };
        assert_eq!(read(&busy), Err(expected));
        for status in [408, 409, 412] {
            let read = read(&answer(status, ""));
            assert!(
                matches!(
                    read,
                    Err(RemoteHubError::Busy {
                        retry_after: None,
                        ..
                    })
                ),
                "{status}"
            );
        }
    }
}
