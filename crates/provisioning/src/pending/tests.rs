//! Runs that lead out of the program, with a world that does as it is told.

mod patience;
mod places;
mod removals;
mod webhooks;

use std::time::Duration;

use provost_model::{
    Assignment, DeviceId, GeoOrder, IfMatch, Leased, Network, Origin, PendingRegistration, RegistrationState,
    RemovalAction, Substatus,
};
use provost_store::ReadTx;
use provost_wire::dps::device::RegisterRequest;
use serde_json::{Value, json};

use super::step::Taken;
use crate::fixture::{House, Made, hub, id};
use crate::plan::Known;
use crate::removal::remove_elsewhere;
use crate::{ProvisioningOptions, RegistrationProof, RemoteHubError, WebhookError};

/// A house with a hub of its own and two elsewhere.
async fn house() -> House {
    let house = House::with(ProvisioningOptions::default(), &["one"]).await;
    house.link_elsewhere("far").await;
    house.link_elsewhere("farther").await;
    house
}

/// An entry of this certificate that is sent to a hub.
async fn send(house: &House, leaf: &Made, host: &str, more: Value) {
    let mut body = json!({"allocationPolicy": "static", "iotHubs": [host],
        "attestation": {"type": "x509", "x509": {"clientCertificates": {
            "primary": {"certificate": leaf.certificate.to_pem()}}}}});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    house.enroll("press-1", body).await.unwrap();
}

/// An entry whose webhook decides.
async fn send_by_webhook(house: &House, leaf: &Made, more: Value) {
    let mut all = json!({"allocationPolicy": "custom", "iotHubs": [],
        "customAllocationDefinition": {"webhookUrl": "https://hook.example/?code=x", "apiVersion": "2021-10-01"}});
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    send(house, leaf, "ignored", all).await;
}

fn proof(house: &House, leaf: &Made) -> RegistrationProof {
    house.by_chain("press-1", leaf.with(&[]))
}

async fn begin(house: &House, leaf: &Made) {
    let caller = house.service.authenticate(proof(house, leaf)).await.unwrap();
    let request = RegisterRequest::default();
    house.service.register(&caller, &request).await.unwrap();
}

async fn state(house: &House) -> RegistrationState {
    let dps = house.instance.name.clone();
    let record = house
        .store
        .read(move |tx: &ReadTx<'_>| tx.registration(&dps, &id("press-1")));
    record.await.unwrap().unwrap().state
}

async fn run(house: &House, leaf: &Made) -> RegistrationState {
    begin(house, leaf).await;
    house.work().await;
    state(house).await
}

fn at(host: &str, substatus: Substatus) -> RegistrationState {
    RegistrationState::Assigned {
        hub: hub(host),
        device_id: DeviceId::parse("press-1").unwrap(),
        substatus,
    }
}

fn failure(state: &RegistrationState) -> (u32, &str) {
    match state {
        RegistrationState::Failed(failure) => (failure.code, &failure.message),
        other => panic!("{other:?}"),
    }
}

async fn take(house: &House) -> Leased<PendingRegistration> {
    house.service.lease_pending(1).await.unwrap().remove(0)
}

/// Takes the run and its first step, and leaves it there, held.
async fn cut_after_first_step(house: &House, leaf: &Made) -> Leased<PendingRegistration> {
    let (mut run, mut known) = (take(house).await, Known::default());
    let caller = house.service.authenticate(proof(house, leaf)).await.unwrap();
    let need = house.service.look(&run.work, &known).await.unwrap().need.unwrap();
    let step = house.service.take_step(&mut run, &mut known, &caller, need).await;
    assert!(matches!(step.unwrap(), Taken::Done));
    run
}

/// The place a run wrote down before it made it.
async fn made(house: &House) -> Option<Assignment> {
    let dps = house.instance.name.clone();
    let run = house
        .store
        .read(move |tx: &ReadTx<'_>| tx.pending_registration(&dps, &id("press-1")));
    run.await.unwrap().and_then(|run| run.made)
}

fn unreachable() -> RemoteHubError {
    RemoteHubError::Unreachable("down".to_owned())
}
