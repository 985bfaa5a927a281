use provost_model::{Hub, NamespaceName};
use serde_json::{Value, json};

use super::NamespaceId;
use super::resource_id::namespace_id;
use crate::arm::ArmScope;
use crate::arm::instance::resource_id;
use crate::json::{self, BodyError, Members};

/// What a PUT or PATCH of a hub or a provisioning service says of its namespace. Nothing else of these
/// resources can be changed this way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceLinkInput {
    /// Nothing.
    Unchanged,
    /// It is no longer linked.
    Unlink,
    /// It is linked to this one.
    Link(NamespaceName),
}

impl NamespaceLinkInput {
    /// Reads `properties.deviceRegistry.namespaceResourceId` of a hub.
    ///
    /// # Errors
    /// Names the member.
    pub fn of_hub(body: &[u8]) -> Result<Self, BodyError> {
        Self::parse(body, "deviceRegistry", "namespaceResourceId")
    }

    /// Reads `properties.deviceRegistryNamespace.resourceId` of a provisioning service.
    ///
    /// # Errors
    /// Names the member.
    pub fn of_dps(body: &[u8]) -> Result<Self, BodyError> {
        Self::parse(body, "deviceRegistryNamespace", "resourceId")
    }

    fn parse(body: &[u8], object: &str, member: &str) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let Some(properties) = members.object("properties")? else {
            return Ok(Self::Unchanged);
        };
        let Some(link) = properties.object(object)? else {
            let is_null = properties.has(object);
            return Ok(if is_null { Self::Unlink } else { Self::Unchanged });
        };
        match link.parsed(member, NamespaceId::parse)? {
            Some(NamespaceId(name)) => Ok(Self::Link(name)),
            None if link.has(member) => Ok(Self::Unlink),
            None => Ok(Self::Unchanged),
        }
    }
}

/// What the answer about a hub is written from.
#[derive(Debug, Clone, Copy)]
pub struct HubResourceView<'a> {
    /// Where the client looked.
    pub scope: &'a ArmScope,
    /// The record.
    pub hub: &'a Hub,
    /// Where the program runs, a free word.
    pub location: &'a str,
    /// The namespace it is linked to.
    pub namespace: Option<&'a NamespaceName>,
}

/// The hub resource (certificate-management.md 1.7). Policies and routes are no part of it.
pub fn hub_resource(view: &HubResourceView<'_>) -> Value {
    let mut properties = json!({
        "state": "Active",
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
        "hostName": view.hub.host.as_str(),
    });
    if let (Value::Object(members), Some(namespace)) = (&mut properties, view.namespace) {
        let id = namespace_id(view.scope, namespace);
        members.insert("deviceRegistry".to_owned(), json!({ "namespaceResourceId": id }));
    }
    json!({
        "id": resource_id(view.scope, "IotHubs", view.hub.name.as_str()),
        "name": view.hub.name.as_str(),
        "type": "Microsoft.Devices/IotHubs",
        "location": view.location,
        "tags": {},
        "resourcegroup": view.scope.group(),
        "subscriptionid": view.scope.subscription,
        "sku": { "name": "GEN2", "tier": "Generation2", "capacity": 1 },
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_both_kinds() {
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DeviceRegistry/namespaces/plant";
        let link = NamespaceLinkInput::Link(NamespaceName::parse("plant").unwrap());
        for (value, expected) in [
            (json!({}), NamespaceLinkInput::Unchanged),
            (json!({ "properties": {} }), NamespaceLinkInput::Unchanged),
            (
                json!({ "properties": { "deviceRegistry": {} } }),
                NamespaceLinkInput::Unchanged,
            ),
            (
                json!({ "properties": { "deviceRegistry": null } }),
                NamespaceLinkInput::Unlink,
            ),
            (
                json!({ "properties": { "deviceRegistry": { "namespaceResourceId": null } } }),
                NamespaceLinkInput::Unlink,
            ),
            (
                json!({ "properties": { "deviceRegistry": { "namespaceResourceId": id } } }),
                link.clone(),
            ),
        ] {
            let body = value.to_string();
            assert_eq!(
                NamespaceLinkInput::of_hub(body.as_bytes()),
                Ok(expected),
                "{body}"
            );
        }
        let body = json!({ "properties": { "deviceRegistryNamespace": { "resourceId": id } } });
        assert_eq!(NamespaceLinkInput::of_dps(body.to_string().as_bytes()), Ok(link));
        let odd = json!({ "properties": { "deviceRegistry": { "namespaceResourceId": "/a/b" } } });
        assert!(NamespaceLinkInput::of_hub(odd.to_string().as_bytes()).is_err());
    }
}
