//! Which names a server answers to.
//!
//! A page from elsewhere may have its own name point at our address while it is open (DNS rebinding): the browser then takes
//! us for that page's origin and lets it read what we answer. Its requests bear that name as `Host`, and are refused. A
//! number is no name that could be pointed elsewhere, and browsers look `localhost` up nowhere: both are always answered, so
//! that probes which know a container by its address only need no setting.

use std::{net::IpAddr, str::FromStr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, Version, header::HOST, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use thiserror::Error;

use crate::problem::Problem;

/// The names that are answered beside `localhost` and addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(Arc<[String]>);

/// What is no list of names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not the name of a host: letters, digits, dots, hyphens and underscores, without a port")]
pub struct BadHost(String);

impl FromStr for AllowedHosts {
    type Err = BadHost;

    /// Names, separated by commas. An empty part is none, as Compose may hand one through.
    fn from_str(text: &str) -> Result<Self, BadHost> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(parse).collect::<Result<_, _>>().map(Self)
    }
}

fn parse(name: &str) -> Result<String, BadHost> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if name.bytes().all(good) { Ok(canonical(name)) } else { Err(BadHost(name.to_owned())) }
}

/// Names are compared without regard to case; a dot at the end means the same name.
fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl AllowedHosts {
    /// These, and `name` if there is one.
    #[must_use]
    pub fn and(&self, name: Option<&str>) -> Self {
        Self(self.0.iter().cloned().chain(name.map(canonical)).collect())
    }

    fn allows(&self, host: &Authority) -> bool {
        let name = canonical(host.host());
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        address.is_ok() || name == "localhost" || name.ends_with(".localhost") || self.0.contains(&name)
    }

    /// Who is asked for must be we, wherever the request says it (RFC 9112, section 3.2).
    fn check(&self, request: &Request) -> Result<(), Problem> {
        let mut hosts = request
            .uri()
            .authority()
            .map(|host| Ok(host.clone()))
            .into_iter()
            .chain(request.headers().get_all(HOST).iter().map(HeaderValue::as_bytes).map(Authority::try_from))
            .peekable();
        // Only HTTP/1.0 knows requests without; browsers send none.
        if request.headers().get_all(HOST).iter().count() > 1
            || hosts.peek().is_none() && request.version() > Version::HTTP_10
        {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "a request has one Host"));
        }
        for host in hosts {
            let host = host.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "Host is not a host"))?;
            if !self.allows(&host) {
                let detail = "this server does not answer to that name: ALLOWED_HOSTS lists those that it does";
                return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
            }
        }
        Ok(())
    }
}

/// Answers what is asked under a name of ours; 421 to the rest (RFC 9110, section 15.5.20).
pub async fn check(State(allowed): State<AllowedHosts>, request: Request, next: Next) -> Response {
    match allowed.check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(uri: &str, hosts: &[&str], version: Version) -> Request {
        let request = hosts.iter().fold(Request::get(uri), |request, host| request.header(HOST, *host));
        request.version(version).body(Body::empty()).unwrap()
    }

    fn status(uri: &str, hosts: &[&str]) -> u16 {
        let allowed: AllowedHosts = "orders, Shop.example.com.,,".parse().unwrap();
        let checked = allowed.check(&request(uri, hosts, Version::HTTP_11));
        checked.err().map_or(200, |problem| problem.into_response().status().as_u16())
    }

    #[test]
    fn our_names_and_addresses_are_answered_whatever_the_port() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "a.localhost",
            "127.0.0.1:9080",
            "[::1]:8080",
            "[2001:db8::7]",
            "10.244.0.17:9080",
            "orders:8080",
            "shop.example.com",
            "SHOP.example.com.:443",
        ] {
            assert_eq!(status("/", &[host]), 200, "{host}");
        }
    }

    #[test]
    fn every_other_name_is_refused() {
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "orders.evil.example",
            "xorders",
            "localhost.evil.example",
            "example.com",
            "2130706433",
            "0x7f.1",
        ] {
            assert_eq!(status("/", &[host]), 421, "{host}");
        }
    }

    #[test]
    fn a_name_in_the_request_line_counts_as_well() {
        assert_eq!(status("http://localhost/", &["localhost"]), 200);
        assert_eq!(status("http://evil.example/", &["localhost"]), 421);
        assert_eq!(status("http://localhost/", &["evil.example"]), 421);
    }

    #[test]
    fn a_request_has_one_host_that_is_one() {
        for hosts in [&[][..], &[""], &["localhost", "localhost"], &["a b"]] {
            assert_eq!(status("/", hosts), 400, "{hosts:?}");
        }
        let oldest = request("/", &[], Version::HTTP_10);
        assert!(AllowedHosts::default().check(&oldest).is_ok(), "a probe by HTTP/1.0");
    }

    #[test]
    fn a_setting_that_is_no_list_of_names_is_refused() {
        for wrong in ["example.com:80", "https://example.com", "*", "a b"] {
            assert!(wrong.parse::<AllowedHosts>().is_err(), "{wrong}");
        }
    }
}
