use std::collections::HashMap;

use provost_model::registry::RegistryDevice;
use provost_model::{NamespaceName, PageSize, RegistryDeviceName};
use provost_registry::{DeviceInput, DevicePatch as Patch, DeviceRevocation, PolicyChange};
use provost_wire::arm::registry::{
    DevicePatch, DeviceRevokeInput, DeviceView, PolicyMember, RegistryDeviceInput, registry_device,
};
use provost_wire::json::BodyError;
use serde_json::Value;

use super::{Answered, RegistryFailure, RegistryRequest, gone, made, shown};

const PAGE: usize = 100;

/// Host names of hubs, by the key of their names.
type Hosts = HashMap<String, String>;

impl RegistryRequest<'_> {
    /// A hub that is gone has no host, and its devices show none.
    async fn hosts(&self) -> Hosts {
        let hubs = self.parts.hub.hubs().await.unwrap_or_default().into_iter();
        hubs.map(|hub| (hub.name.key().to_owned(), hub.host.to_string()))
            .collect()
    }

    fn shown_device(&self, device: &RegistryDevice, hosts: &Hosts) -> Value {
        let host = device.hub.as_ref().and_then(|hub| hosts.get(hub.key()));
        registry_device(&DeviceView {
            scope: self.scope,
            device,
            hub_host: host.map(String::as_str),
        })
    }

    pub(super) async fn devices(&self, namespace: &NamespaceName, after: Option<String>) -> Answered {
        let after = Self::after(after.as_deref(), RegistryDeviceName::parse)?;
        let page = PageSize::clamp(None, PAGE, PAGE);
        let found = self
            .registry()
            .devices(self.admin, namespace, after.as_ref(), page)
            .await?;
        let last = found.last().filter(|_| found.len() == PAGE);
        let last = last.map(|device| device.name.to_string());
        let hosts = self.hosts().await;
        let items = found
            .iter()
            .map(|device| self.shown_device(device, &hosts))
            .collect();
        Ok(self.page(items, last.as_deref()))
    }

    pub(super) async fn device(&self, namespace: &NamespaceName, name: &RegistryDeviceName) -> Answered {
        let device = self.registry().device(self.admin, namespace, name).await?;
        Ok(shown(&self.shown_device(&device, &self.hosts().await)))
    }

    pub(super) async fn put_device(&self, namespace: &NamespaceName, name: &RegistryDeviceName) -> Answered {
        let input = RegistryDeviceInput::parse(&self.call.body)?;
        let input = DeviceInput {
            external_device_id: input.external_device_id,
            enabled: input.enabled,
            policy: policy_here(namespace, input.policy)?,
            document: input.document,
            condition: self.call.condition(),
        };
        let put = self
            .registry()
            .put_device(self.admin, namespace, name, input)
            .await?;
        Ok(made(
            &self.shown_device(&put.value, &self.hosts().await),
            put.is_new,
        ))
    }

    pub(super) async fn patch_device(
        &self,
        namespace: &NamespaceName,
        name: &RegistryDeviceName,
    ) -> Answered {
        let patch = DevicePatch::parse(&self.call.body, self.patch_form())?;
        let (enabled, policy) = (patch.enabled, policy_here(namespace, patch.policy.clone())?);
        let external_device_id = patch.external_device_id.clone();
        let change = move |document: &_| patch.apply(document).map_err(|error| error.to_string());
        let patch = Patch {
            enabled,
            policy,
            external_device_id,
            condition: self.call.condition(),
            document: Some(Box::new(change)),
        };
        let device = self
            .registry()
            .patch_device(self.admin, namespace, name, patch)
            .await?;
        Ok(shown(&self.shown_device(&device, &self.hosts().await)))
    }

    pub(super) async fn delete_device(
        &self,
        namespace: &NamespaceName,
        name: &RegistryDeviceName,
    ) -> Answered {
        gone(
            self.registry()
                .delete_device(self.admin, namespace, name, self.call.condition())
                .await,
            "device",
        )
    }

    pub(super) async fn revoke_device(
        &self,
        namespace: &NamespaceName,
        name: &RegistryDeviceName,
    ) -> Answered {
        let DeviceRevokeInput { disable } = DeviceRevokeInput::parse(&self.call.body)?;
        let revocation = DeviceRevocation {
            disable,
            ..DeviceRevocation::default()
        };
        let operation = self
            .registry()
            .revoke_device(self.admin, namespace, name, revocation)
            .await?;
        Ok(self.accepted(&operation))
    }
}

/// A policy of the device's own namespace; no other is its to have.
fn policy_here(namespace: &NamespaceName, policy: PolicyMember) -> Result<PolicyChange, RegistryFailure> {
    match policy {
        PolicyMember::Named(id) if id.namespace != *namespace => {
            Err(RegistryFailure::Body(BodyError::Value {
                path: "properties.policy.resourceId".to_owned(),
                reason: "must name a policy of the same namespace".to_owned(),
            }))
        }
        PolicyMember::Named(id) => Ok(PolicyChange::Give(id.policy)),
        PolicyMember::Null => Ok(PolicyChange::TakeOff),
        PolicyMember::Absent => Ok(PolicyChange::Keep),
    }
}
