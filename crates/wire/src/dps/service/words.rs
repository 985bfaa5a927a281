use provost_model::{AllocationPolicy, ProvisioningStatus};

pub(super) const ALLOCATION: [(&str, AllocationPolicy); 4] = [
    ("hashed", AllocationPolicy::Hashed),
    ("geoLatency", AllocationPolicy::GeoLatency),
    ("static", AllocationPolicy::Static),
    ("custom", AllocationPolicy::Custom),
];

pub(super) const STATUS: [(&str, ProvisioningStatus); 2] = [
    ("enabled", ProvisioningStatus::Enabled),
    ("disabled", ProvisioningStatus::Disabled),
];

/// The canonical word of a policy: `hashed`, `geoLatency`, `static`, `custom`.
pub fn allocation_word(policy: AllocationPolicy) -> &'static str {
    word(&ALLOCATION, policy)
}

/// The policy of a word, compared without case.
pub fn allocation_from_word(text: &str) -> Option<AllocationPolicy> {
    ALLOCATION
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))
        .map(|(_, policy)| *policy)
}

/// `enabled` or `disabled`.
pub fn provisioning_status_word(status: ProvisioningStatus) -> &'static str {
    word(&STATUS, status)
}

fn word<T: PartialEq + Copy>(words: &[(&'static str, T)], value: T) -> &'static str {
    words
        .iter()
        .find(|(_, meaning)| *meaning == value)
        .map_or("", |(word, _)| word)
}
