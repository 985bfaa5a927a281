use std::fmt;
use std::sync::Arc;

use provost_model::{DeviceId, HubName, IdentityId};

use super::{Admitted, Right};
use crate::cloud_to_device::Mailbox;
use crate::session::Place;

/// A device or module that proved itself for one request. Made by
/// [`HubService::authenticate_device`](crate::HubService::authenticate_device) alone.
#[derive(Clone)]
pub struct DeviceCaller {
    place: Arc<Place>,
    admitted: Arc<Admitted>,
}

impl DeviceCaller {
    pub(super) fn new(place: Place, admitted: Admitted) -> Self {
        Self {
            place: Arc::new(place),
            admitted: Arc::new(admitted),
        }
    }

    /// The hub it spoke to.
    pub fn hub(&self) -> &HubName {
        &self.place.link().hub
    }

    /// The device or module.
    pub fn id(&self) -> &IdentityId {
        &self.place.link().id
    }

    /// The device, or the module's device.
    pub fn device_id(&self) -> &DeviceId {
        self.place.link().device_id()
    }

    pub(crate) fn generation_id(&self) -> &str {
        &self.admitted.generation_id
    }

    pub(crate) fn auth_method(&self) -> &'static str {
        self.admitted.auth_method()
    }

    pub(crate) fn right(&self) -> Right {
        Right::new(self.place.link(), &self.admitted)
    }

    /// Whether something changed since it was last read; from here on it is about to be read again.
    pub(crate) fn begin_reading_again(&self) -> bool {
        self.place.link().begin_reading()
    }

    pub(crate) fn mailbox(&self) -> Mailbox {
        Mailbox {
            hub: self.hub().clone(),
            device_id: self.device_id().clone(),
            generation_id: self.generation_id().to_owned(),
        }
    }
}

impl fmt::Debug for DeviceCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceCaller({}/{})", self.hub(), self.id())
    }
}
