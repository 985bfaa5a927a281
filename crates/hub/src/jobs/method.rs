use provost_model::{DeviceId, DeviceJobOutcome, IdentityId, JobMethod};
use provost_store::{AppendTx, ReadTx, StoreError};
use provost_wire::json;
use tokio::time::{Instant, timeout_at};

use super::driver::Turns;
use super::patience;
use super::twin::fail;
use crate::HubError;
use crate::methods::{MethodAnswer, Pending, answer_of};
use crate::session::MethodRefusal;

/// Calls one device's method once it is there. The row says that the method may have been sent
/// before it is: whatever happens, no device is called twice by a job.
pub(super) async fn call(turns: &Turns, device: &DeviceId, method: &JobMethod) -> Result<(), StoreError> {
    let payload = method.payload.as_ref().map(json::to_bytes).unwrap_or_default();
    let (service, hub) = (&turns.service, &turns.job.hub);
    let id = IdentityId::device(device.clone());
    let until = Instant::now() + method.connect_timeout;
    loop {
        let listener = service.sessions().method_listener(hub, &id);
        let found = tokio::select! {
            biased;
            () = turns.stopped() => return Ok(()),
            found = timeout_at(until, listener) => found,
        };
        let Ok(link) = found else {
            return fail(turns, device, not_there(turns, device).await?).await;
        };
        let Ok(_call) = turns.calls.acquire().await else {
            return Ok(());
        };
        if !begin(turns, device).await? {
            return Ok(());
        }
        match link.call_method(&method.name, &payload) {
            Ok((rid, answered)) => {
                let pending = Pending { link, rid };
                let answer = answer_of(answered, method.response_timeout).await;
                drop(pending);
                return end(turns, device, answer).await;
            }
            Err(MethodRefusal::TooMany) => return end(turns, device, Err(HubError::TooManyMethods)).await,
            // It went away in between: the wait goes on.
            Err(MethodRefusal::NotListening) => undo(turns, device).await?,
        }
    }
}

async fn not_there(turns: &Turns, device: &DeviceId) -> Result<HubError, StoreError> {
    let (hub, device) = (turns.job.hub.clone(), device.clone());
    let known = move |tx: &ReadTx<'_>| tx.device(&hub, &device);
    let known = turns.service.store().read(known).await?;
    Ok(known.map_or(HubError::DeviceNotFound, |_| HubError::DeviceNotOnline))
}

async fn begin(turns: &Turns, device: &DeviceId) -> Result<bool, StoreError> {
    let ((number, holder), device, now) = (turns.held(), device.clone(), turns.service.now());
    turns
        .service
        .store()
        .append(move |tx| tx.begin_call_of_job((number, &holder), &device, now))
        .await
}

/// Whoever takes the job over gives up the calls it finds: this does nothing after that.
async fn undo(turns: &Turns, device: &DeviceId) -> Result<(), StoreError> {
    let (number, device, now) = (turns.job.number, device.clone(), turns.service.now());
    let undo = move |tx: &AppendTx<'_>| tx.undo_call_of_job(number, &device, now);
    patience::write_at_last(turns.service.store(), undo).await
}

async fn end(
    turns: &Turns,
    device: &DeviceId,
    answer: Result<MethodAnswer, HubError>,
) -> Result<(), StoreError> {
    let outcome = match answer {
        Ok(MethodAnswer { status, payload }) => DeviceJobOutcome::Answered { status, payload },
        Err(error) => DeviceJobOutcome::Failed {
            code: error.code(),
            reason: error.public_message(),
        },
    };
    let (number, device, now) = (turns.job.number, device.clone(), turns.service.now());
    let end = move |tx: &AppendTx<'_>| tx.end_call_of_job(number, &device, &outcome, now);
    patience::write_at_last(turns.service.store(), end).await
}
