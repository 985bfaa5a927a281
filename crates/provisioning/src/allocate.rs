//! Which hub a device goes to (dps-device-api.md 8.2 and 8.3, dps-service-api.md 3.8).

use provost_model::allocation::{Candidate, fixed, hashed, nearest};
use provost_model::{
    AllocationPolicy, EnrollmentSettings, HostName, HubName, LinkedHub, RegistrationFailure, RegistrationId,
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
    /// The hubs that are near the device, nearest first.
    pub(crate) near: &'a [HubName],
    /// The hub the device has, when that hub still exists.
    pub(crate) current: Option<&'a HubName>,
    /// The device speaks an api-version from before reprovisioning.
    pub(crate) is_before_reprovisioning: bool,
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
/// With `updateHubAssignment` false a device that has a hub keeps it, and no webhook is asked. So does
/// one from before reprovisioning, unless its entry has a policy.
/// `geoLatency` spreads like `hashed` where no hub is known to be near.
///
/// # Errors
/// What is recorded and told to the device: 400208 when there is no hub to choose from
/// (dps-device-api.md 2.8).
pub(crate) fn allocate(allocation: &Allocation<'_>) -> Result<Choice, RegistrationFailure> {
    if allocation.current.is_some() && is_sticky(allocation) {
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
        AllocationPolicy::Hashed => hashed(allocation.registration_id, &candidates),
        AllocationPolicy::GeoLatency => nearest(allocation.registration_id, allocation.near, &candidates),
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

fn is_sticky(allocation: &Allocation<'_>) -> bool {
    match allocation.settings.reprovision {
        Some(policy) => !policy.update_hub_assignment,
        None => allocation.is_before_reprovisioning,
    }
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
    use provost_model::ReprovisionPolicy;

    use super::*;
    use crate::fixture::{linked_hub, settings};

    fn choose(
        settings: &EnrollmentSettings,
        linked: &[LinkedHub],
        current: Option<&str>,
    ) -> Result<String, u32> {
        choose_near(settings, linked, (current, false), &[])
    }

    /// Of a device with a hub, perhaps from before reprovisioning, and with hubs near.
    fn choose_near(
        settings: &EnrollmentSettings,
        linked: &[LinkedHub],
        (current, is_before_reprovisioning): (Option<&str>, bool),
        near: &[HubName],
    ) -> Result<String, u32> {
        let current = current.map(|name| HubName::parse(name).unwrap());
        allocate(&Allocation {
            registration_id: &RegistrationId::parse("press-1").unwrap(),
            settings,
            default_policy: AllocationPolicy::Hashed,
            linked,
            near,
            current: current.as_ref(),
            is_before_reprovisioning,
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
    fn geo_latency_takes_the_nearest_candidate() {
        let linked = [linked_hub("north"), linked_hub("south"), linked_hub("west")];
        let near = ["north", "south"].map(|name| HubName::parse(name).unwrap());
        let place = |settings: &EnrollmentSettings, near: &[HubName]| {
            choose_near(settings, &linked, (Some("west"), false), near).unwrap()
        };
        let mut geo = settings();
        let spread = place(&geo, &[]);
        geo.allocation = Some(AllocationPolicy::GeoLatency);
        assert_eq!(place(&geo, &near), "north");
        assert_eq!(place(&geo, &[]), spread, "from nowhere as hashed");
        // Only candidates count, and the order of the entry does not.
        geo.iot_hubs = vec![linked[2].host.clone(), linked[1].host.clone()];
        assert_eq!(place(&geo, &near), "south");
        geo.iot_hubs = vec![linked[2].host.clone()];
        assert_eq!(place(&geo, &near), "west");
        let mut outside = linked.clone();
        outside[0].apply_allocation_policy = false;
        geo.iot_hubs.clear();
        let chosen = choose_near(&geo, &outside, (None, false), &near);
        assert_eq!(chosen.as_deref(), Ok("south"));
        assert_eq!(choose_near(&geo, &[], (None, false), &near), Err(400_208));
    }

    #[test]
    fn a_device_from_before_reprovisioning_stays_unless_its_entry_has_a_policy() {
        let linked = [linked_hub("one")];
        let mut entry = settings();
        let place = |settings: &EnrollmentSettings, current| {
            choose_near(settings, &linked, (current, true), &[]).unwrap()
        };
        assert_eq!(place(&entry, Some("old")), "kept");
        assert_eq!(place(&entry, None), "one");
        entry.reprovision = Some(ReprovisionPolicy::default());
        assert_eq!(place(&entry, Some("old")), "one");
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
