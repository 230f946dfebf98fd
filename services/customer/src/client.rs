//! Who asks: the address at the other end of the connection, or the one that a trusted proxy saw.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use ipnet::IpNet;
use service::Peer;

use crate::config::CustomerConfig;

/// Whose word is believed, and who has no limit.
#[derive(Clone, Debug)]
pub struct Networks {
    trusted_proxies: Arc<[IpNet]>,
    unlimited: Arc<[IpNet]>,
}

impl Networks {
    /// As `config` says.
    pub fn new(config: &CustomerConfig) -> Self {
        let CustomerConfig { trusted_proxies, unlimited_clients, .. } = config;
        Self { trusted_proxies: trusted_proxies.clone().into(), unlimited: unlimited_clients.clone().into() }
    }

    /// Who asks through `peer`: from the end of `X-Forwarded-For`, where the nearest proxy wrote, the first that is none of
    /// ours. What stands before that anybody may have written.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
        for hop in lines.join(",").rsplit(',') {
            if !contains(&self.trusted_proxies, client) {
                break;
            }
            let Some(address) = address(hop.trim()) else { break };
            client = address.to_canonical();
        }
        client
    }
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// An address as proxies write it: some add a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.split_once(']')).map_or(text, |(address, _)| address);
    bare.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
}

/// The client that has a limit; `None` for one that has none, and where there is no connection: in tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for Client
where
    Networks: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let networks = Networks::from_ref(state);
        let peer = parts.extensions.get::<Peer>().map(|Peer(address)| address.ip());
        let client = peer.map(|peer| networks.client(peer, &parts.headers));
        Ok(Self(client.filter(|client| !contains(&networks.unlimited, *client))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let networks = |text: &str| text.split(',').map(|network| network.parse().expect("a network")).collect();
        let networks = Networks { trusted_proxies: networks("10.0.0.0/8,::1/128"), unlimited: networks("127.0.0.0/8") };
        let lines = forwarded.iter().map(|line| {
            (axum::http::HeaderName::from_static("x-forwarded-for"), line.parse().expect("a header's value"))
        });
        networks.client(peer.parse().expect("an address"), &lines.collect()).to_string()
    }

    #[test]
    fn only_what_a_trusted_proxy_says_is_believed() {
        for (peer, forwarded, expected) in [
            ("192.0.2.1", &["203.0.113.9"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            ("::ffff:10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1, what?"], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ] {
            assert_eq!(client(peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }
}
