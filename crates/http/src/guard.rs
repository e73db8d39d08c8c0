//! Which addresses lie on the public internet. Everything else is refused to targets other people name.
//!
//! Addresses that carry an IPv4 address inside them (mapped, compatible, NAT64, 6to4, Teredo) are judged by that
//! address, because that is where the packets may end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 blocks that are not public: first address and prefix length.
const CLOSED_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),        // "this network"
    ([10, 0, 0, 0], 8),       // private
    ([100, 64, 0, 0], 10),    // carrier-grade NAT
    ([127, 0, 0, 0], 8),      // loopback
    ([168, 63, 129, 16], 32), // a cloud's host agent, reachable only from inside its machines
    ([169, 254, 0, 0], 16),   // link-local, and the usual cloud metadata service
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // protocol assignments
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 88, 99, 0], 24),   // former 6to4 relays
    ([192, 168, 0, 0], 16),   // private
    ([198, 18, 0, 0], 15),    // benchmarks
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 4),      // multicast
    ([240, 0, 0, 0], 4),      // reserved, and broadcast at its end
];

/// IPv6 blocks inside 2000::/3 that are not public. Outside of 2000::/3 nothing is.
const CLOSED_V6: &[([u16; 8], u32)] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),     // protocol assignments
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),     // documentation
];

/// The only IPv6 block handed out for the public internet.
const GLOBAL_V6: ([u16; 8], u32) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Whether `ip` is an ordinary address of the public internet: not this machine, not a private or local network, not a
/// cloud's metadata service, and not an address set aside for another purpose.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let outside =
        |(first, prefix): &([u8; 4], u32)| (ip.to_bits() ^ Ipv4Addr::from(*first).to_bits()) >> (32 - prefix) != 0;
    CLOSED_V4.iter().all(outside)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let within =
        |(first, prefix): &([u16; 8], u32)| (ip.to_bits() ^ Ipv6Addr::from(*first).to_bits()) >> (128 - prefix) == 0;
    match carried_v4(ip) {
        Some(carried) => carried.into_iter().all(is_public_v4),
        None => within(&GLOBAL_V6) && !CLOSED_V6.iter().any(within),
    }
}

/// The IPv4 addresses an IPv6 address carries inside, for the forms that lead to them.
fn carried_v4(ip: Ipv6Addr) -> Option<Vec<Ipv4Addr>> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        // Compatible (with :: and ::1 among them), mapped, and the well-known prefix of NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(vec![join(high, low)]),
        [0x2002, high, low, ..] => Some(vec![join(high, low)]),
        // Teredo: the relay's address in clear, the client's with its bits turned over.
        [0x2001, 0, relay_high, relay_low, _, _, high, low] => {
            Some(vec![join(relay_high, relay_low), join(!high, !low)])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PUBLIC: &[&str] = &[
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::",
        "2001:200::",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "2a00::1",
        "3fff:1000::",
        "::ffff:8.8.8.8",
        "::8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "2001:0:808:808:0:0:fefe:fefe",
    ];

    const CLOSED: &[&str] = &[
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.192",
        "192.0.0.255",
        "192.0.2.0",
        "192.0.2.255",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.0",
        "198.51.100.255",
        "203.0.113.0",
        "203.0.113.255",
        "224.0.0.0",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::127.0.0.1",
        "::ffff:0.0.0.0",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001::1",
        "2001:0:7f00:1:0:0:fefe:fefe",
        "2001:0:808:808:0:0:80ff:fffe",
        "2001:2::1",
        "2001:10::1",
        "2001:1ff:ffff::",
        "2001:db8::",
        "2001:db8:ffff:ffff::1",
        "2002:7f00:1::1",
        "2002:a00:1::1",
        "2002:c0a8:101::",
        "3fff::1",
        "3fff:fff:ffff::1",
        "4000::",
        "5f00::1",
        "fc00::",
        "fd00:ec2::254",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff00::",
        "ff02::1",
        "ff0e::1",
    ];

    #[test]
    fn public_addresses_pass() {
        for text in PUBLIC {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn all_other_addresses_are_refused() {
        for text in CLOSED {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_carried_address_is_judged_like_the_plain_one(bits: u32, site: u16, host: u64) {
            let plain = Ipv4Addr::from_bits(bits);
            let (high, low) = ((bits >> 16) as u16, bits as u16);
            let six_to_four = Ipv6Addr::from_bits(
                u128::from_be_bytes(Ipv6Addr::new(0x2002, high, low, site, 0, 0, 0, 0).octets()) | u128::from(host),
            );
            let carriers = [
                plain.to_ipv6_mapped(),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                six_to_four,
            ];
            for carrier in carriers {
                prop_assert_eq!(is_public(carrier.into()), is_public(plain.into()), "{}", carrier);
            }
        }

        #[test]
        fn whatever_the_standard_library_calls_local_is_refused(bits: u32) {
            let ip = Ipv4Addr::from_bits(bits);
            let local = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast()
                || ip.is_broadcast() || ip.is_documentation() || ip.is_unspecified();
            prop_assert!(!(local && is_public(ip.into())));
        }

        #[test]
        fn only_one_eighth_of_ipv6_can_be_public(bits: u128) {
            let ip = Ipv6Addr::from_bits(bits);
            if is_public(ip.into()) && carried_v4(ip).is_none() {
                prop_assert_eq!(bits >> 125, 1);
            }
        }
    }
}
