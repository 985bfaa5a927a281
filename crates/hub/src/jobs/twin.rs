use provost_model::twin::TwinWrite;
use provost_model::{DeviceId, Etag, IfMatch};
use provost_store::StoreError;

use super::driver::Turns;
use super::twin_event;
use crate::HubError;
use crate::twins::TwinChange;

/// Merges into one twin, in one transaction with the row that says so.
pub(super) async fn update(
    turns: &Turns,
    device: &DeviceId,
    etag: Option<&Etag>,
    write: &TwinWrite,
) -> Result<(), StoreError> {
    let (number, holder) = turns.held();
    let hub = &turns.job.hub;
    let if_match = etag.map_or(IfMatch::Any, |etag| IfMatch::Tag(etag.clone()));
    let noted = device.clone();
    let written = turns
        .service
        .write_twin_noted(
            hub,
            device,
            TwinChange::Patch(write.clone()),
            if_match,
            twin_event(&turns.job, hub, device),
            move |tx| Ok(tx.note_twin_of_job(number, &holder, &noted)?),
        )
        .await;
    match written {
        Ok(_) => Ok(()),
        Err(HubError::Store(error)) => Err(error),
        Err(refused) => fail(turns, device, refused).await,
    }
}

/// Notes that a device could not be reached or done.
pub(super) async fn fail(turns: &Turns, device: &DeviceId, why: HubError) -> Result<(), StoreError> {
    let ((number, holder), device) = (turns.held(), device.clone());
    let (reason, code, now) = (why.public_message(), why.code(), turns.service.now());
    turns
        .service
        .store()
        .append(move |tx| tx.fail_device_of_job((number, &holder), &device, (code, &reason), now))
        .await
        .map(|_: bool| ())
}
