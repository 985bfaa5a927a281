//! What is posted to the webhook of a custom allocation, and what it answers (dps-device-api.md 8.3,
//! dps-service-api.md 3.8).

use provost_model::{
    AllocationPolicy, DeviceId, EnrollmentGroup, HostName, IndividualEnrollment, InitialTwin, RegistrationId,
    Slots,
};
use serde_json::{Map, Value, json};

use super::CertificateInfo;
use super::service::{KeyVisibility, ViewOptions, enrollment, enrollment_group};
use crate::ApiVersion;
use crate::json::{self, BodyError, Members};

/// The entry a webhook is asked for, with the facts of its certificates.
#[derive(Debug, Clone, Copy)]
pub enum AskedEntry<'a> {
    /// The device's own.
    Individual(&'a IndividualEnrollment, &'a Slots<CertificateInfo>),
    /// Its group's.
    Group(&'a EnrollmentGroup, &'a Slots<CertificateInfo>),
}

/// What a webhook is asked.
#[derive(Debug, Clone)]
pub struct AllocationRequest<'a> {
    /// The entry that admitted the device.
    pub entry: AskedEntry<'a>,
    /// The instance's policy, shown where the entry has none.
    pub default_allocation: AllocationPolicy,
    /// The contract's version, as the entry names it.
    pub api_version: ApiVersion,
    /// The device.
    pub registration_id: &'a RegistrationId,
    /// Host name of the hub it has, and its name there.
    pub current: Option<(&'a HostName, &'a DeviceId)>,
    /// The facts of the certificate it showed; `None` when it came with a key.
    pub certificate: Option<&'a CertificateInfo>,
    /// What it sent along.
    pub payload: Option<&'a Value>,
    /// The hubs to choose from.
    pub linked_hubs: Vec<&'a HostName>,
}

impl AllocationRequest<'_> {
    /// The document. Keys are withheld, the query of the webhook's own address is masked, the etag is
    /// quoted.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        let (name, entry) = self.entry();
        map.insert(name.to_owned(), entry);
        map.insert("deviceRuntimeContext".to_owned(), self.context());
        let hubs: Vec<&str> = self.linked_hubs.iter().map(|host| host.as_str()).collect();
        map.insert("linkedHubs".to_owned(), hubs.into());
        Value::Object(map)
    }

    fn entry(&self) -> (&'static str, Value) {
        let options = ViewOptions {
            keys: KeyVisibility::Hidden,
            default_allocation: self.default_allocation,
            api_version: self.api_version.clone(),
        };
        let (name, mut value) = match self.entry {
            AskedEntry::Individual(record, certificates) => (
                "individualEnrollment",
                enrollment(record, certificates, None, &options),
            ),
            AskedEntry::Group(record, certificates) => (
                "enrollmentGroup",
                enrollment_group(record, certificates, &options),
            ),
        };
        if let Some(attestation) = value.get_mut("attestation").and_then(Value::as_object_mut) {
            attestation.remove("symmetricKey");
        }
        if let Some(url) = value.pointer_mut("/customAllocationDefinition/webhookUrl") {
            *url = Value::from(masked_url(url.as_str().unwrap_or_default()));
        }
        if let Some(etag) = value.get_mut("etag") {
            *etag = Value::from(format!("\"{}\"", etag.as_str().unwrap_or_default()));
        }
        (name, value)
    }

    fn context(&self) -> Value {
        let mut map = Map::new();
        map.insert("registrationId".to_owned(), self.registration_id.as_str().into());
        if let Some((host, device_id)) = self.current {
            map.insert("currentIotHubHostName".to_owned(), host.as_str().into());
            map.insert("currentDeviceId".to_owned(), device_id.as_str().into());
        }
        match self.certificate {
            Some(info) => map.insert("x509".to_owned(), json!({ "clientCertificate": info })),
            None => map.insert("symmetricKey".to_owned(), json!({})),
        };
        if let Some(payload) = self.payload {
            map.insert("payload".to_owned(), payload.clone());
        }
        Value::Object(map)
    }
}

/// An address as it may be shown: what stands in the query is often a key, and so may be what stands
/// before the host or after `#`.
pub fn masked_url(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (address, rest) = url.split_at(end);
    let (scheme, address) = match address.find("://") {
        Some(at) => address.split_at(at + "://".len()),
        None => ("", address),
    };
    // Whatever follows, the host is after the last `@`.
    let (user, address) = match address.rsplit_once('@') {
        Some((_, address)) => ("****@", address),
        None => ("", address),
    };
    let rest = match rest.chars().next() {
        Some(mark) => format!("{mark}****"),
        None => String::new(),
    };
    format!("{scheme}{user}{address}{rest}")
}

/// What a webhook answers.
#[derive(Debug, Clone, PartialEq)]
pub struct AllocationReply {
    /// The hub it chose.
    pub hub: HostName,
    /// Replaces the initial twin of the entry.
    pub initial_twin: Option<InitialTwin>,
    /// Handed to the device.
    pub payload: Option<Value>,
}

impl AllocationReply {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// When it is not JSON, names no hub, or a member has the wrong type.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let initial_twin = match members.object("initialTwin")? {
            Some(twin) => {
                let desired = match twin.object("properties")? {
                    Some(properties) => properties.map("desired")?.cloned(),
                    None => None,
                };
                Some(InitialTwin {
                    tags: twin.map("tags")?.cloned().unwrap_or_default(),
                    desired: desired.unwrap_or_default(),
                })
            }
            None => None,
        };
        Ok(Self {
            hub: members.required("iotHubHostName", HostName::parse)?,
            initial_twin,
            payload: members
                .value("payload")
                .filter(|payload| !payload.is_null())
                .cloned(),
        })
    }
}

#[cfg(test)]
mod tests;
