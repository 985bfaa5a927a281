//! Keys of devices in a group with a symmetric key (dps-device-api.md 5.1).

use aws_lc_rs::hmac;
use provost_model::SymmetricKey;

/// The key of one device of a group: HMAC-SHA256 of the registration ID under the group's key.
///
/// The registration ID counts exactly as written, case included: whoever made the device's key
/// hashed one spelling, and another gives another key.
#[expect(
    clippy::expect_used,
    reason = "an HMAC-SHA256 has 32 bytes and a key may have 16 to 64"
)]
pub fn derive_device_key(group_key: &SymmetricKey, registration_id: &str) -> SymmetricKey {
    let key = hmac::Key::new(hmac::HMAC_SHA256, group_key.as_bytes());
    let tag = hmac::sign(&key, registration_id.as_bytes());
    SymmetricKey::from_bytes(tag.as_ref().to_vec()).expect("32 bytes are a key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_key_matches_the_published_vector() {
        let group =
            "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";
        let group = SymmetricKey::parse(group).unwrap();
        let device = derive_device_key(&group, "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6");
        assert_eq!(device.to_base64(), "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
        let other = derive_device_key(&group, "SN-007-888-abc-mac-a1-b2-c3-d4-e5-f6");
        assert_ne!(device, other);
    }
}
