//! Runs through provisioning, over a real store.

mod blocking;
mod certificates;
mod credentials;
mod hubs;
mod kept_callers;
mod runs;

use provost_model::{DeviceAuth, RegistrationState, Slots, Substatus};
use provost_wire::dps::device::RegisterRequest;
use serde_json::{Value, json};

use crate::fixture::{House, Made, pinned, signed};
use crate::{ProvisioningError, RegistrationOutcome, RegistrationProof};

async fn run(house: &House, proof: RegistrationProof) -> Result<RegistrationOutcome, ProvisioningError> {
    let caller = house.service.authenticate(proof).await?;
    let operation = house
        .service
        .register(&caller, &RegisterRequest::default())
        .await?
        .operation;
    let (polled, outcome) = house
        .service
        .operation_status(&caller, operation.as_str())
        .await?;
    assert_eq!(polled, operation);
    assert_eq!(outcome.record.operation, operation);
    Ok(outcome)
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn symmetric() -> Value {
    json!({"attestation": {"type": "symmetricKey"}})
}

fn substatus(outcome: &RegistrationOutcome) -> Option<Substatus> {
    match &outcome.record.state {
        RegistrationState::Assigned { substatus, .. } => Some(*substatus),
        _ => None,
    }
}

fn failure(outcome: &RegistrationOutcome) -> Option<u32> {
    match &outcome.record.state {
        RegistrationState::Failed(failure) => Some(failure.code),
        _ => None,
    }
}

fn thumbprint(made: &Made) -> DeviceAuth {
    DeviceAuth::SelfSigned(Slots {
        primary: Some(made.certificate.sha256_thumbprint().to_string()),
        secondary: None,
    })
}
