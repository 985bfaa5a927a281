use std::collections::HashSet;
use std::sync::Arc;

use provost_model::{AccessRight, DeviceAuth, DeviceId, DeviceIdentity, Etag, KeyPair, KeyRenewal};
use provost_wire::hub::service::{MAX_BULK, RegenerateKeys};

use super::key_pair;
use super::record::update;
use crate::join::join_all;
use crate::service::HubService;
use crate::{HubError, ServiceCaller};

impl HubService {
    /// Gives up to [`MAX_BULK`] devices with symmetric keys another key, each on its own; a live
    /// session that rests on a key that is gone is closed before it answers. What became of each, in
    /// the order of the request. Needs `RegistryWrite`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::TooManyDevices`],
    /// [`HubError::DeviceDefinedMultipleTimes`]; nothing was done then.
    pub async fn regenerate_keys(
        &self,
        caller: &ServiceCaller,
        request: RegenerateKeys,
    ) -> Result<Vec<(DeviceId, Result<KeyPair, HubError>)>, HubError> {
        caller.require(AccessRight::RegistryWrite)?;
        let RegenerateKeys { renewal, devices } = request;
        if devices.len() > MAX_BULK {
            return Err(HubError::TooManyDevices {
                count: devices.len(),
                limit: MAX_BULK,
            });
        }
        let mut seen = HashSet::new();
        if let Some((again, _)) = devices.iter().find(|(id, _)| !seen.insert(id.clone())) {
            return Err(HubError::DeviceDefinedMultipleTimes(again.to_string()));
        }
        let renewing = devices.into_iter().map(|(id, module)| async move {
            let renewed = match module {
                None => self.renew_key(caller, &id, renewal).await,
                Some(_) => Err(HubError::ArgumentInvalid(
                    "keys of modules are changed by writing the module".to_owned(),
                )),
            };
            (id, renewed)
        });
        Ok(join_all(renewing).await)
    }

    async fn renew_key(
        &self,
        caller: &ServiceCaller,
        id: &DeviceId,
        renewal: KeyRenewal,
    ) -> Result<KeyPair, HubError> {
        let (hub, actor, device_id) = (caller.hub().clone(), caller.actor(), id.clone());
        let random = Arc::clone(self.random());
        let written = self
            .store()
            .write(move |tx| {
                let stored = tx.device(&hub, &device_id)?.ok_or(HubError::DeviceNotFound)?;
                let DeviceAuth::Sas(keys) = &stored.auth else {
                    return Err(HubError::ArgumentInvalid(
                        "the device does not prove itself with symmetric keys".to_owned(),
                    ));
                };
                let keys = renewal.apply(keys, key_pair(random.as_ref()).primary);
                let device = DeviceIdentity {
                    auth: DeviceAuth::Sas(keys),
                    etag: Etag::generate(random.as_ref()),
                    ..stored.clone()
                };
                update(tx, &hub, actor, &stored, device)
            })
            .await?;
        if written.affects_sessions {
            self.recheck_device(caller.hub(), id).await;
        }
        match written.device.auth {
            DeviceAuth::Sas(keys) => Ok(keys),
            _ => Err(HubError::DeviceNotFound),
        }
    }
}
