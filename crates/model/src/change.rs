use crate::{DeviceId, HubName, IdentityId, Uuid};

/// Something others must act on after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A hub device's record, status or credential, or that of one of its modules, changed or went
    /// away: their live sessions must prove themselves again or close.
    Device {
        /// The hub.
        hub: HubName,
        /// The device.
        device_id: DeviceId,
    },
    /// What stands above all devices of a hub changed, e.g. the namespace it is linked to: all its live sessions
    /// must prove themselves again or close.
    Hub {
        /// The hub.
        hub: HubName,
    },
    /// Certificates that CAs of the Device Registry issued to a device are revoked: sessions that rest on one of
    /// them close, whatever hub they are at, also one that is linked to no namespace.
    Leaves {
        /// The device as its certificates name it (certificate-management.md 2.2).
        device: Uuid,
    },
    /// A twin's desired properties changed.
    Desired {
        /// The hub.
        hub: HubName,
        /// The device or module.
        id: IdentityId,
    },
    /// A message waits for a device.
    CloudToDevice {
        /// The hub.
        hub: HubName,
        /// The device.
        device_id: DeviceId,
    },
    /// Shared access policies, hubs, instances, links or CA certificates changed: cached copies are
    /// stale.
    Configuration,
    /// There is work to be done outside the program: a pending registration or a removal.
    Outbound,
}

/// A change with its place in the order of commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedChange {
    /// Grows with every commit; may skip numbers.
    pub number: i64,
    /// What changed.
    pub change: Change,
}
