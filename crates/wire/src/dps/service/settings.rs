use provost_model::{
    AllocationPolicy, CredentialPolicyName, CustomAllocation, Etag, HostName, InitialTwin,
    ProvisioningStatus, ReprovisionPolicy,
};
use serde_json::{Map, Value};

use super::words::{ALLOCATION, STATUS};
use crate::json::{BodyError, Members};

/// What both kinds of entry have in common, as sent (dps-service-api.md 3.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingsInput {
    /// `provisioningStatus`; absent means enabled.
    pub status: Option<ProvisioningStatus>,
    /// `capabilities.iotEdge`.
    pub iot_edge: bool,
    /// `initialTwin`.
    pub initial_twin: Option<InitialTwin>,
    /// `reprovisionPolicy`.
    pub reprovision: Option<ReprovisionPolicy>,
    /// `allocationPolicy`; the legacy `iotHubHostName` without `iotHubs` means static.
    pub allocation: Option<AllocationPolicy>,
    /// `iotHubs`, or the one of `iotHubHostName`; empty means every linked hub.
    pub iot_hubs: Vec<HostName>,
    /// `customAllocationDefinition`.
    pub custom_allocation: Option<CustomAllocation>,
    /// `credentialPolicyName` (certificate-management.md 1.8); read whatever the client's api-version.
    pub credential_policy: Option<CredentialPolicyName>,
    /// `etag`: counts in bulk `updateIfMatchETag` only.
    pub etag: Option<Etag>,
}

/// More hub names than a service may have linked hubs (dps-service-api.md 7) are refused.
const MAX_HUBS: usize = 50;

impl SettingsInput {
    /// Reads the common members of an entry.
    pub(super) fn read(entry: &Members<'_>) -> Result<Self, BodyError> {
        let iot_edge = match entry.object("capabilities")? {
            Some(capabilities) => capabilities.flag("iotEdge")?.unwrap_or(false),
            None => false,
        };
        let mut settings = Self {
            status: entry.word("provisioningStatus", &STATUS)?,
            iot_edge,
            initial_twin: initial_twin(entry)?,
            reprovision: reprovision(entry)?,
            allocation: entry.word("allocationPolicy", &ALLOCATION)?,
            iot_hubs: hubs(entry)?,
            custom_allocation: custom_allocation(entry)?,
            credential_policy: entry.parsed("credentialPolicyName", CredentialPolicyName::parse)?,
            etag: entry
                .text("etag")?
                .filter(|tag| !tag.is_empty())
                .map(Etag::from_text),
        };
        if settings.iot_hubs.is_empty()
            && let Some(hub) = entry.parsed("iotHubHostName", HostName::parse)?
        {
            settings.iot_hubs.push(hub);
            settings.allocation.get_or_insert(AllocationPolicy::Static);
        }
        Ok(settings)
    }
}

fn hubs(entry: &Members<'_>) -> Result<Vec<HostName>, BodyError> {
    let list = entry.list("iotHubs")?.unwrap_or_default();
    if list.len() > MAX_HUBS {
        return Err(entry.invalid("iotHubs", format!("must have at most {MAX_HUBS} items")));
    }
    list.iter()
        .map(|item| {
            let text = item
                .as_str()
                .ok_or_else(|| entry.shape("iotHubs", "must be an array of strings"))?;
            HostName::parse(text).map_err(|error| entry.invalid("iotHubs", format!("is not valid: {error}")))
        })
        .collect()
}

fn reprovision(entry: &Members<'_>) -> Result<Option<ReprovisionPolicy>, BodyError> {
    let Some(policy) = entry.object("reprovisionPolicy")? else {
        return Ok(None);
    };
    Ok(Some(ReprovisionPolicy {
        update_hub_assignment: policy.required_flag("updateHubAssignment")?,
        migrate_device_data: policy.required_flag("migrateDeviceData")?,
    }))
}

/// A definition without both members counts as none: the CLI sends one with nulls for every policy.
fn custom_allocation(entry: &Members<'_>) -> Result<Option<CustomAllocation>, BodyError> {
    let Some(definition) = entry.object("customAllocationDefinition")? else {
        return Ok(None);
    };
    let given = |name: &str| -> Result<Option<String>, BodyError> {
        Ok(definition
            .text(name)?
            .filter(|text| !text.is_empty())
            .map(str::to_owned))
    };
    match (given("webhookUrl")?, given("apiVersion")?) {
        (Some(webhook_url), Some(api_version)) => Ok(Some(CustomAllocation {
            webhook_url,
            api_version,
        })),
        (None, None) => Ok(None),
        (None, _) => Err(definition.shape("webhookUrl", "is required")),
        (_, None) => Err(definition.shape("apiVersion", "is required")),
    }
}

fn initial_twin(entry: &Members<'_>) -> Result<Option<InitialTwin>, BodyError> {
    let Some(twin) = entry.object("initialTwin")? else {
        return Ok(None);
    };
    let tags = twin.map("tags")?.map(twin_collection).unwrap_or_default();
    let desired = match twin.object("properties")? {
        Some(properties) => properties
            .map("desired")?
            .map(twin_collection)
            .unwrap_or_default(),
        None => Map::new(),
    };
    Ok(Some(InitialTwin { tags, desired }))
}

/// A `TwinCollection` as it is stored: verbatim, without the nulls clients send for members they do
/// not know to be absent (dps-service-api.md 3.6).
pub(super) fn twin_collection(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter()
        .filter(|(key, value)| !(value.is_null() && matches!(key.as_str(), "version" | "count" | "metadata")))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
