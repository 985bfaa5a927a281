//! Columns to model values and back; what cannot be read back is an inconsistency, never a default.

use provost_model::{
    AllocationPolicy, IdError, KeyError, KeyPair, ProvisioningStatus, ReprovisionPolicy, SymmetricKey,
};
use serde_json::{Map, Value};

use crate::StoreError;

/// Names the row a value came from.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) key: &'a str,
}

impl Place<'_> {
    pub(crate) fn inconsistent(self, column: &'static str) -> StoreError {
        StoreError::Inconsistent {
            table: self.table,
            column,
            key: self.key.to_owned(),
        }
    }

    pub(crate) fn id<T>(self, column: &'static str, parsed: Result<T, IdError>) -> Result<T, StoreError> {
        parsed.map_err(|_| self.inconsistent(column))
    }

    pub(crate) fn key(
        self,
        column: &'static str,
        bytes: Option<Vec<u8>>,
    ) -> Result<SymmetricKey, StoreError> {
        let parsed: Result<_, KeyError> = SymmetricKey::from_bytes(bytes.unwrap_or_default());
        parsed.map_err(|_| self.inconsistent(column))
    }

    pub(crate) fn key_pair(
        self,
        primary: Option<Vec<u8>>,
        secondary: Option<Vec<u8>>,
    ) -> Result<KeyPair, StoreError> {
        Ok(KeyPair {
            primary: self.key("primary_key", primary)?,
            secondary: self.key("secondary_key", secondary)?,
        })
    }

    pub(crate) fn object(self, column: &'static str, text: &str) -> Result<Map<String, Value>, StoreError> {
        serde_json::from_str(text).map_err(|_| self.inconsistent(column))
    }

    pub(crate) fn opt_object(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<Map<String, Value>>, StoreError> {
        text.map(|text| self.object(column, text)).transpose()
    }
}

/// JSON text of a document; a map of JSON values always has one.
pub(crate) fn json(object: &Map<String, Value>) -> String {
    serde_json::to_string(object).unwrap_or_default()
}

pub(crate) fn status_word(status: ProvisioningStatus) -> &'static str {
    match status {
        ProvisioningStatus::Enabled => "enabled",
        ProvisioningStatus::Disabled => "disabled",
    }
}

pub(crate) fn status(word: &str) -> Option<ProvisioningStatus> {
    match word {
        "enabled" => Some(ProvisioningStatus::Enabled),
        "disabled" => Some(ProvisioningStatus::Disabled),
        _ => None,
    }
}

pub(crate) fn allocation_word(policy: AllocationPolicy) -> &'static str {
    match policy {
        AllocationPolicy::Hashed => "hashed",
        AllocationPolicy::GeoLatency => "geoLatency",
        AllocationPolicy::Static => "static",
        AllocationPolicy::Custom => "custom",
    }
}

pub(crate) fn allocation(word: &str) -> Option<AllocationPolicy> {
    match word {
        "hashed" => Some(AllocationPolicy::Hashed),
        "geoLatency" => Some(AllocationPolicy::GeoLatency),
        "static" => Some(AllocationPolicy::Static),
        "custom" => Some(AllocationPolicy::Custom),
        _ => None,
    }
}

/// Two letters: is the hub chosen anew, is the data carried over.
pub(crate) fn reprovision_word(policy: ReprovisionPolicy) -> &'static str {
    match (policy.update_hub_assignment, policy.migrate_device_data) {
        (true, true) => "um",
        (true, false) => "u-",
        (false, true) => "-m",
        (false, false) => "--",
    }
}

pub(crate) fn reprovision(word: &str) -> Option<ReprovisionPolicy> {
    let of = |update_hub_assignment, migrate_device_data| {
        Some(ReprovisionPolicy {
            update_hub_assignment,
            migrate_device_data,
        })
    };
    match word {
        "um" => of(true, true),
        "u-" => of(true, false),
        "-m" => of(false, true),
        "--" => of(false, false),
        _ => None,
    }
}
