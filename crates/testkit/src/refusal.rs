use std::fmt::Debug;

use provost_device::DeviceError;
use provost_device::provisioning::{RegisterError, RegistrationOutcome, RegistrationStatus};

/// Status and code a registration was refused with.
#[track_caller]
pub fn refusal(answer: Result<RegistrationOutcome, RegisterError>) -> (u16, i64) {
    match answer {
        Err(RegisterError::Refused {
            status,
            error_code: Some(code),
            tracking_id: Some(_),
            ..
        }) => (status, code),
        other => panic!("not a refusal with a code and a tracking id: {other:?}"),
    }
}

/// The outcome of a registration that ended with a hub.
#[track_caller]
pub fn assigned(answer: Result<RegistrationOutcome, RegisterError>) -> RegistrationOutcome {
    let outcome = answer.expect("an outcome");
    assert_eq!(outcome.status, RegistrationStatus::Assigned, "{}", outcome.raw);
    outcome
}

/// Hub and device ID of a registration that ended with a hub.
#[track_caller]
pub fn assigned_hub(answer: Result<RegistrationOutcome, RegisterError>) -> (String, String) {
    let outcome = assigned(answer);
    (
        outcome.assigned_hub.expect("a hub"),
        outcome.device_id.expect("a device ID"),
    )
}

/// The CONNACK code a connection was refused with.
#[track_caller]
pub fn connack_code<T: Debug>(answer: Result<T, DeviceError>) -> u8 {
    match answer {
        Err(DeviceError::Refused(code)) => code.code(),
        other => panic!("not refused with a CONNACK: {other:?}"),
    }
}
