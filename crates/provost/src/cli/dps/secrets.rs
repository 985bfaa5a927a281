use serde_json::Value;

use crate::client::{ApiClient, ClientError};

/// Takes the keys out of an enrollment of either kind, for all verbs that were not asked to show
/// them.
pub(super) fn hide_keys(enrollment: &mut Value) {
    if let Some(attestation) = enrollment.get_mut("attestation").and_then(Value::as_object_mut) {
        attestation.remove("symmetricKey");
    }
}

/// Puts the keys of a symmetric enrollment in, which reading it leaves out
/// (dps-service-api.md 2.1, operations 6 and 12).
pub(super) async fn fetch_keys(
    client: &mut ApiClient,
    path: &str,
    enrollment: &mut Value,
) -> Result<(), ClientError> {
    if !is_symmetric(enrollment) {
        return Ok(());
    }
    let mechanism = format!("{path}/attestationmechanism");
    let mechanism = client.post(&mechanism, &serde_json::json!({}), None).await?;
    if let Some(enrollment) = enrollment.as_object_mut() {
        enrollment.insert("attestation".to_owned(), mechanism);
    }
    Ok(())
}

/// Whether the enrollment proves devices by a symmetric key.
pub(super) fn is_symmetric(enrollment: &Value) -> bool {
    enrollment
        .pointer("/attestation/type")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("symmetricKey"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_hidden_and_the_rest_stays() {
        let mut enrollment = json!({"attestation": {"type": "symmetricKey",
            "symmetricKey": {"primaryKey": "p", "secondaryKey": "s"}}, "etag": "e"});
        assert!(is_symmetric(&enrollment));
        hide_keys(&mut enrollment);
        assert_eq!(
            enrollment,
            json!({"attestation": {"type": "symmetricKey"}, "etag": "e"})
        );
    }
}
