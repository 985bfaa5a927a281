use provost_model::twin::check_initial;
use provost_model::{AllocationPolicy, EnrollmentSettings, Etag, Timestamp};
use provost_wire::dps::service::SettingsInput;

use crate::ProvisioningError;

/// What a write makes of the common members: a PUT replaces them all; those that are not there take
/// their defaults (dps-service-api.md 2.3, 3.1). Etag and times are those of the record that is
/// there; [`touch`] moves them when it is really written.
pub(crate) fn merged(
    input: &SettingsInput,
    stored: Option<&EnrollmentSettings>,
    now: Timestamp,
) -> Result<EnrollmentSettings, ProvisioningError> {
    if input.allocation == Some(AllocationPolicy::Custom) && input.custom_allocation.is_none() {
        return Err(ProvisioningError::invalid(
            "`customAllocationDefinition` is required when `allocationPolicy` is custom",
        ));
    }
    if let Some(custom) = &input.custom_allocation {
        check_webhook_url(&custom.webhook_url)?;
    }
    if let Some(twin) = &input.initial_twin {
        // Refused here, where somebody can mend it, and not at a device's registration.
        check_initial(twin).map_err(|error| ProvisioningError::invalid(format!("`initialTwin`: {error}")))?;
    }
    Ok(EnrollmentSettings {
        status: input.status.unwrap_or_default(),
        iot_edge: input.iot_edge,
        initial_twin: input.initial_twin.clone(),
        reprovision: input.reprovision,
        allocation: input.allocation,
        iot_hubs: input.iot_hubs.clone(),
        custom_allocation: input.custom_allocation.clone(),
        credential_policy: input.credential_policy.clone(),
        etag: stored.map_or_else(|| Etag::from_text(""), |stored| stored.etag.clone()),
        created_at: stored.map_or(now, |stored| stored.created_at),
        updated_at: stored.map_or(now, |stored| stored.updated_at),
    })
}

/// A user name would never be sent, and nor is what follows `#`: whoever writes a secret there is told
/// now.
fn check_webhook_url(url: &str) -> Result<(), ProvisioningError> {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') || url.contains('#') {
        return Err(ProvisioningError::invalid(
            "`customAllocationDefinition.webhookUrl` must hold no user name and no fragment",
        ));
    }
    Ok(())
}

/// Gives a record that is about to be written its new etag and time.
pub(crate) fn touch(settings: &mut EnrollmentSettings, etag: Etag, now: Timestamp) {
    settings.etag = etag;
    settings.updated_at = now;
}

#[cfg(test)]
mod tests {
    use provost_model::{CustomAllocation, InitialTwin};

    use super::*;
    use crate::fixture::{NOW, settings};

    #[test]
    fn a_put_replaces_every_member_but_the_time_of_creation() {
        let mut stored = settings();
        stored.iot_edge = true;
        stored.created_at = Timestamp::from_unix_seconds(1);
        let merged = merged(&SettingsInput::default(), Some(&stored), NOW).unwrap();
        assert!(!merged.iot_edge);
        assert_eq!(
            (merged.created_at, &merged.etag),
            (Timestamp::from_unix_seconds(1), &stored.etag)
        );
    }

    #[test]
    fn an_initial_twin_over_its_limits_is_refused() {
        let tags = serde_json::json!({ "not allowed": 1 });
        let initial_twin = InitialTwin {
            tags: tags.as_object().cloned().unwrap(),
            ..InitialTwin::default()
        };
        let input = SettingsInput {
            initial_twin: Some(initial_twin),
            ..SettingsInput::default()
        };
        assert_eq!(merged(&input, None, NOW).unwrap_err().code(), 400_004);
    }

    #[test]
    fn custom_allocation_needs_its_definition() {
        let mut input = SettingsInput {
            allocation: Some(AllocationPolicy::Custom),
            ..SettingsInput::default()
        };
        assert_eq!(merged(&input, None, NOW).unwrap_err().code(), 400_004);
        input.custom_allocation = Some(CustomAllocation {
            webhook_url: "https://nowhere.invalid/?code=x".into(),
            api_version: "2021-10-01".into(),
        });
        assert!(merged(&input, None, NOW).is_ok());
    }

    #[test]
    fn a_webhook_address_holds_no_user_name_and_no_fragment() {
        for (url, is_ok) in [
            ("https://user:secret@f.example/", false),
            ("https://user@f.example", false),
            ("https://f.example/a#secret", false),
            ("https://f.example/a?to=x@y.example", true),
            ("https://f.example/@a", true),
        ] {
            let input = SettingsInput {
                custom_allocation: Some(CustomAllocation {
                    webhook_url: url.into(),
                    api_version: "2021-10-01".into(),
                }),
                ..SettingsInput::default()
            };
            let error = merged(&input, None, NOW).err().map(|error| error.code());
            assert_eq!(error, (!is_ok).then_some(400_004), "{url}");
        }
    }
}
