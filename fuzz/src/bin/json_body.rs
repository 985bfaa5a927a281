//! Bytes of a stranger as the JSON bodies of devices and back ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use provost_wire::{dps, hub, json};

fuzz_target!(|data: &[u8]| {
    let _ = json::parse(data);
    let _ = dps::device::RegisterRequest::parse(data);
    let _ = dps::device::OperationStatus::parse(data);
    let _ = hub::device::parse_reported(data);
});
