//! What refused attempts cost those who make them (certificate-management.md ).
//!
//! A device that is refused again and again is told to wait before it is judged again, and so is a
//! source with many refused devices. Who proves himself by certificate is not limited by what others do
//! (who proves himself by token shares a budget with whoever uses its name from the same address):
//! - the budget of a device is keyed by the certificate it shows, which TLS proved, so that a
//!   stranger who uses its name spends a budget of his own;
//! - the budget of a source is asked after a refusal only, and so a whole plant behind one address
//!   does not suffer from its broken device.

use std::net::IpAddr;
use std::time::Duration;

use provost_model::{IdScope, RegistrationId, Timestamp};
use provost_pki::Sha256Thumbprint;

use super::rates::RateLimits;
use crate::peer::Peer;
use crate::throttle::Throttle;

/// Keys remembered of each kind; a key takes some 300 bytes.
const MAX_KEYS: usize = 65_536;

/// On whose account an attempt goes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct AttemptKey {
    id_scope: IdScope,
    registration_id: RegistrationId,
    source: IpAddr,
    leaf: Option<Sha256Thumbprint>,
}

impl AttemptKey {
    pub(super) fn new(id_scope: &IdScope, registration_id: &RegistrationId, peer: &Peer) -> Self {
        let leaf = peer.certificates.first();
        Self {
            id_scope: id_scope.clone(),
            registration_id: registration_id.clone(),
            source: source(peer.address.ip()),
            leaf: leaf.map(|der| Sha256Thumbprint::of(der)),
        }
    }
}

/// Whom an address belongs to: with IPv6 a client has a network of 64 bits to choose from.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The budgets of everybody who was refused lately.
pub(super) struct Refusals {
    devices: Throttle<AttemptKey>,
    sources: Throttle<IpAddr>,
}

impl Refusals {
    pub(super) fn new(limits: &RateLimits) -> Self {
        Self {
            devices: Throttle::new(limits.refusals_per_registration, MAX_KEYS),
            sources: Throttle::new(limits.refusals_per_source, MAX_KEYS),
        }
    }

    /// Whether an attempt may be judged now, or after which wait.
    pub(super) fn admit(&self, key: &AttemptKey, now: Timestamp) -> Result<(), Duration> {
        self.devices.wait(key, now).map_or(Ok(()), Err)
    }

    /// Counts a refused attempt. When its source has had too many, the device waits at once.
    pub(super) fn charge(&self, key: &AttemptKey, now: Timestamp) -> Result<(), Duration> {
        let source = self.sources.check(&key.source, now);
        match source {
            Ok(()) => self.devices.charge(key, now),
            Err(_) => self.devices.exhaust(key, now),
        }
        source.map_err(|wait| self.devices.wait(key, now).unwrap_or(wait))
    }

    /// The device was admitted.
    pub(super) fn forgive(&self, key: &AttemptKey) {
        self.devices.clear(key);
    }
}

#[cfg(test)]
mod tests {
    use provost_pki::issue::{KeyAlgorithm, Profile};

    use super::*;
    use crate::fixture::Identity;
    use crate::throttle::Rate;

    const START: Timestamp = Timestamp::from_unix_seconds(1_000_000);
    const PERIOD: Duration = Duration::from_secs(4);

    fn refusals(per_registration: u32, per_source: u32) -> Refusals {
        let rate = |burst| {
            Some(Rate {
                period: PERIOD,
                burst,
            })
        };
        Refusals::new(&RateLimits {
            refusals_per_registration: rate(per_registration),
            refusals_per_source: rate(per_source),
            ..RateLimits::NONE
        })
    }

    fn peer(address: &str, identity: Option<&Identity>) -> Peer {
        Peer {
            address: (address.parse::<IpAddr>().unwrap(), 40_000).into(),
            certificates: identity.map(Identity::chain).unwrap_or_default().into(),
        }
    }

    fn key(id: &str, peer: &Peer) -> AttemptKey {
        let scope = IdScope::parse("0ne1").unwrap();
        AttemptKey::new(&scope, &RegistrationId::parse(id).unwrap(), peer)
    }

    #[test]
    fn a_refused_device_waits_one_period_after_its_burst() {
        let refusals = refusals(3, 100);
        let press = key("press-1", &peer("192.0.2.1", None));
        for _ in 0..3 {
            assert_eq!(refusals.admit(&press, START), Ok(()));
            assert_eq!(refusals.charge(&press, START), Ok(()));
        }
        assert_eq!(refusals.admit(&press, START), Err(PERIOD));
        assert_eq!(refusals.admit(&press, START.after(PERIOD)), Ok(()));
    }

    #[test]
    fn an_admitted_device_starts_anew() {
        let refusals = refusals(1, 100);
        let press = key("press-1", &peer("192.0.2.1", None));
        refusals.charge(&press, START).unwrap();
        refusals.forgive(&press);
        assert_eq!(refusals.admit(&press, START), Ok(()));
    }

    #[test]
    fn a_name_is_the_same_in_any_case_and_differs_by_leaf_address_and_scope() {
        let identity = |name| Identity::new(name, &Profile::Client, KeyAlgorithm::P256);
        let (one, other) = (identity("press-1"), identity("press-1"));
        let own = peer("192.0.2.1", Some(&one));
        let press = key("press-1", &own);
        assert_eq!(press, key("PRESS-1", &own));
        assert_ne!(press, key("press-2", &own));
        for stranger in [
            peer("192.0.2.1", Some(&other)),
            peer("192.0.2.1", None),
            peer("192.0.2.2", Some(&one)),
        ] {
            assert_ne!(press, key("press-1", &stranger), "{stranger:?}");
        }
        let elsewhere = AttemptKey {
            id_scope: IdScope::parse("0ne2").unwrap(),
            ..press.clone()
        };
        assert_ne!(press, elsewhere);
    }

    #[test]
    fn a_source_over_its_budget_makes_its_refused_devices_wait_at_once() {
        let refusals = refusals(5, 2);
        let source = peer("192.0.2.1", None);
        refusals.charge(&key("press-1", &source), START).unwrap();
        refusals.charge(&key("press-2", &source), START).unwrap();
        let third = key("press-3", &source);
        assert_eq!(refusals.charge(&third, START), Err(PERIOD));
        assert_eq!(refusals.admit(&third, START), Err(PERIOD));
        // Those who were not refused are judged, and so is everybody elsewhere.
        assert_eq!(refusals.admit(&key("press-4", &source), START), Ok(()));
        let elsewhere = key("press-3", &peer("192.0.2.2", None));
        assert_eq!(refusals.charge(&elsewhere, START), Ok(()));
    }

    #[test]
    fn an_ipv6_source_is_its_network_and_a_mapped_address_is_ipv4() {
        let address = |text: &str| source(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1:2"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }
}
