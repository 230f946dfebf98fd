//! The pages: plain HTML, CSS and JavaScript modules, embedded in the program. There is no build step and nothing is loaded
//! from elsewhere.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::{
    Router,
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
use contracts::services::{Role, with_role};
use rust_embed::RustEmbed;
use service::{http::extract::Path, problem::Problem};

/// Nothing but our own files, nothing inline, and no page may frame ours: a name that holds markup stays text, and if it
/// did not, it could do nothing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Every file of the folder, in debug builds too: a program stands alone.
#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// A page: what is its own within the shell is in the folder of its name.
struct Page {
    path: &'static str,
    name: &'static str,
    title: &'static str,
}

const PAGES: [Page; 3] = [
    Page { path: "/", name: "live", title: "Live flows" },
    Page { path: "/flow", name: "flow", title: "A flow" },
    Page { path: "/parked", name: "parked", title: "Parked messages" },
];

impl Page {
    /// How the pages, which lie beside each other, link to it: below whatever path a proxy puts before them all.
    fn link(&self) -> &'static str {
        match self.path.trim_start_matches('/') {
            "" => "./",
            name => name,
        }
    }

    /// As it is sent. The texts are ours: nothing needs to be escaped.
    fn html(&self) -> String {
        let [shell, main] = ["shell.html".to_owned(), format!("{0}/{0}.html", self.name)].map(|name| text(&name));
        let link = format!("<a href=\"{}\"", self.link());
        let shell = shell.replace(&link, &format!("{link} aria-current=\"page\""));
        let services = with_role(Role::Participant).collect::<Vec<_>>().join(" ");
        let shell = shell.replace("{{services}}", &services);
        shell.replace("{{title}}", self.title).replace("{{page}}", self.name).replace("{{main}}", &main)
    }
}

/// An embedded text; empty if there is none.
fn text(name: &str) -> String {
    Assets::get(name).map(|file| String::from_utf8_lossy(&file.data).into_owned()).unwrap_or_default()
}

/// The pages and what they load.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let pages = PAGES.into_iter().fold(Router::new(), |routes, page| {
        let html = page.html();
        routes.route(page.path, get(async move |headers: HeaderMap| file("page.html", html.into_bytes(), &headers)))
    });
    pages
        .route("/hospital", get(moved))
        .route("/assets/{*name}", get(async |Path(name): Path<String>, headers: HeaderMap| asset(&name, &headers)))
}

/// Where the page of parked messages was before.
async fn moved(uri: Uri) -> Redirect {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::permanent(&format!("parked{query}"))
}

fn asset(name: &str, request: &HeaderMap) -> Response {
    match Assets::get(name) {
        Some(found) => file(name, found.data.into_owned(), request),
        None => Problem::not_found("there is no such file").into_response(),
    }
}

fn file(name: &str, content: Vec<u8>, request: &HeaderMap) -> Response {
    let tag = tag(&content);
    if request.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    (secured(), [(CONTENT_TYPE, media_type(name).to_owned()), (ETAG, tag)], content).into_response()
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

/// A hash of the content, in quotes (RFC 9110, section 8.8.3).
fn tag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
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
        let first = asset("lib/base.css", &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert!(first.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
        let tag = first.headers()[ETAG].clone();
        let again = asset("lib/base.css", &HeaderMap::from_iter([(IF_NONE_MATCH, tag)]));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = asset("lib/base.css", &HeaderMap::from_iter([(IF_NONE_MATCH, "\"other\"".parse().unwrap())]));
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn a_page_is_whole_and_says_which_it_is() {
        for page in &PAGES {
            let html = page.html();
            assert!(html.contains("<main id=\"main\"") && !html.contains("{{"), "{html}");
            assert!(html.contains(&format!("<title>{} · ", page.title)), "{html}");
            assert!(html.contains("data-services=\"customer "), "{html}");
            for attribute in ["href=\"/", "src=\"/", "action=\"/"] {
                assert!(!html.contains(attribute), "{}: {attribute}", page.path);
            }
            let marked = html.matches("aria-current").count();
            assert_eq!(marked, usize::from(page.path != "/flow"), "{html}");
            for part in html.split('"').filter_map(|text| text.strip_prefix("assets/")) {
                assert!(Assets::get(part).is_some(), "{}: {part}", page.path);
            }
        }
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
        assert_eq!(response.headers()["location"], "parked?service=email&message=1");
    }
}
