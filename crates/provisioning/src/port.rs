//! The ports to the hubs, to webhooks and to who issues certificates: declared here by the caller, implemented by the program.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use provost_model::registry::{CertificateRefusal, CertificateRequest, Completion, PreparedCertificate};
use provost_model::{
    Assignment, DeviceAuth, DeviceId, DeviceStatus, HubName, InitialTwin, RemoteHub, RemovalAction, Secret,
    ShutOut,
};
use provost_store::{ReadTx, StoreError, WriteTx};

/// What a registration writes into a hub's identity registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    /// The device's name in the hub.
    pub device_id: DeviceId,
    /// The credential the device just proved.
    pub auth: DeviceAuth,
    /// May it act as an edge gateway.
    pub iot_edge: bool,
    /// Tags and desired properties of a device that is new to the hub.
    pub initial_twin: InitialTwin,
}

/// What [`HubDirectory::provision`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provisioned {
    /// The device was new to the hub.
    Created,
    /// The device was there: credential and capabilities are the new ones, status and twin are kept.
    Updated,
}

/// Why a hub did not do it.
#[derive(Debug, thiserror::Error)]
pub enum HubPortError {
    /// There is no such hub (any more).
    #[error("hub does not exist")]
    UnknownHub,
    /// The hub refuses this device; the text is recorded and told to the device.
    #[error("hub refused the device: {0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The identity registries of the linked hubs, inside the transactions of provisioning.
///
/// Nothing is written by a call that fails with [`HubPortError::UnknownHub`] or
/// [`HubPortError::Refused`]: the transaction goes on and records the failure.
pub trait HubDirectory: Send + Sync {
    /// Creates the device or gives an existing one the new credential.
    fn provision(
        &self,
        tx: &WriteTx<'_>,
        hub: &HubName,
        identity: &NewIdentity,
    ) -> Result<Provisioned, HubPortError>;

    /// Tags and desired properties of a device, for carrying them to another hub; `None` when the
    /// device is not there.
    fn twin(
        &self,
        tx: &ReadTx<'_>,
        hub: &HubName,
        device: &DeviceId,
    ) -> Result<Option<InitialTwin>, HubPortError>;

    /// The devices of a hub whose name is this one, which is in lower case, in whatever case, with their status.
    fn spellings(
        &self,
        tx: &ReadTx<'_>,
        hub: &HubName,
        key: &str,
    ) -> Result<Vec<(DeviceId, DeviceStatus)>, HubPortError>;

    /// Removes a device that moved to another hub; `false` when it was not there.
    fn remove(&self, tx: &WriteTx<'_>, hub: &HubName, device: &DeviceId) -> Result<bool, HubPortError>;

    /// Disables or removes the identity of a device that is shut out; `None` when it is not there.
    ///
    /// # Errors
    /// [`HubPortError::UnknownHub`] for a hub that this transaction does not reach.
    fn shut_out(
        &self,
        tx: &WriteTx<'_>,
        hub: &HubName,
        device: &DeviceId,
        act: ShutOut,
    ) -> Result<Option<IdentityChange>, HubPortError>;

    /// After the commit of a change of these devices: ends their live sessions whose right is gone.
    /// Ready when each was looked at.
    fn settle<'a>(&'a self, devices: &'a [Assignment]) -> PortFuture<'a, ()>;

    /// The devices connected now, as far as this program knows.
    fn connected(&self) -> Vec<Assignment>;
}

/// What [`HubDirectory::shut_out`] did to an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityChange {
    /// Its status before.
    pub before: DeviceStatus,
    /// Its status now; `None` when it was removed.
    pub after: Option<DeviceStatus>,
}

/// What a port outside the program answers, in its time.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a hub elsewhere did not do it. The texts are recorded and told to the device: they hold what
/// the hub said, and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteHubError {
    /// It cannot be reached, or answers nothing of use: worth another try.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// It answers, but does not do it now: somebody else wrote at the same time, or it is too much for
    /// it. Worth another try.
    #[error("does not do it now: {reason}")]
    Busy {
        /// What it said.
        reason: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// It does not take our key, or the policy lacks a right.
    #[error("refuses the provisioning service: {0}")]
    Unauthorized(String),
    /// It refuses this very request.
    #[error("refuses the device: {0}")]
    Refused(String),
}

impl RemoteHubError {
    /// Somebody else writes at the same time.
    pub fn busy(reason: &str) -> Self {
        Self::Busy {
            reason: reason.to_owned(),
            retry_after: None,
        }
    }

    /// Whether it is worth another try soon.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy { .. })
    }
}

/// The identity registries of hubs elsewhere. Every call is bounded in time, and may be made again
/// when nobody knows what became of it.
pub trait RemoteHubs: Send + Sync {
    /// Whether the hub has the device.
    fn has<'a>(
        &'a self,
        hub: &'a RemoteHub,
        device: &'a DeviceId,
    ) -> PortFuture<'a, Result<bool, RemoteHubError>>;

    /// Gives a device that is there the new credential; its status and twin stay. One that `is_new` is
    /// made, and gets its first twin: what is there by its name is of an earlier try that was cut off,
    /// and is made whole with its status kept, for an operator may have disabled it meanwhile.
    ///
    /// # Errors
    /// [`RemoteHubError::Busy`] when a device that is not new is not there: nobody wrote down that it
    /// is made.
    fn provision<'a>(
        &'a self,
        hub: &'a RemoteHub,
        identity: &'a NewIdentity,
        is_new: bool,
    ) -> PortFuture<'a, Result<(), RemoteHubError>>;

    /// As [`HubDirectory::twin`].
    fn twin<'a>(
        &'a self,
        hub: &'a RemoteHub,
        device: &'a DeviceId,
    ) -> PortFuture<'a, Result<Option<InitialTwin>, RemoteHubError>>;

    /// Removes the device, or disables it; nothing when it is not there.
    fn remove<'a>(
        &'a self,
        hub: &'a RemoteHub,
        device: &'a DeviceId,
        action: RemovalAction,
    ) -> PortFuture<'a, Result<(), RemoteHubError>>;

    /// Whether the hub answers and takes our key.
    fn check<'a>(&'a self, hub: &'a RemoteHub) -> PortFuture<'a, Result<(), RemoteHubError>>;
}

/// What a webhook answered, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Its address is not one, or not allowed; trying again changes nothing.
    #[error("{0}")]
    Forbidden(String),
    /// It did not answer.
    #[error("{0}")]
    Failed(String),
}

/// Webhooks of custom allocation.
pub trait Webhooks: Send + Sync {
    /// Posts a JSON document; bounded in time and in what is read. The address may hold a key of its
    /// own and is not logged.
    fn post<'a>(
        &'a self,
        url: &'a Secret<String>,
        document: Vec<u8>,
    ) -> PortFuture<'a, Result<WebhookAnswer, WebhookError>>;
}

/// Who issues certificates to devices.
pub trait CertificateIssuer: Send + Sync {
    /// Checks a request and has the certificate signed. Nobody has it until it is completed; one that never
    /// is, is cleared away by whoever made it.
    fn prepare<'a>(
        &'a self,
        request: &'a CertificateRequest,
    ) -> PortFuture<'a, Result<PreparedCertificate, CertificateRefusal>>;

    /// Issues it, in the transaction that hands it out, to a device at this place. With anything but
    /// [`Completion::Issued`] the transaction must not commit.
    ///
    /// # Errors
    /// [`StoreError`].
    fn complete(
        &self,
        tx: &WriteTx<'_>,
        prepared: &PreparedCertificate,
        at: &Assignment,
    ) -> Result<Completion, StoreError>;
}
