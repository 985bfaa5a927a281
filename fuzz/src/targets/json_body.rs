//! Bytes of a stranger as the JSON bodies of devices and back ends.

use provost_wire::{dps, hub, json};

pub(crate) fn run(data: &[u8]) {
    let _ = json::parse(data);
    let _ = dps::device::RegisterRequest::parse(data);
    let _ = dps::device::OperationStatus::parse(data);
    let _ = hub::device::parse_reported(data);
}
