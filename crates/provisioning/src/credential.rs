use provost_model::{DeviceAuth, Slots};

use crate::Proof;

/// The credential a hub identity gets: what the device just proved (dps-device-api.md 8.1).
///
/// A certificate is written as a thumbprint, for groups too; keys as they are, the derived ones for
/// a device of a group.
///
/// DEVIATION: Azure writes the SHA-1 thumbprint, 40 digits; here it is the SHA-256 one, 64 digits. A
/// hub takes both, and as the only thing that stands between a device's identity and a forged
/// certificate SHA-1 is not good enough.
pub(crate) fn device_auth(proof: &Proof) -> DeviceAuth {
    match proof {
        Proof::Key { keys, .. } => DeviceAuth::Sas(keys.clone()),
        Proof::Pinned(_) | Proof::Chain(_) => DeviceAuth::SelfSigned(Slots {
            primary: proof.leaf().map(|leaf| leaf.sha256_thumbprint().to_string()),
            secondary: None,
        }),
    }
}
