use std::sync::{Mutex, PoisonError};

use provost_model::{IdScope, Secret};
use provost_provisioning::RegistrationCaller;

use super::DeviceRequest;
use super::refusals::AttemptKey;

/// A device that proved itself, and the account its refusals go on.
#[derive(Clone)]
pub(super) struct Device {
    pub(super) caller: RegistrationCaller,
    pub(super) key: AttemptKey,
}

/// The device that proved itself last on a connection. Most connections carry one device, which
/// registers and then polls: its certificate is judged once, and the service judges again what may
/// have changed.
#[derive(Default)]
pub(crate) struct Known(Mutex<Option<Remembered>>);

struct Remembered {
    id_scope: IdScope,
    sas: Option<Secret<String>>,
    device: Device,
}

impl Known {
    pub(super) fn find(&self, request: &DeviceRequest<'_>) -> Option<Device> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref()?;
        let is_same = known.id_scope == *request.id_scope
            // The spelling counts: a group key is derived from the exact text.
            && known.device.caller.registration_id().as_str() == request.registration_id.as_str()
            && known.sas.as_ref() == request.sas;
        is_same.then(|| known.device.clone())
    }

    pub(super) fn keep(&self, request: &DeviceRequest<'_>, device: Device) {
        let remembered = Remembered {
            id_scope: request.id_scope.clone(),
            sas: request.sas.cloned(),
            device,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(remembered);
    }
}
