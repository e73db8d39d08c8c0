//! The address a request comes from. Behind a proxy it is what the proxy says, but only proxies that the operator named
//! are believed.

use crate::head::Head;
use http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Stands for an address that is not known: one that nobody has.
pub const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// These, and none else.
    pub fn new(trusted: Vec<IpNet>) -> Self {
        Self(trusted)
    }

    /// The address a request comes from.
    pub fn client(&self, head: &Head) -> IpAddr {
        self.behind(head.peer.to_canonical(), &head.headers)
    }

    /// From the nearest hop backwards, the first that is no proxy of ours. A proxy writes one of the two headers and may
    /// let the other through as the client wrote it: when both are there and disagree, neither is believed. Nor is it
    /// taken for the proxy's own: who may call from its network alone would get in by one more header.
    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let listed = self.walk(peer, &hops(headers, &X_FORWARDED_FOR, Some));
        let forwarded = self.walk(peer, &hops(headers, &FORWARDED, for_parameter));
        match (listed, forwarded) {
            (Some(one), Some(other)) if one != other => UNKNOWN,
            (Some(one), _) | (None, Some(one)) => one,
            (None, None) => peer,
        }
    }

    fn walk(&self, peer: IpAddr, hops: &[&str]) -> Option<IpAddr> {
        let mut nearest = peer;
        for hop in hops.iter().rev() {
            // What is no address ends the way: nobody knows what is behind it.
            let Some(address) = address(hop) else { break };
            nearest = address;
            if !self.trusts(address) {
                break;
            }
        }
        (!hops.is_empty()).then_some(nearest)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}

/// The hops of all headers of this name, farthest first.
fn hops<'h>(headers: &'h HeaderMap, name: &HeaderName, read: fn(&'h str) -> Option<&'h str>) -> Vec<&'h str> {
    let values = headers.get_all(name).into_iter();
    values.flat_map(|value| value.to_str().unwrap_or("unknown").split(',')).map(|hop| read(hop).unwrap_or("")).collect()
}

/// The `for` of one hop of a `Forwarded` header.
fn for_parameter(hop: &str) -> Option<&str> {
    let pairs = hop.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value)
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`, in quotation marks or not.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    parsed.map(|address| address.to_canonical())
}

/// Reads a range of addresses, or a single one. One of IPv4 that is written as IPv6 is one of IPv4, as are the addresses
/// that it is held against.
pub fn range(text: &str) -> Option<IpNet> {
    let single = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    let net = text.parse::<IpNet>().ok().or_else(single)?;
    match (net.addr().to_canonical(), net.prefix_len()) {
        (address @ IpAddr::V4(_), prefix @ 96..) if net.addr().is_ipv6() => IpNet::new(address, prefix - 96).ok(),
        _ => Some(net),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let proxies = Proxies::new(["10.0.0.0/8", "fd00::/8"].map(|net| range(net).unwrap()).to_vec());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        proxies.behind(peer.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn only_proxies_of_ours_are_believed() {
        let spoofed = [("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=1.1.1.1")];
        assert_eq!(client("203.0.113.9", &spoofed), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "198.51.100.7")]), "198.51.100.7");
        assert_eq!(client("fd00::1", &[("forwarded", "for=\"[2001:db8::7]:4711\";proto=https")]), "2001:db8::7");
    }

    #[test]
    fn what_the_client_wrote_before_the_proxy_is_not() {
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, 198.51.100.7, 10.9.9.9")]), "198.51.100.7");
        let lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.7")];
        assert_eq!(client("10.0.0.1", &lines), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, unknown, 10.9.9.9")]), "10.9.9.9");
        assert_eq!(client("10.0.0.1", &[("forwarded", "for=1.1.1.1, for=_hidden")]), "10.0.0.1");
        // One header from the proxy, the other from the client.
        let both = [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=1.1.1.1")];
        assert_eq!(client("10.0.0.1", &both), "0.0.0.0");
        for other in ["x", "", "for=_hidden", "for=10.0.0.1"] {
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "198.51.100.7"), ("forwarded", other)]), "0.0.0.0");
        }
        let agree = [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=\"198.51.100.7:99\"")];
        assert_eq!(client("10.0.0.1", &agree), "198.51.100.7");
    }

    #[test]
    fn ranges() {
        for (net, inside) in [
            ("10.0.0.0/8", true),
            ("10.1.2.3", true),
            ("::ffff:10.1.0.0/112", true),
            ("::ffff:10.1.2.3", true),
            ("::ffff:10.2.0.0/112", false),
            ("::/0", false),
            ("10.1.2.4/32", false),
        ] {
            assert_eq!(range(net).unwrap().contains(&address("::ffff:10.1.2.3").unwrap()), inside, "{net}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0", "example.org", "10.0.0.0/8 "] {
            assert!(range(wrong).is_none(), "{wrong}");
        }
    }
}
