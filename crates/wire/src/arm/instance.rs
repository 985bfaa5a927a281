use provost_model::{AccessPolicy, AllocationPolicy, DpsInstance, LinkedHub, NamespaceName};
use serde_json::{Map, Value, json};

use super::ArmScope;
use super::registry::namespace_id;
use crate::ConnectionString;

/// What the answer about an instance is written from.
#[derive(Debug, Clone, Copy)]
pub struct InstanceView<'a> {
    /// Where the client looked.
    pub scope: &'a ArmScope,
    /// The record.
    pub instance: &'a DpsInstance,
    /// The host name devices use.
    pub device_host: &'a str,
    /// Where the program runs, a free word.
    pub location: &'a str,
    /// Its linked hubs.
    pub hubs: &'a [LinkedHub],
    /// The namespace it is linked to.
    pub namespace: Option<&'a NamespaceName>,
}

/// The path of a resource.
pub(super) fn resource_id(scope: &ArmScope, kind: &str, name: &str) -> String {
    let (subscription, group) = (&scope.subscription, scope.group());
    format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Devices/{kind}/{name}")
}

/// The instance resource (dps-service-api.md 4.2). Policies are never part of it; the extra members
/// `resourcegroup` and `subscriptionid` are what the CLI finds the group by.
pub fn instance(view: &InstanceView<'_>) -> Value {
    let record = view.instance;
    let hubs: Vec<Value> = view
        .hubs
        .iter()
        .map(|hub| linked_hub(hub, view.location))
        .collect();
    let mut resource = json!({
        "id": resource_id(view.scope, "provisioningServices", record.name.as_str()),
        "name": record.name.as_str(),
        "type": "Microsoft.Devices/provisioningServices",
        "location": view.location,
        "tags": {},
        "etag": record.etag.as_str(),
        "resourcegroup": view.scope.group(),
        "subscriptionid": view.scope.subscription,
        "sku": { "name": "S1", "tier": "Standard", "capacity": 1 },
        "properties": {
            "state": "Active",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "iotHubs": hubs,
            "allocationPolicy": allocation_word(record.allocation),
            "serviceOperationsHostName": record.host.as_str(),
            "deviceProvisioningHostName": view.device_host,
            "idScope": record.id_scope.as_str(),
        },
    });
    if let (Some(Value::Object(properties)), Some(namespace)) =
        (resource.get_mut("properties"), view.namespace)
    {
        // The service needs no identity to reach its own namespace; clients that write one are shown the kind that
        // names none of theirs (certificate-management.md 1.8).
        let link = json!({
            "resourceId": namespace_id(view.scope, namespace),
            "authenticationType": "SystemAssigned",
        });
        properties.insert("deviceRegistryNamespace".to_owned(), link);
    }
    resource
}

/// A linked hub (dps-service-api.md 4.3), its key masked.
fn linked_hub(hub: &LinkedHub, location: &str) -> Value {
    let name = hub.host.as_str();
    let prefix = ConnectionString {
        host: name.to_owned(),
        policy: Some("iothubowner".to_owned()),
        ..ConnectionString::default()
    };
    json!({
        "name": name,
        "connectionString": format!("{prefix};SharedAccessKey=****"),
        "location": location,
        "applyAllocationPolicy": hub.apply_allocation_policy,
        "allocationWeight": hub.allocation_weight,
    })
}

/// The management plane capitalises what the data plane does not.
fn allocation_word(policy: AllocationPolicy) -> &'static str {
    match policy {
        AllocationPolicy::Hashed => "Hashed",
        AllocationPolicy::GeoLatency => "GeoLatency",
        AllocationPolicy::Static => "Static",
        AllocationPolicy::Custom => "Custom",
    }
}

/// One shared access policy with its keys (A7, A8).
pub fn key_entry(policy: &AccessPolicy) -> Value {
    json!({
        "keyName": policy.name.as_str(),
        "primaryKey": policy.keys.primary.to_base64(),
        "secondaryKey": policy.keys.secondary.to_base64(),
        "rights": policy.rights.to_string(),
    })
}

/// The frame of every list: `{"value":[…]}`.
pub fn list(items: Vec<Value>) -> Value {
    let mut frame = Map::new();
    frame.insert("value".to_owned(), Value::Array(items));
    Value::Object(frame)
}

#[cfg(test)]
mod tests {
    use provost_model::{
        AccessRights, DpsName, Etag, HostName, HubName, IdScope, KeyPair, PolicyName, Secret, SymmetricKey,
        Timestamp,
    };

    use super::*;

    #[test]
    fn resource_masks_keys_and_names_its_group() {
        let record = DpsInstance {
            name: DpsName::parse("dps1").unwrap(),
            id_scope: IdScope::parse("0ne00000012").unwrap(),
            host: HostName::parse("dps1.example.net").unwrap(),
            allocation: AllocationPolicy::Hashed,
            operation_key: Secret::new(vec![7; 32]),
            etag: Etag::from_text("AAAAAAAADGk="),
            created_at: Timestamp::default(),
            trust_version: 0,
        };
        let hubs = [LinkedHub {
            hub: HubName::parse("hub1").unwrap(),
            host: HostName::parse("hub1.example.net").unwrap(),
            is_remote: false,
            apply_allocation_policy: true,
            allocation_weight: 1,
        }];
        let scope = ArmScope {
            subscription: "s1".to_owned(),
            resource_group: None,
        };
        let value = instance(&InstanceView {
            scope: &scope,
            instance: &record,
            device_host: "localhost",
            location: "local",
            hubs: &hubs,
            namespace: Some(&NamespaceName::parse("plant").unwrap()),
        });
        let link = &value["properties"]["deviceRegistryNamespace"]["resourceId"];
        assert!(
            link.as_str()
                .unwrap()
                .ends_with("/Microsoft.DeviceRegistry/namespaces/plant")
        );
        assert_eq!(
            value["properties"]["iotHubs"],
            json!([{
                "name": "hub1.example.net",
                "connectionString": "HostName=hub1.example.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****",
                "location": "local", "applyAllocationPolicy": true, "allocationWeight": 1,
            }])
        );
        assert_eq!(
            (&value["resourcegroup"], &value["subscriptionid"]),
            (&json!("provost"), &json!("s1"))
        );
        assert_eq!(value["properties"]["idScope"], "0ne00000012");
        assert_eq!(value["properties"]["allocationPolicy"], "Hashed");
        assert!(value["properties"].get("authorizationPolicies").is_none());
        let id = value["id"].as_str().unwrap();
        assert!(
            id.ends_with("/resourceGroups/provost/providers/Microsoft.Devices/provisioningServices/dps1")
        );
    }

    #[test]
    fn keys_are_shown_with_rights_in_one_text() {
        let key = || SymmetricKey::from_bytes(vec![0; 16]).unwrap();
        let policy = AccessPolicy {
            name: PolicyName::parse("reader").unwrap(),
            keys: KeyPair {
                primary: key(),
                secondary: key(),
            },
            rights: AccessRights::parse("EnrollmentRead,ServiceConfig").unwrap(),
        };
        assert_eq!(
            list(vec![key_entry(&policy)]).to_string(),
            concat!(
                r#"{"value":[{"keyName":"reader","primaryKey":"AAAAAAAAAAAAAAAAAAAAAA==","#,
                r#""secondaryKey":"AAAAAAAAAAAAAAAAAAAAAA==","rights":"ServiceConfig, EnrollmentRead"}]}"#
            )
        );
    }
}
