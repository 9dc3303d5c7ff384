//! The network that a request comes from.

use axum::extract::Request;
use axum::http::HeaderMap;
use server::context::Peer;
use std::net::{IpAddr, Ipv6Addr};

/// A network whose requests share a budget: an address of IPv4, or the 64 bits of IPv6 that name a subscriber (RFC 6177
/// gives each at least that many).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// Proxies whose `X-Forwarded-For` is believed. Anybody else could write any address there.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpAddr>);

impl Proxies {
    /// These, and those on this machine.
    pub fn of(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self(addresses.into_iter().map(|address| address.to_canonical()).collect())
    }

    fn believes(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.0.contains(&address)
    }

    /// The network behind the proxies. `None` = a program on this machine or a proxy itself.
    pub(crate) fn network(&self, request: &Request) -> Option<Network> {
        let Peer(mut address) = *request.extensions().get::<Peer>()?;
        // Each proxy appends the address that it was called from.
        let mut hops = forwarded_for(request.headers());
        while self.believes(address) {
            address = hops.pop()?;
        }
        Some(Network::of(address))
    }
}

/// The addresses of all fields together; what comes before one that is none is not believed.
fn forwarded_for(headers: &HeaderMap) -> Vec<IpAddr> {
    let fields = headers.get_all("x-forwarded-for").iter();
    let hops = fields.flat_map(|field| field.to_str().unwrap_or_default().split(','));
    let mut addresses = Vec::new();
    for hop in hops {
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => addresses.push(address.to_canonical()),
            Err(_) => addresses.clear(),
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(peer: &str, forwarded: &[&str]) -> Option<String> {
        let mut request = Request::new(axum::body::Body::empty());
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        for field in forwarded {
            request.headers_mut().append("x-forwarded-for", field.parse().unwrap());
        }
        let proxies = Proxies::of(["10.0.0.9".parse().unwrap()]);
        proxies.network(&request).map(|network| network.0.to_string())
    }

    #[test]
    fn only_a_proxys_word_counts() {
        for (peer, forwarded, expected) in [
            ("203.0.113.7", &[][..], Some("203.0.113.7")),
            ("203.0.113.7", &["198.51.100.1"], Some("203.0.113.7")),
            ("127.0.0.1", &["198.51.100.1"], Some("198.51.100.1")),
            ("127.0.0.1", &[], None),
            ("::1", &["198.51.100.1, 203.0.113.7"], Some("203.0.113.7")),
            ("127.0.0.1", &["198.51.100.1", "203.0.113.7"], Some("203.0.113.7")),
            ("127.0.0.1", &["203.0.113.7, 10.0.0.9"], Some("203.0.113.7")),
            ("127.0.0.1", &["203.0.113.7, nonsense"], None),
            ("127.0.0.1", &["nonsense, 203.0.113.7"], Some("203.0.113.7")),
            ("10.0.0.8", &["198.51.100.1"], Some("10.0.0.8")),
        ] {
            assert_eq!(network(peer, forwarded).as_deref(), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn a_subscriber_of_ipv6_has_one_budget() {
        assert_eq!(network("2001:db8:1:2:3::4", &[]), network("2001:db8:1:2::9", &[]));
        assert_ne!(network("2001:db8:1:2::9", &[]), network("2001:db8:1:3::9", &[]));
        assert_eq!(network("::ffff:203.0.113.7", &[]).as_deref(), Some("203.0.113.7"));
    }
}
