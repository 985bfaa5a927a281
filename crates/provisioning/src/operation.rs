//! Operation IDs: `5.{16 hex}.{uuid}` (dps-device-api.md 1.3).
//!
//! The hex digits are the first 8 bytes of HMAC-SHA256 over registration ID and UUID under the
//! instance's own key, so that a poll recognises an ID of this device without a look-up, and nobody
//! else can make one.

use std::fmt::Write;

use aws_lc_rs::hmac;
use provost_model::{DpsInstance, OperationId, Random, RegistrationId};
use subtle::ConstantTimeEq;

use crate::{Noun, ProvisioningError};

const GENERATION: &str = "5";
const MARK_BYTES: usize = 8;

/// A new operation ID for this registration.
pub(crate) fn mint(
    instance: &DpsInstance,
    registration_id: &RegistrationId,
    random: &dyn Random,
) -> OperationId {
    let uuid = random.uuid();
    let text = format!("{GENERATION}.{}.{uuid}", mark(instance, registration_id, &uuid));
    #[expect(
        clippy::expect_used,
        reason = "55 characters, all of them digits, letters, dots and hyphens"
    )]
    OperationId::parse(&text).expect("digits, dots and hyphens are an operation ID")
}

/// Reads an operation ID that must have been made for this registration.
///
/// # Errors
/// [`ProvisioningError::NotFound`], 404201, for anything else.
pub(crate) fn recognise(
    text: &str,
    instance: &DpsInstance,
    registration_id: &RegistrationId,
) -> Result<OperationId, ProvisioningError> {
    let unknown = || ProvisioningError::NotFound(Noun::Operation);
    let id = OperationId::parse(text).map_err(|_| unknown())?;
    let (generation, rest) = text.split_once('.').ok_or_else(unknown)?;
    let (claimed, uuid) = rest.split_once('.').ok_or_else(unknown)?;
    let expected = mark(instance, registration_id, uuid);
    let is_ours = generation == GENERATION && bool::from(claimed.as_bytes().ct_eq(expected.as_bytes()));
    if is_ours { Ok(id) } else { Err(unknown()) }
}

fn mark(instance: &DpsInstance, registration_id: &RegistrationId, uuid: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, instance.operation_key.expose());
    // A registration ID holds no line feed, so the pair cannot be read in two ways.
    let message = format!("{}\n{uuid}", registration_id.key());
    let tag = hmac::sign(&key, message.as_bytes());
    tag.as_ref()
        .iter()
        .take(MARK_BYTES)
        .fold(String::with_capacity(MARK_BYTES * 2), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use provost_model::ambient::SystemRandom;

    use super::*;
    use crate::fixture::instance;

    fn id(text: &str) -> RegistrationId {
        RegistrationId::parse(text).unwrap()
    }

    #[test]
    fn own_ids_are_recognised_in_any_spelling_of_the_device() {
        let operation = mint(&instance(1), &id("Press-1"), &SystemRandom);
        let parts: Vec<&str> = operation.as_str().split('.').collect();
        assert_eq!((parts[0], parts[1].len(), parts[2].len()), ("5", 16, 36));
        let read = recognise(operation.as_str(), &instance(1), &id("press-1")).unwrap();
        assert_eq!(read, operation);
    }

    #[test]
    fn forged_ids_are_unknown() {
        let operation = mint(&instance(1), &id("press-1"), &SystemRandom);
        let text = operation.as_str();
        let uuid = text.rsplit('.').next().unwrap();
        for (what, forged, instance, device) in [
            ("another device", text.to_owned(), instance(1), "press-2"),
            ("another instance's key", text.to_owned(), instance(2), "press-1"),
            (
                "guessed mark",
                format!("5.0000000000000000.{uuid}"),
                instance(1),
                "press-1",
            ),
            ("short mark", format!("5..{uuid}"), instance(1), "press-1"),
            (
                "another generation",
                text.replacen('5', "4", 1),
                instance(1),
                "press-1",
            ),
            (
                "another uuid",
                text.replace(uuid, "00000000-0000-4000-8000-000000000000"),
                instance(1),
                "press-1",
            ),
            ("no dots", "abc".to_owned(), instance(1), "press-1"),
            ("empty", String::new(), instance(1), "press-1"),
            ("bad characters", "5.a.b/c".to_owned(), instance(1), "press-1"),
        ] {
            let error = recognise(&forged, &instance, &id(device)).unwrap_err();
            assert_eq!(error.code(), 404_201, "{what}");
        }
    }
}
