//! From what a service sends to the module that is stored; credentials as for devices.

use provost_model::{DeviceId, Etag, ModuleId, ModuleIdentity, Random, Timestamp};
use provost_wire::hub::service::ModuleInput;

use super::device_write::credential;
use super::generated::generation_id;
use crate::HubError;

/// The identity of a new module.
pub(super) fn create(
    input: ModuleInput,
    (device_id, module_id): (DeviceId, ModuleId),
    now: Timestamp,
    random: &dyn Random,
) -> Result<ModuleIdentity, HubError> {
    check_ids(&input, &device_id, &module_id)?;
    Ok(ModuleIdentity {
        device_id,
        module_id,
        generation_id: generation_id(now, random),
        etag: Etag::generate(random),
        managed_by: input.managed_by,
        auth: credential(input.authentication, None, random)?,
        connection_updated_at: None,
        last_activity_at: None,
    })
}

/// The identity that takes the place of a stored one: everything a service may set is set.
pub(super) fn replace(
    input: ModuleInput,
    stored: &ModuleIdentity,
    random: &dyn Random,
) -> Result<ModuleIdentity, HubError> {
    check_ids(&input, &stored.device_id, &stored.module_id)?;
    Ok(ModuleIdentity {
        etag: Etag::generate(random),
        managed_by: input.managed_by,
        auth: credential(input.authentication, Some(&stored.auth), random)?,
        ..stored.clone()
    })
}

fn check_ids(input: &ModuleInput, device_id: &DeviceId, module_id: &ModuleId) -> Result<(), HubError> {
    let other = |name: &str| {
        Err(HubError::ArgumentInvalid(format!(
            "{name} is another one than in the address"
        )))
    };
    match (&input.device_id, &input.module_id) {
        (Some(id), _) if id != device_id => other("deviceId"),
        (_, Some(id)) if id != module_id => other("moduleId"),
        _ => Ok(()),
    }
}
