//! Work that needs something outside the program and is therefore kept until it is done.

use serde_json::Value;

use crate::{
    Assignment, CertificateDer, DeviceId, DpsName, Etag, HubName, InitialTwin, OperationId, Origin,
    RegistrationId, Secret, Timestamp,
};

/// What a device showed, kept to be judged again when its run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptProof {
    /// The SAS token.
    pub sas: Option<Secret<String>>,
    /// The certificates of the handshake, leaf first; empty when there were none.
    pub chain: Vec<CertificateDer>,
}

/// What a webhook decided (dps-device-api.md 8.3).
#[derive(Debug, Clone, PartialEq)]
pub struct AllocationAnswer {
    /// The state of the entry it was asked for: of another one the answer says nothing.
    pub entry: Etag,
    /// The hub.
    pub hub: HubName,
    /// Replaces the entry's initial twin, and a twin carried over.
    pub initial_twin: Option<InitialTwin>,
    /// Given to the device.
    pub payload: Option<Value>,
}

/// A run through provisioning that waits for something outside the program. One for each
/// registration ID: a newer run takes its place.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingRegistration {
    /// The instance.
    pub dps: DpsName,
    /// The device, spelt as it spells itself.
    pub registration_id: RegistrationId,
    /// The run.
    pub operation: OperationId,
    /// What the device showed.
    pub proof: KeptProof,
    /// The instant the proof is judged at.
    pub judged_at: Timestamp,
    /// How the device came.
    pub origin: Origin,
    /// What the device sent along, for a webhook.
    pub payload: Option<Value>,
    /// The certificate signing request it came with, as it was sent.
    pub csr: Option<String>,
    /// What the webhook decided, once it has.
    pub answer: Option<AllocationAnswer>,
    /// A place this run, or one it replaced, may have made on a hub elsewhere: written down before
    /// it is made, so that it can be removed when the run ends otherwise.
    pub made: Option<Assignment>,
    /// Tries of the current step that failed.
    pub attempts: u32,
    /// When the run began.
    pub began_at: Timestamp,
    /// When it goes on.
    pub due_at: Timestamp,
}

/// What becomes of a device on a hub elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalAction {
    /// Its identity is deleted.
    Delete,
    /// Its identity is disabled.
    Disable,
}

/// An identity on a hub elsewhere that has to go. One for each place: a later one takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubRemoval {
    /// Where.
    pub place: Assignment,
    /// What is to be done.
    pub action: RemovalAction,
    /// Tries that failed.
    pub attempts: u32,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it is tried.
    pub due_at: Timestamp,
}

impl HubRemoval {
    /// The identity of a device is deleted as soon as can be.
    pub fn delete(hub: HubName, device_id: DeviceId, now: Timestamp) -> Self {
        Self {
            place: Assignment { hub, device_id },
            action: RemovalAction::Delete,
            attempts: 0,
            asked_at: now,
            due_at: now,
        }
    }
}

/// Work that one worker holds until an instant; after it, another one may take it.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased<T> {
    /// The work as it stood when it was taken.
    pub work: T,
    /// Who holds it: another word for each lease.
    pub holder: String,
}

/// The latest call of a registration's webhook, kept for the operator. Holds no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationCall {
    /// When.
    pub at: Timestamp,
    /// Which try of its run, counted from 1.
    pub attempt: u32,
    /// Where, the query masked.
    pub url: String,
    /// What was posted; cut when long.
    pub request: String,
    /// The answer's status; `None` when there was none.
    pub status: Option<u16>,
    /// The answer's body; cut when long.
    pub answer: Option<String>,
    /// Why it came to nothing, if it did.
    pub error: Option<String>,
}
