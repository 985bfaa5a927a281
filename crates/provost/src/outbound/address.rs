use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of the public internet.
///
/// Everything else is refused: loopback, private, link-local, unique-local, shared by a carrier
/// (100.64/10), multicast, unspecified, broadcast, for documentation, for benchmarks, reserved, and
/// any of these inside an IPv6 address (mapped, NAT64, 6to4). Source: the IANA special-purpose
/// address registries. So is 168.63.129.16, at which every virtual machine in Azure reaches its host.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224.., ..]
            | [100, 64..=127, ..]
            | [168, 63, 129, 16]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // NAT64, the way to IPv4 of networks without it, and 6to4.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments (Teredo, ORCHID, benchmarks) and documentation.
        [0x2001, ..=0x01ff | 0x0db8, ..] | [0x3fff, ..=0x0fff, ..] => false,
        // Of the rest only 2000::/3 is in use.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What must never be reached: address and prefix length.
    const PRIVATE: [(&str, u8); 25] = [
        ("0.0.0.0", 8),
        ("10.0.0.0", 8),
        ("100.64.0.0", 10),
        ("127.0.0.0", 8),
        ("168.63.129.16", 32),
        ("169.254.0.0", 16),
        ("172.16.0.0", 12),
        ("192.0.0.0", 24),
        ("192.0.2.0", 24),
        ("192.88.99.0", 24),
        ("192.168.0.0", 16),
        ("198.18.0.0", 15),
        ("198.51.100.0", 24),
        ("203.0.113.0", 24),
        ("224.0.0.0", 4),
        ("240.0.0.0", 4),
        ("::", 96),
        ("100::", 64),
        ("2001::", 23),
        ("2001:db8::", 32),
        ("3fff::", 20),
        ("fc00::", 7),
        ("fe80::", 10),
        ("fec0::", 10),
        ("ff00::", 8),
    ];

    fn in_network(bits: u128, network: &str, prefix: u8) -> IpAddr {
        let network: IpAddr = network.parse().unwrap();
        match network {
            IpAddr::V4(network) => {
                let mask = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
                #[expect(clippy::cast_possible_truncation, reason = "the low bits are as good as any")]
                let host = bits as u32 & mask;
                IpAddr::V4(Ipv4Addr::from_bits(network.to_bits() | host))
            }
            IpAddr::V6(network) => {
                let mask = u128::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(network.to_bits() | (bits & mask)))
            }
        }
    }

    /// The same IPv4 address in every IPv6 dress.
    fn dressed(address: Ipv4Addr) -> [Ipv6Addr; 3] {
        let bits = u128::from(address.to_bits());
        [
            address.to_ipv6_mapped(),
            Ipv6Addr::from_bits((0x0064_ff9b_u128 << 96) | bits),
            Ipv6Addr::from_bits((0x2002_u128 << 112) | (bits << 80) | 1),
        ]
    }

    #[test]
    fn the_usual_suspects() {
        for (text, public) in [
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("168.63.129.16", false),
            ("168.63.129.17", true),
            ("100.63.255.255", true),
            ("100.128.0.0", true),
            ("172.15.255.255", true),
            ("172.32.0.0", true),
            ("8.8.8.8", true),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::127.0.0.1", false),
            ("64:ff9b::169.254.169.254", false),
            ("64:ff9b:1::1", false),
            ("fd00:ec2::254", false),
            ("2606:4700::1", true),
            ("2002:7f00:1::", false),
        ] {
            assert_eq!(is_public(text.parse().unwrap()), public, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_private_passes(bits in any::<u128>(), pick in 0..PRIVATE.len()) {
            let (network, prefix) = PRIVATE[pick];
            let address = in_network(bits, network, prefix);
            prop_assert!(!is_public(address), "{address}");
            if let IpAddr::V4(address) = address {
                for address in dressed(address) {
                    prop_assert!(!is_public(IpAddr::V6(address)), "{address}");
                }
            }
        }

        #[test]
        fn what_is_outside_the_table_passes(bits in any::<u32>()) {
            let address = Ipv4Addr::from_bits(bits);
            let is_private = PRIVATE[..16].iter().any(|(network, prefix)| {
                in_network(bits.into(), network, *prefix) == IpAddr::V4(address)
            });
            prop_assert_eq!(is_public(IpAddr::V4(address)), !is_private);
        }
    }
}
