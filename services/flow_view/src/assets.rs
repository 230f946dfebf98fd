//! The pages: plain HTML, CSS and JavaScript modules, embedded in the program. There is no build step and nothing is loaded
//! from elsewhere.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::{
    Router,
    extract::Path,
    http::{
        HeaderMap, HeaderName, StatusCode, Uri,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use service::problem::Problem;

/// Nothing but our own files, nothing inline, and no page may frame ours: a name that holds markup stays text, and if it
/// did not, it could do nothing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// The files, each a name and its text.
macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../assets/", $name)))),*]
    };
}

const ASSETS: &[(&str, &str)] = assets![
    "flow.html",
    "parked.html",
    "index.html",
    "logo.svg",
    "base.css",
    "flow.css",
    "parked.css",
    "live.css",
    "parts.css",
    "api.js",
    "flow-details.js",
    "service-card.js",
    "copy-button.js",
    "dom.js",
    "shapes.js",
    "editor.js",
    "flow.js",
    "flow-list.js",
    "format.js",
    "parked.js",
    "live.js",
    "choreography-map.js",
    "session.js",
    "icons.js",
    "message-list.js",
    "message-view.js",
    "register.js",
    "choreography-layout.js",
    "message-details.js",
    "overdue.js",
    "theme.js",
    "timeline.js",
    "tree.js",
    "waterfall.js",
];

/// The pages and what they load.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async |headers: HeaderMap| asset("index.html", &headers)))
        .route("/flow", get(async |headers: HeaderMap| asset("flow.html", &headers)))
        .route("/parked", get(async |headers: HeaderMap| asset("parked.html", &headers)))
        .route("/hospital", get(moved))
        .route("/assets/{name}", get(async |Path(name): Path<String>, headers: HeaderMap| asset(&name, &headers)))
}

/// Where the page of parked messages was before.
async fn moved(uri: Uri) -> Redirect {
    Redirect::permanent(&uri.to_string().replacen("/hospital", "/parked", 1))
}

fn asset(name: &str, request: &HeaderMap) -> Response {
    let Some((_, text)) = ASSETS.iter().find(|(known, _)| *known == name) else {
        return Problem::not_found("there is no such file").into_response();
    };
    let tag = tag(text);
    if request.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    (secured(), [(CONTENT_TYPE, media_type(name).to_owned()), (ETAG, tag)], *text).into_response()
}

/// The browser asks each time whether its copy is still the one: a new version is there at once.
fn secured() -> [(HeaderName, &'static str); 5] {
    [
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ]
}

fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        _ => "image/svg+xml",
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use super::*;

    /// A new file that nobody listed would be missing in the program only.
    #[test]
    fn every_file_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let there = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let listed = ASSETS.iter().map(|(name, _)| (*name).to_owned());
        assert_eq!(there.collect::<BTreeSet<_>>(), listed.collect::<BTreeSet<_>>());
    }

    /// Trusted Types would refuse it too, but only when it is reached.
    #[test]
    fn no_script_makes_markup_of_data() {
        for (name, text) in ASSETS {
            for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"] {
                assert!(!text.contains(sink), "{name} has {sink}");
            }
        }
    }

    #[test]
    fn a_page_comes_with_its_policy_and_again_only_if_it_has_changed() {
        let first = asset("index.html", &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert!(first.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
        let tag = first.headers()[ETAG].clone();
        let again = asset("index.html", &HeaderMap::from_iter([(IF_NONE_MATCH, tag)]));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = asset("index.html", &HeaderMap::from_iter([(IF_NONE_MATCH, "\"other\"".parse().unwrap())]));
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn what_is_no_asset_is_not_found() {
        assert_eq!(asset("../Cargo.toml", &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn the_former_address_of_parked_messages_leads_there_with_its_query() {
        let request = Request::get("/hospital?service=email&message=1").body(Body::empty()).unwrap();
        let response = routes::<()>().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(response.headers()["location"], "/parked?service=email&message=1");
    }
}
