//! Messages to devices as back ends see them (iot-hub-service-api.md 13).

use provost_hub::{FeedbackBatch, ServiceCaller};
use provost_model::{DeviceId, LockToken};
use provost_wire::hub::service::{FEEDBACK_BATCH, feedback_batch, purged};

use super::super::ApiParts;
use super::super::reply::Answer;
use super::Failure;

pub(super) async fn purge(
    parts: &ApiParts,
    caller: &ServiceCaller,
    device_id: &DeviceId,
) -> Result<Answer, Failure> {
    let count = parts.hub.purge_messages(caller, device_id).await?;
    Ok(Answer::ok(purged(device_id.as_str(), count)))
}

pub(super) async fn receive_feedback(parts: &ApiParts, caller: &ServiceCaller) -> Result<Answer, Failure> {
    let batch = parts.hub.receive_feedback(caller).await?;
    Ok(batch.map_or_else(Answer::no_content, |batch| shown(&batch)))
}

pub(super) async fn complete_feedback(
    parts: &ApiParts,
    caller: &ServiceCaller,
    token: &LockToken,
) -> Result<Answer, Failure> {
    parts.hub.complete_feedback(caller, token).await?;
    Ok(Answer::no_content())
}

pub(super) async fn abandon_feedback(
    parts: &ApiParts,
    caller: &ServiceCaller,
    token: &LockToken,
) -> Result<Answer, Failure> {
    parts.hub.abandon_feedback(caller, token).await?;
    Ok(Answer::no_content())
}

fn shown(batch: &FeedbackBatch) -> Answer {
    Answer::ok(feedback_batch(&batch.records))
        .with_header("content-type", FEEDBACK_BATCH)
        .with_header("etag", format!("\"{}\"", batch.token))
}
