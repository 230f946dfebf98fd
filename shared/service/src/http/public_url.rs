//! Where others reach a public API, if that is another address than where it listens: behind a proxy.

use std::str::FromStr;

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, Uri, header::LOCATION, uri::PathAndQuery},
    response::{IntoResponse, Response},
};
use thiserror::Error;
use tower::ServiceExt;
use url::Url;

/// `https://example.com/fleet`: the host is one that the server answers to, the path stands before all of its paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Url);

/// Why a text is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is a URL like https://example.com/path, without user, query and fragment")]
pub struct BadPublicUrl;

impl FromStr for PublicUrl {
    type Err = BadPublicUrl;

    fn from_str(text: &str) -> Result<Self, BadPublicUrl> {
        let url: Url = text.trim().parse().map_err(|_| BadPublicUrl)?;
        let plain = url.username().is_empty() && url.password().is_none();
        let whole = url.has_host() && url.query().is_none() && url.fragment().is_none();
        if ["http", "https"].contains(&url.scheme()) && plain && whole { Ok(Self(url)) } else { Err(BadPublicUrl) }
    }
}

impl PublicUrl {
    /// The name or the address.
    pub fn host(&self) -> Option<&str> {
        self.0.host_str()
    }

    /// What stands before all paths: empty, or `/path`.
    pub fn path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// All of it, without a slash at the end.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

/// `app`, whose paths may also stand below `path`: some proxies take it away, others pass it on.
pub fn below(path: &str, app: Router) -> Router {
    if path.is_empty() {
        return app;
    }
    let path: std::sync::Arc<str> = path.into();
    Router::new().fallback(move |mut request: Request| {
        let (path, app) = (path.clone(), app.clone());
        async move {
            match request.uri().path().strip_prefix(&*path) {
                // Relative links begin after the last slash.
                Some("") => return moved(&format!("{path}/")),
                Some(rest) if rest.starts_with('/') => *request.uri_mut() = without(&path, request.uri()),
                _ => {}
            }
            app.oneshot(request).await.into_response()
        }
    })
}

fn moved(to: &str) -> Response {
    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, to)]).into_response()
}

fn without(path: &str, uri: &Uri) -> Uri {
    let rest = uri.path_and_query().map_or("/", PathAndQuery::as_str).strip_prefix(path).unwrap_or("/");
    // A part of what was a URI's path is one.
    rest.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        routing::get,
    };

    use super::*;

    async fn ask(path: &str) -> (u16, String) {
        let app = Router::new().route("/flows", get(async |uri: Uri| uri.to_string())).route("/", get(async || "root"));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = below("/fleet", app).oneshot(request).await.unwrap();
        let location = response.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        (status, location.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned()))
    }

    #[tokio::test]
    async fn paths_are_found_with_and_without_what_a_proxy_may_take_away() {
        for path in ["/flows?a=b", "/fleet/flows?a=b"] {
            assert_eq!(ask(path).await, (200, "/flows?a=b".into()), "{path}");
        }
        assert_eq!(ask("/fleet/").await, (200, "root".into()));
        assert_eq!(ask("/fleet").await, (308, "/fleet/".into()));
        for path in ["/fleetflows", "/fleet//flows", "/flow/fleet/flows"] {
            assert_eq!(ask(path).await.0, 404, "{path}");
        }
    }

    #[test]
    fn a_public_url_is_whole_and_plain() {
        let url: PublicUrl = "https://Example.com/fleet/".parse().unwrap();
        assert_eq!(
            (url.host(), url.path(), url.as_str()),
            (Some("example.com"), "/fleet", "https://example.com/fleet")
        );
        assert_eq!("http://127.0.0.1:8081".parse::<PublicUrl>().unwrap().path(), "");
        for wrong in [
            "",
            "example.com",
            "ftp://example.com",
            "https://a:b@example.com",
            "https://example.com/?a",
            "https://x/#y",
        ] {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
    }
}
