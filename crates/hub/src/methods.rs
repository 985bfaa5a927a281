//! Direct methods: a call to a live device and its answer (iot-hub-service-api.md 9).

use std::sync::Arc;
use std::time::Duration;

use provost_model::{AccessRight, DeviceId, IdentityId, ModuleId};
use provost_store::ReadTx;
use provost_wire::hub::MAX_METHOD_PAYLOAD;
use provost_wire::hub::service::MethodRequest;
use provost_wire::json;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use crate::registry::missing;
use crate::service::HubService;
use crate::session::{Link, MethodRefusal, RawAnswer};
use crate::{HubError, ServiceCaller};

/// What a device answered.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodAnswer {
    /// The device's own number.
    pub status: i32,
    /// `null` when the device sent nothing.
    pub payload: Value,
}

impl HubService {
    /// Calls a method and waits for the answer. The device is asked at most once: when it connects
    /// anew before it answered, the method is not repeated, and when the caller goes away before
    /// the device was reached, it never is. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::MessageTooLarge`],
    /// [`HubError::DeviceNotFound`], [`HubError::DeviceNotOnline`], [`HubError::ConnectionClosed`],
    /// [`HubError::MethodTimeout`], [`HubError::TooManyMethods`], [`HubError::AnswerNotJson`],
    /// [`HubError::Store`].
    pub async fn invoke_method(
        &self,
        caller: &ServiceCaller,
        id: &DeviceId,
        request: &MethodRequest,
    ) -> Result<MethodAnswer, HubError> {
        let id = IdentityId::device(id.clone());
        self.invoke(caller, id, request).await
    }

    /// The same for a module.
    ///
    /// # Errors
    /// As [`Self::invoke_method`], and [`HubError::ModuleNotFound`].
    pub async fn invoke_module_method(
        &self,
        caller: &ServiceCaller,
        device_id: &DeviceId,
        module_id: &ModuleId,
        request: &MethodRequest,
    ) -> Result<MethodAnswer, HubError> {
        let id = IdentityId::module(device_id.clone(), module_id.clone());
        self.invoke(caller, id, request).await
    }

    async fn invoke(
        &self,
        caller: &ServiceCaller,
        id: IdentityId,
        request: &MethodRequest,
    ) -> Result<MethodAnswer, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let payload = request.payload.as_ref().map(json::to_bytes).unwrap_or_default();
        check_size(&payload)?;
        self.check_exists(caller, &id).await?;
        let until = Instant::now() + a_little_less(request.connect_timeout);
        let (pending, answered) = self
            .hand_over(caller, &id, &request.name, &payload, until)
            .await?;
        let answer = answer_of(answered, a_little_less(request.response_timeout)).await;
        drop(pending);
        answer
    }

    async fn check_exists(&self, caller: &ServiceCaller, id: &IdentityId) -> Result<(), HubError> {
        let (hub, id) = (caller.hub().clone(), id.clone());
        let read = move |tx: &ReadTx<'_>| {
            if tx.credential(&hub, &id)?.is_some() {
                return Ok(());
            }
            let has_device = !id.is_device() && tx.device(&hub, &id.device_id)?.is_some();
            Err(missing(has_device))
        };
        self.store().read(read).await
    }

    async fn hand_over(
        &self,
        caller: &ServiceCaller,
        id: &IdentityId,
        name: &str,
        payload: &[u8],
        until: Instant,
    ) -> Result<(Pending, oneshot::Receiver<RawAnswer>), HubError> {
        loop {
            let listener = self.sessions().method_listener(caller.hub(), id);
            let link = timeout_at(until, listener)
                .await
                .map_err(|_| HubError::DeviceNotOnline)?;
            match link.call_method(name, payload) {
                Ok((rid, answered)) => return Ok((Pending { link, rid }, answered)),
                Err(MethodRefusal::TooMany) => return Err(HubError::TooManyMethods),
                // It went away in between: the wait goes on.
                Err(MethodRefusal::NotListening) => {}
            }
        }
    }
}

/// Waits for the answer of a method that was handed over.
pub(crate) async fn answer_of(
    answered: oneshot::Receiver<RawAnswer>,
    wait: Duration,
) -> Result<MethodAnswer, HubError> {
    match timeout(wait, answered).await {
        Err(_) => Err(HubError::MethodTimeout),
        Ok(Err(_)) => Err(HubError::ConnectionClosed),
        Ok(Ok(answer)) => read_answer(&answer),
    }
}

/// A method in flight; forgotten when its caller waits no longer, for whatever reason.
pub(crate) struct Pending {
    pub(crate) link: Arc<Link>,
    pub(crate) rid: u32,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.link.forget_method(self.rid);
    }
}

/// Callers use the same number for their own patience: the answer must be there before they hang up
/// (iot-hub-service-api.md 9).
fn a_little_less(wait: Duration) -> Duration {
    wait.saturating_sub(Duration::from_millis(500).min(wait / 10))
}

fn check_size(payload: &[u8]) -> Result<(), HubError> {
    if payload.len() > MAX_METHOD_PAYLOAD {
        return Err(HubError::MessageTooLarge {
            size: payload.len(),
            limit: MAX_METHOD_PAYLOAD,
        });
    }
    Ok(())
}

fn read_answer(answer: &RawAnswer) -> Result<MethodAnswer, HubError> {
    check_size(&answer.payload)?;
    let payload = if answer.payload.trim_ascii().is_empty() {
        Value::Null
    } else {
        json::parse(&answer.payload).map_err(|_| HubError::AnswerNotJson)?
    };
    Ok(MethodAnswer {
        status: answer.status,
        payload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_end_a_little_early() {
        for (wait, expected) in [(0, 0), (1_000, 900), (10_000, 9_500), (300_000, 299_500)] {
            assert_eq!(
                a_little_less(Duration::from_millis(wait)),
                Duration::from_millis(expected)
            );
        }
    }

    #[test]
    fn answers_are_json_or_empty() {
        let read = |payload: &[u8]| {
            read_answer(&RawAnswer {
                status: 200,
                payload: payload.to_vec(),
            })
        };
        assert_eq!(read(b"").unwrap().payload, Value::Null);
        assert_eq!(read(b"{\"a\":1}").unwrap().payload, serde_json::json!({"a": 1}));
        assert_eq!(read(b"{a").unwrap_err().code(), 400_004);
        assert_eq!(
            read(&vec![b' '; MAX_METHOD_PAYLOAD + 1]).unwrap_err().code(),
            413_001
        );
    }
}
