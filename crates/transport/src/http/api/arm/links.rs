//! Hubs as resources, and the links of hubs and provisioning services to namespaces
//! (certificate-management.md 1.7, 1.8).

use provost_model::registry::NamespaceLink;
use provost_model::{DpsName, Hub, HubName, NamespaceName};
use provost_provisioning::{Noun, ProvisioningError};
use provost_registry::RegistryError;
use provost_wire::arm::list;
use provost_wire::arm::registry::{
    HubResourceView, NamespaceLinkInput, RegistryAction, RegistryVersion, hub_resource,
};
use serde_json::Value;

use super::registry::RegistryRequest;
use super::{Failure, LOCATION, Request, value};
use crate::http::api::reply::Answer;

impl Request<'_> {
    pub(super) async fn registry(&self, version: RegistryVersion, action: RegistryAction) -> Answer {
        let request = RegistryRequest {
            parts: self.parts,
            call: self.call,
            admin: self.admin,
            scope: self.scope,
            version,
            api_version: self.api_version,
        };
        request.answer(action).await
    }

    pub(super) async fn namespace_of(
        &self,
        link: &NamespaceLink,
    ) -> Result<Option<NamespaceName>, RegistryError> {
        self.parts.registry.linked_namespace(self.admin, link).await
    }

    /// Hubs of this program; one elsewhere is no resource of ours.
    pub(super) async fn hubs(&self) -> Result<Answer, Failure> {
        let mut shown = Vec::new();
        let hubs = self.parts.hub.list_hubs(self.admin).await?;
        for hub in hubs.iter().filter(|hub| !hub.is_remote) {
            shown.push(self.shown_hub(hub).await?);
        }
        Ok(value(&list(shown)))
    }

    pub(super) async fn hub(&self, name: &HubName) -> Result<Answer, Failure> {
        let hub = self.found_hub(name).await?;
        Ok(value(&self.shown_hub(&hub).await?))
    }

    async fn found_hub(&self, name: &HubName) -> Result<Hub, Failure> {
        let hubs = self.parts.hub.list_hubs(self.admin).await?.into_iter();
        let found = hubs.filter(|hub| !hub.is_remote).find(|hub| hub.name == *name);
        Ok(found.ok_or(ProvisioningError::NotFound(Noun::Hub))?)
    }

    async fn shown_hub(&self, hub: &Hub) -> Result<Value, Failure> {
        let namespace = self.namespace_of(&NamespaceLink::Hub(hub.name.clone())).await?;
        Ok(hub_resource(&HubResourceView {
            scope: self.scope,
            hub,
            location: LOCATION,
            namespace: namespace.as_ref(),
        }))
    }

    /// Of a hub only its link can be changed here: `/provost/hubs` makes hubs.
    pub(super) async fn link_hub(&self, name: &HubName) -> Result<Answer, Failure> {
        let hub = self.found_hub(name).await?;
        let input = NamespaceLinkInput::of_hub(&self.call.body)?;
        self.change_link(&NamespaceLink::Hub(hub.name.clone()), input)
            .await?;
        Ok(value(&self.shown_hub(&hub).await?))
    }

    /// The same for a provisioning service.
    pub(super) async fn link_instance(&self, name: DpsName) -> Result<Answer, Failure> {
        self.parts.dps.instance(self.admin, name.clone()).await?;
        let input = NamespaceLinkInput::of_dps(&self.call.body)?;
        self.change_link(&NamespaceLink::Dps(name.clone()), input).await?;
        Ok(value(&self.instance(name).await?))
    }

    async fn change_link(&self, link: &NamespaceLink, input: NamespaceLinkInput) -> Result<(), Failure> {
        match input {
            NamespaceLinkInput::Unchanged => {}
            NamespaceLinkInput::Unlink => self.parts.registry.unlink(self.admin, link).await?,
            NamespaceLinkInput::Link(namespace) => {
                self.parts.registry.link(self.admin, link, &namespace).await?;
            }
        }
        Ok(())
    }
}
