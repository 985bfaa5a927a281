use provost_model::{DeviceId, HubName, IdentityId};

use super::Admitted;
use crate::cloud_to_device::Mailbox;

/// A device or module that proved itself for one request. Made by
/// [`HubService::authenticate_device`](crate::HubService::authenticate_device) alone.
#[derive(Debug, Clone)]
pub struct DeviceCaller {
    hub: HubName,
    id: IdentityId,
    generation_id: String,
    auth_method: &'static str,
}

impl DeviceCaller {
    pub(super) fn new(hub: HubName, id: IdentityId, admitted: &Admitted) -> Self {
        Self {
            hub,
            id,
            generation_id: admitted.generation_id.clone(),
            auth_method: admitted.auth_method(),
        }
    }

    /// The hub it spoke to.
    pub fn hub(&self) -> &HubName {
        &self.hub
    }

    /// The device or module.
    pub fn id(&self) -> &IdentityId {
        &self.id
    }

    /// The device, or the module's device.
    pub fn device_id(&self) -> &DeviceId {
        &self.id.device_id
    }

    pub(crate) fn generation_id(&self) -> &str {
        &self.generation_id
    }

    pub(crate) fn auth_method(&self) -> &'static str {
        self.auth_method
    }

    pub(crate) fn mailbox(&self) -> Mailbox {
        Mailbox {
            hub: self.hub.clone(),
            device_id: self.id.device_id.clone(),
            generation_id: self.generation_id.clone(),
        }
    }
}
