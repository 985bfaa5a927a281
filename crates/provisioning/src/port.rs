//! The port to the hubs: declared here by the caller, implemented by the built-in hub.

use std::pin::Pin;

use provost_model::{Assignment, DeviceAuth, DeviceId, DeviceStatus, HubName, InitialTwin, ShutOut};
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
    fn settle<'a>(&'a self, devices: &'a [Assignment]) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

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
