use std::pin::Pin;

use provost_model::{Assignment, DeviceId, HubName, Uuid};
use provost_store::{StoreError, WriteTx};

/// What a port does when it has to wait.
pub type PortFuture<'a, T = ()> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The hubs that are linked to namespaces, as far as the registry reaches into them.
pub trait LinkedHubs: Send + Sync {
    /// Enables or disables a hub's device; `false` when the hub has none of this ID. Whoever is connected
    /// as it is told by the change feed.
    ///
    /// # Errors
    /// [`StoreError`].
    fn set_enabled(
        &self,
        tx: &WriteTx<'_>,
        hub: &HubName,
        device: &DeviceId,
        enabled: bool,
    ) -> Result<bool, StoreError>;

    /// Says in a transaction that what admitted a device may not stand any more, for other nodes.
    ///
    /// # Errors
    /// [`StoreError`].
    fn announce(&self, tx: &WriteTx<'_>, hub: &HubName, device: &DeviceId) -> Result<(), StoreError>;

    /// After a commit: sessions of these devices that rest on what no longer stands are closed when this
    /// returns.
    fn settle<'a>(&'a self, devices: &'a [Assignment]) -> PortFuture<'a>;

    /// After a commit: sessions that rest on a revoked leaf of this device of the registry, as its leaves name it,
    /// are closed when this returns, at whatever hub of this node.
    fn settle_leaves(&self, device: Uuid) -> PortFuture<'_>;

    /// After a commit: sessions of every device that rest on a CA certificate that is gone are closed when
    /// this returns.
    fn settle_authorities(&self) -> PortFuture<'_>;

    /// The devices connected to this node.
    fn connected(&self) -> Vec<Assignment>;
}
