use provost_model::DeviceId;
use provost_model::registry::RegistryDevice;
use serde_json::{Map, Value, json};

use super::endpoints::{Method, check_device, check_extended_location};
use super::members::{PatchForm, TagsPatch, bounded, keep, keep_patch, location, merge, tags};
use super::resource_id::{PolicyId, policy_id, resource_id};
use crate::arm::ArmScope;
use crate::json::{self, BodyError, Members};
use crate::time;

/// Members of `properties` that are kept as they came, when a device is made.
const KEPT: [&str; 6] = [
    "manufacturer",
    "model",
    "operatingSystem",
    "operatingSystemVersion",
    "attributes",
    "endpoints",
];
/// Those of them that may change later.
const CHANGEABLE: [&str; 3] = ["operatingSystemVersion", "attributes", "endpoints"];
const MAX_WORD: usize = 256;

/// The body of a device's PUT (certificate-management.md 1.4). What the server says itself is ignored,
/// and so is what is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryDeviceInput {
    /// Its name in the hub; the device's own name when absent.
    pub external_device_id: Option<DeviceId>,
    /// Whether it may connect; a new device may.
    pub enabled: Option<bool>,
    /// The policy of its certificates.
    pub policy: PolicyMember,
    /// `location`, `tags`, `extendedLocation` and what is kept of `properties`.
    pub document: Map<String, Value>,
}

impl RegistryDeviceInput {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        check_extended_location(&members)?;
        let mut document = keep(&members, &["extendedLocation"]);
        let location = location(&members)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| members.shape("location", "is required"))?;
        document.insert("location".to_owned(), location.into());
        document.insert("tags".to_owned(), tags(&members)?.unwrap_or_default().into());
        let properties = members.object("properties")?;
        let mut input = Self {
            external_device_id: None,
            enabled: None,
            policy: PolicyMember::Absent,
            document: Map::new(),
        };
        if let Some(properties) = &properties {
            check_words(properties, Method::Put)?;
            document.insert("properties".to_owned(), keep(properties, &KEPT).into());
            input.external_device_id = properties.parsed("externalDeviceId", DeviceId::parse)?;
            input.enabled = properties.flag("enabled")?;
            input.policy = policy(properties)?;
        }
        input.document = bounded(document)?;
        Ok(input)
    }
}

fn check_words(properties: &Members<'_>, method: Method) -> Result<(), BodyError> {
    for name in [
        "manufacturer",
        "model",
        "operatingSystem",
        "operatingSystemVersion",
    ] {
        properties.remark(name, MAX_WORD)?;
    }
    properties.map("attributes")?;
    check_device(properties, method)
}

/// What a body says of a device's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyMember {
    /// Nothing.
    Absent,
    /// It has none: `policy` or its `resourceId` is null.
    Null,
    /// It has this one.
    Named(PolicyId),
}

fn policy(properties: &Members<'_>) -> Result<PolicyMember, BodyError> {
    let Some(policy) = properties.object("policy")? else {
        let is_null = properties.has("policy");
        return Ok(if is_null {
            PolicyMember::Null
        } else {
            PolicyMember::Absent
        });
    };
    Ok(match policy.parsed("resourceId", PolicyId::parse)? {
        Some(id) => PolicyMember::Named(id),
        None if policy.has("resourceId") => PolicyMember::Null,
        None => PolicyMember::Absent,
    })
}

/// The body of a device's PATCH. Members that are set once, when the device is made, are ignored, but for
/// `externalDeviceId`, by which a client may believe to rename it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePatch {
    /// Whether it may connect; `None` leaves it.
    pub enabled: Option<bool>,
    /// The policy of its certificates.
    pub policy: PolicyMember,
    /// Its name in the hub, which must be the one it has.
    pub external_device_id: Option<DeviceId>,
    tags: Option<TagsPatch>,
    change: Map<String, Value>,
}

impl DevicePatch {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8], form: PatchForm) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let mut patch = Self {
            enabled: None,
            policy: PolicyMember::Absent,
            external_device_id: None,
            tags: TagsPatch::read(&members, form)?,
            change: Map::new(),
        };
        if let Some(properties) = members.object("properties")? {
            check_words(&properties, Method::Patch)?;
            patch.enabled = properties.flag("enabled")?;
            patch.policy = policy(&properties)?;
            patch.external_device_id = properties.parsed("externalDeviceId", DeviceId::parse)?;
        }
        if let Some(properties) = members.map("properties")? {
            let kept = keep_patch(properties, &CHANGEABLE);
            patch.change.insert("properties".to_owned(), kept.into());
        }
        patch.change = bounded(patch.change)?;
        Ok(patch)
    }

    /// What becomes of the document of a device.
    ///
    /// # Errors
    /// It would be too large.
    pub fn apply(&self, document: &Map<String, Value>) -> Result<Map<String, Value>, BodyError> {
        let mut document = document.clone();
        merge(&mut document, &self.change);
        if let Some(tags) = &self.tags {
            let before = document.get("tags").and_then(Value::as_object).cloned();
            let after = tags.apply(&before.unwrap_or_default())?;
            document.insert("tags".to_owned(), after.into());
        }
        bounded(document)
    }
}

/// The body of `devices/{device}/revoke`; may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceRevokeInput {
    /// The device is disabled, too.
    pub disable: bool,
}

impl DeviceRevokeInput {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        if value.is_null() {
            return Ok(Self::default());
        }
        let members = Members::root(&value)?;
        Ok(Self {
            disable: members.flag("disable")?.unwrap_or(false),
        })
    }
}

/// What the answer about a device is written from.
#[derive(Debug, Clone, Copy)]
pub struct DeviceView<'a> {
    /// Where the client looked.
    pub scope: &'a ArmScope,
    /// The record.
    pub device: &'a RegistryDevice,
    /// The host name of the hub it was assigned to.
    pub hub_host: Option<&'a str>,
}

/// The device resource.
pub fn registry_device(view: &DeviceView<'_>) -> Value {
    let device = view.device;
    let mut resource = device.document.clone();
    let own = json!({
        "id": resource_id(view.scope, &device.namespace, format_args!("/devices/{}", device.name)),
        "name": device.name.as_str(),
        "type": "Microsoft.DeviceRegistry/namespaces/devices",
        "etag": device.etag.as_str(),
        "properties": {
            "uuid": device.identifier.device.to_string(),
            "externalDeviceId": device.external_device_id.as_str(),
            "enabled": device.enabled,
            "version": device.version,
            "lastTransitionTime": time::iso_seconds(device.transition_at),
            "provisioningState": "Succeeded",
        },
    });
    if let Value::Object(own) = own {
        merge(&mut resource, &own);
    }
    resource.entry("location").or_insert_with(|| Value::from("local"));
    resource.entry("tags").or_insert_with(|| Map::new().into());
    if let Some(Value::Object(properties)) = resource.get_mut("properties") {
        if let Some(policy) = &device.policy {
            let id = policy_id(view.scope, &device.namespace, policy);
            properties.insert("policy".to_owned(), json!({ "resourceId": id }));
        }
        if let (Some(hub), Some(host)) = (&device.hub, view.hub_host) {
            let endpoint = json!({ "endpointType": "Microsoft.Devices/IotHubs", "address": host });
            let assigned = json!({ "endpoints": { "outbound": { "assigned": { hub.as_str(): endpoint } } } });
            if let Value::Object(assigned) = assigned {
                merge(properties, &assigned);
            }
        }
    }
    resource.into()
}

#[cfg(test)]
mod tests;
