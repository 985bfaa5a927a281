use provost_model::{
    AllocationPolicy, EnrollmentGroup, EnrollmentSettings, HostName, IndividualEnrollment, InitialTwin, Slots,
};
use serde_json::{Map, Value, json};

use super::attestation_output::{
    AttestationOutput, KeyVisibility, group_attestation, individual_attestation,
};
use super::words::{allocation_word, provisioning_status_word};
use crate::dps::CertificateInfo;
use crate::dps::device::RegistrationStateView;
use crate::{ApiVersion, time};

/// How an answer shows an entry.
#[derive(Debug, Clone)]
pub struct ViewOptions {
    /// Whether symmetric keys are shown.
    pub keys: KeyVisibility,
    /// The instance's policy: shown where the entry has none, for `allocationPolicy` is never null
    /// in answers.
    pub default_allocation: AllocationPolicy,
    /// What the client speaks: before 2018-09-01 it knows only the single `iotHubHostName`.
    pub api_version: ApiVersion,
}

/// An individual enrollment. `registration_state` is given for GET only: queries lack it, as the
/// real service's do (dps-service-api.md 2.5).
pub fn enrollment(
    record: &IndividualEnrollment,
    certificates: &Slots<CertificateInfo>,
    registration_state: Option<&RegistrationStateView>,
    options: &ViewOptions,
) -> Value {
    let mut map = Map::new();
    put(&mut map, "registrationId", record.registration_id.as_str());
    if let Some(device_id) = &record.device_id {
        put(&mut map, "deviceId", device_id.as_str());
    }
    if let Some(state) = registration_state {
        put(
            &mut map,
            "registrationState",
            serde_json::to_value(state).unwrap_or_default(),
        );
    }
    if let Some(information) = &record.optional_device_information {
        put(&mut map, "optionalDeviceInformation", information.clone());
    }
    let attestation = individual_attestation(&record.mechanism, certificates, options.keys);
    settings(&mut map, &record.settings, &attestation, options);
    Value::Object(map)
}

/// An enrollment group.
pub fn enrollment_group(
    record: &EnrollmentGroup,
    certificates: &Slots<CertificateInfo>,
    options: &ViewOptions,
) -> Value {
    let mut map = Map::new();
    put(&mut map, "enrollmentGroupId", record.id.as_str());
    let attestation = group_attestation(&record.mechanism, certificates, options.keys);
    settings(&mut map, &record.settings, &attestation, options);
    Value::Object(map)
}

fn settings(
    map: &mut Map<String, Value>,
    settings: &EnrollmentSettings,
    attestation: &AttestationOutput,
    options: &ViewOptions,
) {
    put(
        map,
        "attestation",
        serde_json::to_value(attestation).unwrap_or_default(),
    );
    put(map, "capabilities", json!({ "iotEdge": settings.iot_edge }));
    if let ([only], false) = (
        settings.iot_hubs.as_slice(),
        options.api_version.is_since("2018-09-01"),
    ) {
        put(map, "iotHubHostName", only.as_str());
    }
    if let Some(twin) = &settings.initial_twin {
        put(map, "initialTwin", initial_twin(twin));
    }
    put(map, "etag", settings.etag.as_str());
    put(
        map,
        "provisioningStatus",
        provisioning_status_word(settings.status),
    );
    if let Some(policy) = settings.reprovision {
        put(
            map,
            "reprovisionPolicy",
            json!({
                "updateHubAssignment": policy.update_hub_assignment,
                "migrateDeviceData": policy.migrate_device_data,
            }),
        );
    }
    put(map, "createdDateTimeUtc", time::iso(settings.created_at));
    put(map, "lastUpdatedDateTimeUtc", time::iso(settings.updated_at));
    let allocation = settings.allocation.unwrap_or(options.default_allocation);
    put(map, "allocationPolicy", allocation_word(allocation));
    if !settings.iot_hubs.is_empty() {
        let hubs: Vec<&str> = settings.iot_hubs.iter().map(HostName::as_str).collect();
        put(map, "iotHubs", hubs);
    }
    if let Some(custom) = &settings.custom_allocation {
        let definition = json!({ "webhookUrl": custom.webhook_url, "apiVersion": custom.api_version });
        put(map, "customAllocationDefinition", definition);
    }
    if let Some(policy) = &settings.credential_policy {
        put(map, "credentialPolicyName", policy.as_str());
    }
}

fn initial_twin(twin: &InitialTwin) -> Value {
    json!({ "tags": twin.tags, "properties": { "desired": twin.desired } })
}

fn put(map: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    map.insert(name.to_owned(), value.into());
}

#[cfg(test)]
mod tests;
