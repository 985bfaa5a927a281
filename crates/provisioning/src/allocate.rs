//! Which hub a device goes to (dps-device-api.md 8.2 and 8.3, dps-service-api.md 3.8).

use provost_model::allocation::{Candidate, fixed, hashed};
use provost_model::{
    AllocationPolicy, EnrollmentSettings, HostName, HubName, LinkedHub, RegistrationFailure, RegistrationId,
    ReprovisionPolicy,
};

/// What the choice depends on.
pub(crate) struct Allocation<'a> {
    /// The device.
    pub(crate) registration_id: &'a RegistrationId,
    /// Its entry.
    pub(crate) settings: &'a EnrollmentSettings,
    /// The instance's policy, for entries without one.
    pub(crate) default_policy: AllocationPolicy,
    /// The hubs the instance may assign to.
    pub(crate) linked: &'a [LinkedHub],
    /// The hub the device has, when that hub still exists.
    pub(crate) current: Option<&'a HubName>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The hub the device has.
    Keep,
    /// This one.
    Hub(HubName),
    /// A webhook has to choose among these.
    Ask(Vec<LinkedHub>),
}

/// Chooses a hub.
///
/// With `updateHubAssignment` false a device that has a hub keeps it, and no webhook is asked.
/// `geoLatency` spreads like `hashed`: where devices and hubs are is not known here.
///
/// # Errors
/// What is recorded and told to the device: 400208 when there is no hub to choose from
/// (dps-device-api.md 2.8).
pub(crate) fn allocate(allocation: &Allocation<'_>) -> Result<Choice, RegistrationFailure> {
    let policy = allocation.settings.reprovision.unwrap_or_default();
    if allocation.current.is_some() && is_sticky(policy) {
        return Ok(Choice::Keep);
    }
    let linked = candidates(allocation);
    let candidates: Vec<Candidate> = linked
        .iter()
        .map(|hub| Candidate {
            hub: hub.hub.clone(),
            weight: hub.allocation_weight,
        })
        .collect();
    let chosen = match allocation
        .settings
        .allocation
        .unwrap_or(allocation.default_policy)
    {
        AllocationPolicy::Hashed | AllocationPolicy::GeoLatency => {
            hashed(allocation.registration_id, &candidates)
        }
        AllocationPolicy::Static => fixed(&candidates),
        AllocationPolicy::Custom if !linked.is_empty() => return Ok(Choice::Ask(linked)),
        AllocationPolicy::Custom => None,
    };
    let chosen = chosen.cloned().map(Choice::Hub);
    chosen.ok_or_else(|| RegistrationFailure {
        code: 400_208,
        message: "No IoT hub is available for this device.".to_owned(),
    })
}

fn is_sticky(policy: ReprovisionPolicy) -> bool {
    !policy.update_hub_assignment
}

/// The linked hubs the entry names, in its order; without names those that take part in allocation.
fn candidates(allocation: &Allocation<'_>) -> Vec<LinkedHub> {
    let named = &allocation.settings.iot_hubs;
    if named.is_empty() {
        return allocation
            .linked
            .iter()
            .filter(|hub| hub.apply_allocation_policy)
            .cloned()
            .collect();
    }
    named
        .iter()
        .filter_map(|host| allocation.linked.iter().find(|hub| same_host(&hub.host, host)))
        .cloned()
        .collect()
}

/// Without the port, which clients add and drop.
pub(crate) fn same_host(a: &HostName, b: &HostName) -> bool {
    bare_host(a.key()) == bare_host(b.key())
}

/// A host name without its port; the brackets of an IPv6 address stay.
pub(crate) fn bare_host(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{linked_hub, settings};

    fn choose(
        settings: &EnrollmentSettings,
        linked: &[LinkedHub],
        current: Option<&str>,
    ) -> Result<String, u32> {
        let current = current.map(|name| HubName::parse(name).unwrap());
        allocate(&Allocation {
            registration_id: &RegistrationId::parse("press-1").unwrap(),
            settings,
            default_policy: AllocationPolicy::Hashed,
            linked,
            current: current.as_ref(),
        })
        .map(|choice| match choice {
            Choice::Keep => "kept".to_owned(),
            Choice::Hub(hub) => hub.to_string(),
            Choice::Ask(hubs) => format!("ask of {}", hubs.len()),
        })
        .map_err(|failure| failure.code)
    }

    #[test]
    fn without_a_hub_the_run_fails() {
        assert_eq!(choose(&settings(), &[], None), Err(400_208));
    }

    #[test]
    fn custom_asks_when_there_is_something_to_choose_from() {
        let mut custom = settings();
        custom.allocation = Some(AllocationPolicy::Custom);
        assert_eq!(
            choose(&custom, &[linked_hub("one")], None).as_deref(),
            Ok("ask of 1")
        );
        assert_eq!(choose(&custom, &[], None), Err(400_208));
        custom.reprovision = Some(ReprovisionPolicy {
            update_hub_assignment: false,
            migrate_device_data: false,
        });
        assert_eq!(
            choose(&custom, &[linked_hub("one")], Some("old")).as_deref(),
            Ok("kept")
        );
    }

    #[test]
    fn static_takes_the_first_hub_the_entry_names() {
        let linked = [linked_hub("one"), linked_hub("two")];
        let mut fixed = settings();
        fixed.allocation = Some(AllocationPolicy::Static);
        fixed.iot_hubs = vec![
            HostName::parse("two.localhost:8883").unwrap(),
            HostName::parse("one.localhost").unwrap(),
        ];
        assert_eq!(choose(&fixed, &linked, None).as_deref(), Ok("two"));
    }

    #[test]
    fn only_named_hubs_that_are_linked_are_candidates() {
        let mut named = settings();
        named.iot_hubs = vec![HostName::parse("elsewhere.example").unwrap()];
        assert_eq!(choose(&named, &[linked_hub("one")], None), Err(400_208));
    }

    #[test]
    fn hubs_outside_the_policy_are_used_only_by_name() {
        let mut outside = linked_hub("one");
        outside.apply_allocation_policy = false;
        assert_eq!(
            choose(&settings(), std::slice::from_ref(&outside), None),
            Err(400_208)
        );
        let mut named = settings();
        named.iot_hubs = vec![outside.host.clone()];
        assert_eq!(choose(&named, &[outside], None).as_deref(), Ok("one"));
    }

    #[test]
    fn never_reprovision_keeps_the_hub() {
        let linked = [linked_hub("one")];
        let mut never = settings();
        never.reprovision = Some(ReprovisionPolicy {
            update_hub_assignment: false,
            migrate_device_data: false,
        });
        assert_eq!(choose(&never, &linked, Some("old")).as_deref(), Ok("kept"));
        assert_eq!(choose(&never, &linked, None).as_deref(), Ok("one"));
        assert_eq!(choose(&settings(), &linked, Some("old")).as_deref(), Ok("one"));
    }

    #[test]
    fn ports_are_cut_and_addresses_kept() {
        for (host, bare) in [
            ("a.example", "a.example"),
            ("a.example:8443", "a.example"),
            ("[::1]:443", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(bare_host(host), bare);
        }
    }
}
