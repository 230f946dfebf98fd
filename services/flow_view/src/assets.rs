//! The pages: plain HTML, CSS and JavaScript modules, embedded in the program. There is no build step and nothing is loaded
//! from elsewhere.

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
use rust_embed::{EmbeddedFile, RustEmbed};
use service::problem::Problem;

/// Nothing but our own files, nothing inline, and no page may frame ours: a name that holds markup stays text, and if it
/// did not, it could do nothing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Every file of the folder, in debug builds too: a program stands alone.
#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

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
    let Some(file) = Assets::get(name) else {
        return Problem::not_found("there is no such file").into_response();
    };
    let tag = tag(&file);
    if request.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    (secured(), [(CONTENT_TYPE, media_type(name).to_owned()), (ETAG, tag)], file.data).into_response()
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

/// The beginning of the content's digest, in quotes (RFC 9110, section 8.8.3).
fn tag(file: &EmbeddedFile) -> String {
    let digest = file.metadata.sha256_hash();
    format!("\"{:016x}\"", digest[..8].iter().fold(0_u64, |tag, byte| tag << 8 | u64::from(*byte)))
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
    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use super::*;

    /// Trusted Types would refuse it too, but only when it is reached.
    #[test]
    fn no_script_makes_markup_of_data() {
        for name in Assets::iter() {
            let file = Assets::get(&name).unwrap();
            let text = str::from_utf8(&file.data).unwrap();
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
