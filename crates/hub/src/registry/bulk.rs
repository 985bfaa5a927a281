use std::collections::HashSet;

use provost_model::twin::TwinWrite;
use provost_model::{AccessRight, Etag, IdentityId, IfMatch, InitialTwin};
use provost_wire::hub::service::{BulkItem, ImportMode, MAX_BULK};

use super::Expected;
use crate::join::join_all;
use crate::service::HubService;
use crate::twins::TwinChange;
use crate::{HubError, ServiceCaller};

impl HubService {
    /// Writes up to [`MAX_BULK`] devices and modules, each on its own: what is done stays done whatever happens
    /// to the others. Returns the refusals, in the order of the items. Needs `RegistryWrite`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::TooManyDevices`],
    /// [`HubError::DeviceDefinedMultipleTimes`]; nothing was done then.
    pub async fn bulk(
        &self,
        caller: &ServiceCaller,
        items: Vec<BulkItem>,
    ) -> Result<Vec<(IdentityId, HubError)>, HubError> {
        caller.require(AccessRight::RegistryWrite)?;
        if items.len() > MAX_BULK {
            return Err(HubError::TooManyDevices {
                count: items.len(),
                limit: MAX_BULK,
            });
        }
        let mut items = items.into_iter().map(with_id).collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        if let Some((again, _)) = items.iter().find(|(id, _)| !seen.insert(id.clone())) {
            return Err(HubError::DeviceDefinedMultipleTimes(again.to_string()));
        }
        // All at once, so that they share commits.
        let performing = items.drain(..).map(|(id, item)| async move {
            let outcome = self.perform(caller, &id, item).await;
            outcome.err().map(|error| (id, error))
        });
        Ok(join_all(performing).await.into_iter().flatten().collect())
    }

    async fn perform(&self, caller: &ServiceCaller, id: &IdentityId, item: BulkItem) -> Result<(), HubError> {
        use ImportMode as Mode;
        let etag = item.device.etag.clone();
        let expected = match item.mode {
            Mode::Create => Expected::Nothing(initial_twin(item.twin)),
            Mode::Update => Expected::Device(IfMatch::Any),
            Mode::UpdateIfMatchEtag => Expected::Device(tag(etag)?),
            Mode::CreateOrUpdate => Expected::Either(IfMatch::Any),
            Mode::CreateOrUpdateIfMatchEtag => Expected::Either(tag(etag)?),
            Mode::Delete => return self.remove(caller, id, IfMatch::Any).await,
            Mode::DeleteIfMatchEtag => return self.remove(caller, id, tag(etag)?).await,
            Mode::UpdateTwin => return self.merge_twin(caller, id, item.twin, IfMatch::Any).await,
            Mode::UpdateTwinIfMatchEtag => {
                let seen = tag(item.twin_etag)?;
                return self.merge_twin(caller, id, item.twin, seen).await;
            }
        };
        match (&id.module_id, item.module) {
            (Some(module_id), Some(module)) => {
                let id = (&id.device_id, module_id);
                self.bulk_module(caller, id, module, expected).await
            }
            _ => self
                .write_device(caller, &id.device_id, item.device, expected)
                .await
                .map(drop),
        }
    }

    async fn remove(
        &self,
        caller: &ServiceCaller,
        id: &IdentityId,
        if_match: IfMatch,
    ) -> Result<(), HubError> {
        match &id.module_id {
            Some(module_id) => {
                self.remove_module(caller, &id.device_id, module_id, if_match)
                    .await
            }
            None => self.remove_device(caller, &id.device_id, if_match).await,
        }
    }

    async fn merge_twin(
        &self,
        caller: &ServiceCaller,
        id: &IdentityId,
        twin: TwinWrite,
        if_match: IfMatch,
    ) -> Result<(), HubError> {
        let change = TwinChange::Patch(twin);
        match &id.module_id {
            Some(module_id) => {
                let id = (&id.device_id, module_id);
                self.write_module_twin(caller, id, change, if_match)
                    .await
                    .map(drop)
            }
            None => self
                .write_twin(caller, &id.device_id, change, if_match)
                .await
                .map(drop),
        }
    }
}

fn with_id(item: BulkItem) -> Result<(IdentityId, BulkItem), HubError> {
    let device_id = item.device.device_id.clone();
    let device_id = device_id.ok_or_else(|| HubError::ArgumentInvalid("an item has no id".to_owned()))?;
    let module_id = item.module.as_ref().and_then(|module| module.module_id.clone());
    let id = IdentityId { device_id, module_id };
    Ok((id, item))
}

/// The state a mode compares with; `*` means any, as in the header.
fn tag(etag: Option<Etag>) -> Result<IfMatch, HubError> {
    let missing = || HubError::ArgumentInvalid("this import mode needs an entity tag".to_owned());
    let etag = etag.ok_or_else(missing)?;
    Ok(IfMatch::parse(Some(etag.as_str())))
}

fn initial_twin(twin: TwinWrite) -> InitialTwin {
    InitialTwin {
        tags: twin.tags.unwrap_or_default(),
        desired: twin.desired.unwrap_or_default(),
    }
}
