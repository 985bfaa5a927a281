//! Where devices are, as far as an operator has told: which hubs are near which networks.

use std::fmt;
use std::net::IpAddr;

use crate::HubName;

/// An IP network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not an address and a length.
    #[error("`{0}` is not a network such as 10.1.0.0/16 or fd00:1::/32")]
    Form(String),
    /// More bits than the address has.
    #[error("`{0}` has a prefix longer than its address")]
    Prefix(String),
    /// It says one address and means many.
    #[error("`{0}` has bits set after its prefix")]
    Bits(String),
    /// Devices are known by the IPv4 address.
    #[error("`{0}` is IPv4 written as IPv6: write it as IPv4")]
    Mapped(String),
}

impl Network {
    /// Reads an address and a prefix length, `10.1.0.0/16` or `fd00:1::/32`.
    ///
    /// # Errors
    /// [`NetworkError`], which names the text.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let form = || NetworkError::Form(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(form)?;
        let address: IpAddr = address.parse().map_err(|_| form())?;
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(form());
        }
        let prefix: u32 = prefix.parse().map_err(|_| form())?;
        let (bits, unset) = match address {
            IpAddr::V4(address) => (32_u32, address.to_bits().trailing_zeros()),
            IpAddr::V6(address) => (128, address.to_bits().trailing_zeros()),
        };
        let after = bits
            .checked_sub(prefix)
            .ok_or_else(|| NetworkError::Prefix(text.to_owned()))?;
        if address.to_canonical() != address {
            return Err(NetworkError::Mapped(text.to_owned()));
        }
        if unset < after {
            return Err(NetworkError::Bits(text.to_owned()));
        }
        Ok(Self { address, prefix })
    }

    /// Whether an address is one of this network; an IPv4 address counts as such in IPv6 dress, too.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        same >= self.prefix
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The order of hubs, nearest first, for networks (dps-service-api.md 3.8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GeoOrder {
    /// The most specific first.
    networks: Vec<(Network, Vec<HubName>)>,
}

/// Two orders for one network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("network {0} is there twice")]
pub struct NetworkTwice(pub Network);

impl GeoOrder {
    /// The orders of these networks, which may lie in one another.
    ///
    /// # Errors
    /// [`NetworkTwice`].
    pub fn new(mut networks: Vec<(Network, Vec<HubName>)>) -> Result<Self, NetworkTwice> {
        networks.sort_by_key(|(network, _)| (std::cmp::Reverse(network.prefix), network.address));
        match networks
            .windows(2)
            .find(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
        {
            Some([(network, _), ..]) => Err(NetworkTwice(*network)),
            _ => Ok(Self { networks }),
        }
    }

    /// The hubs for an address, nearest first: those of the most specific network it is in; none
    /// when it is in no network.
    pub fn hubs(&self, address: IpAddr) -> &[HubName] {
        let network = self
            .networks
            .iter()
            .find(|(network, _)| network.contains(address));
        network.map_or(&[], |(_, hubs)| hubs)
    }

    /// Every hub that is named, as often as it is.
    pub fn names(&self) -> impl Iterator<Item = &HubName> {
        self.networks.iter().flat_map(|(_, hubs)| hubs)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn order(networks: &[&str]) -> GeoOrder {
        let hub = |n: usize| vec![HubName::parse(&format!("hub-{n}")).unwrap()];
        let networks = networks
            .iter()
            .enumerate()
            .map(|(n, text)| (Network::parse(text).unwrap(), hub(n)));
        GeoOrder::new(networks.collect()).unwrap()
    }

    fn first(order: &GeoOrder, address: &str) -> Option<String> {
        order
            .hubs(address.parse().unwrap())
            .first()
            .map(ToString::to_string)
    }

    #[test]
    fn what_is_no_network_is_refused_with_the_reason() {
        for (text, reason) in [
            ("10.1.0.0", "is not a network"),
            ("10.1.0.0/", "is not a network"),
            ("10.1.0.0/+8", "is not a network"),
            ("10.1/16", "is not a network"),
            ("plant/16", "is not a network"),
            ("10.1.0.0/33", "longer than its address"),
            ("fd00::/129", "longer than its address"),
            ("10.1.2.0/16", "bits set after its prefix"),
            ("fd00::1/64", "bits set after its prefix"),
            ("::ffff:10.0.0.0/104", "write it as IPv4"),
        ] {
            let error = Network::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(text), "{error}");
        }
    }

    #[test]
    fn networks_reach_from_their_first_to_their_last_address() {
        for (network, inside, outside) in [
            (
                "10.1.0.0/16",
                vec!["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3"],
                vec!["10.0.255.255", "10.2.0.0", "::1"],
            ),
            ("0.0.0.0/0", vec!["0.0.0.0", "255.255.255.255"], vec!["::"]),
            ("192.0.2.7/32", vec!["192.0.2.7"], vec!["192.0.2.6"]),
            (
                "fd00:1::/32",
                vec!["fd00:1::", "fd00:1:ffff::1"],
                vec!["fd00:2::", "10.0.0.1"],
            ),
            ("::/0", vec!["::1", "fd00::"], vec!["10.0.0.1", "::ffff:10.0.0.1"]),
        ] {
            let parsed = Network::parse(network).unwrap();
            assert_eq!(parsed.to_string(), network);
            for address in inside {
                assert!(
                    parsed.contains(address.parse().unwrap()),
                    "{address} in {network}"
                );
            }
            for address in outside {
                assert!(
                    !parsed.contains(address.parse().unwrap()),
                    "{address} not in {network}"
                );
            }
        }
    }

    #[test]
    fn the_order_of_the_configuration_does_not_matter() {
        for networks in [
            ["10.0.0.0/8", "10.1.0.0/16", "fd00::/8"],
            ["fd00::/8", "10.1.0.0/16", "10.0.0.0/8"],
        ] {
            let order = order(&networks);
            let at = |address| first(&order, address);
            let named = |network| {
                networks
                    .iter()
                    .position(|own| *own == network)
                    .map(|n| format!("hub-{n}"))
            };
            assert_eq!(at("10.1.2.3"), named("10.1.0.0/16"));
            assert_eq!(at("10.2.2.3"), named("10.0.0.0/8"));
            assert_eq!(at("fd00::1"), named("fd00::/8"));
            assert_eq!(at("192.0.2.1"), None);
        }
    }

    #[test]
    fn a_network_has_one_order() {
        let network = Network::parse("10.0.0.0/8").unwrap();
        let other = Network::parse("fd00::/8").unwrap();
        let twice = vec![(network, vec![]), (other, vec![]), (network, vec![])];
        assert_eq!(GeoOrder::new(twice), Err(NetworkTwice(network)));
    }

    /// The network of so many bits that an address is in.
    fn around(address: IpAddr, prefix: u32) -> String {
        match address {
            IpAddr::V4(address) => {
                let prefix = prefix.min(32);
                let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                format!("{}/{prefix}", Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
                format!("{}/{prefix}", Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        }
    }

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
            // Not those that are IPv4 in IPv6 dress.
            any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits | 1 << 127))),
        ]
    }

    proptest! {
        #[test]
        fn the_most_specific_network_wins(
            address in address(),
            around_it in proptest::collection::btree_set(0_u32..=128, 1..8),
            elsewhere in proptest::collection::vec((address(), 1_u32..=128), 0..8),
        ) {
            let mut networks: Vec<String> =
                around_it.iter().map(|prefix| around(address, *prefix)).collect();
            networks.extend(elsewhere.iter().map(|(other, prefix)| around(*other, *prefix)));
            networks.sort();
            networks.dedup();
            let texts: Vec<&str> = networks.iter().map(String::as_str).collect();
            let chosen = first(&order(&texts), &address.to_string()).unwrap();
            let chosen: usize = chosen.trim_start_matches("hub-").parse().unwrap();
            let prefix = |text: &str| text.rsplit_once('/').unwrap().1.parse::<u32>().unwrap();
            // Spelt out: the address cut to a network's length is that network.
            let holds = |text: &str| *text == around(address, prefix(text));
            let best = texts.iter().filter(|text| holds(text)).map(|text| prefix(text)).max();
            prop_assert!(holds(texts[chosen]), "{address} is in {}", texts[chosen]);
            prop_assert_eq!(Some(prefix(texts[chosen])), best);
        }
    }
}
