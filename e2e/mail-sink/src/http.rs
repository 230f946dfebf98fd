//! The part of Mailpit's HTTP API that tests and scripts use, with Mailpit's names.

#![expect(clippy::disallowed_types, reason = "what it can't read may be answered with plain text")]

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, Request, State},
    http::{StatusCode, header::HOST, uri::Authority},
    middleware::{Next, from_fn},
    response::{IntoResponse, Redirect, Response},
    routing::{get, put},
};
use jiff::Timestamp;
use mail_parser::{Message, MessageParser, PartType};
use serde::{Deserialize, Serialize};

use crate::{
    mailbox::{Mail, Mailbox},
    sink::Sink,
};

/// All routes.
pub fn api(sink: Arc<Sink>) -> Router {
    Router::new()
        .route("/api/v1/messages", get(list).delete(delete_all))
        .route("/api/v1/search", get(search))
        .route("/api/v1/message/{id}", get(message))
        .route("/api/v1/message/{id}/raw", get(raw))
        // Where Mailpit has its page.
        .route("/", get(async || Redirect::temporary("/api/v1/messages")))
        .route("/readyz", get(async || "ok"))
        .route("/away", put(away))
        .with_state(sink)
        .layer(from_fn(by_our_name))
}

/// Mails hold names and addresses: a page from elsewhere that has its own name point here (DNS rebinding) gets none. A name
/// is only `localhost`; an address can't be pointed elsewhere.
async fn by_our_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).map(|host| Authority::try_from(host.as_bytes()));
    let is_ours = |name: &str| name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    match host {
        Some(host) if !host.as_ref().is_ok_and(|host| is_ours(host.host())) => {
            (StatusCode::MISDIRECTED_REQUEST, "ask by address, or for localhost").into_response()
        }
        _ => next.run(request).await,
    }
}

/// A page of a list or of search results.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    start: usize,
    #[serde(default = "default_limit")]
    limit: usize,
}

fn default_limit() -> usize {
    50
}

#[derive(Deserialize)]
struct Search {
    query: String,
}

/// `total` counts the mailbox, `messages_count` what was asked for, on all pages.
#[derive(Serialize)]
struct Listing {
    total: usize,
    messages_count: usize,
    start: usize,
    messages: Vec<Arc<Mail>>,
}

impl Listing {
    fn new(mailbox: &Mailbox, page: &Page, matches: impl Fn(&Mail) -> bool) -> Json<Self> {
        let found = mailbox.select(matches);
        Json(Self {
            total: mailbox.len(),
            messages_count: found.len(),
            start: page.start,
            messages: found.into_iter().skip(page.start).take(page.limit).collect(),
        })
    }
}

/// One mail, with its text.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Detail<'a> {
    #[serde(flatten)]
    mail: &'a Mail,
    date: String,
    text: String,
    #[serde(rename = "HTML")]
    html: String,
}

async fn list(State(sink): State<Arc<Sink>>, Query(page): Query<Page>) -> Json<Listing> {
    Listing::new(&sink.mailbox, &page, |_| true)
}

async fn search(State(sink): State<Arc<Sink>>, Query(page): Query<Page>, Query(search): Query<Search>) -> Response {
    match recipient(&search.query) {
        Some(to) => Listing::new(&sink.mailbox, &page, |mail| mail.is_to(to)).into_response(),
        None => (StatusCode::BAD_REQUEST, "only query=to:ADDRESS is understood here").into_response(),
    }
}

async fn message(State(sink): State<Arc<Sink>>, Path(id): Path<String>) -> Response {
    match sink.mailbox.get(&id) {
        Some(mail) => Json(detail(&mail)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn raw(State(sink): State<Arc<Sink>>, Path(id): Path<String>) -> Result<Vec<u8>, StatusCode> {
    sink.mailbox.get(&id).map(|mail| mail.raw.clone()).ok_or(StatusCode::NOT_FOUND)
}

/// Takes SMTP away, or brings it back. Not Mailpit's.
async fn away(State(sink): State<Arc<Sink>>, Json(away): Json<bool>) {
    sink.away.send_replace(away);
}

/// Mailpit deletes single mails when the body names ids; rather refuse than delete too much.
async fn delete_all(State(sink): State<Arc<Sink>>, body: Bytes) -> (StatusCode, &'static str) {
    if !body.is_empty() {
        return (StatusCode::BAD_REQUEST, "only all mails can be deleted here: send no body");
    }
    sink.mailbox.clear();
    (StatusCode::OK, "ok")
}

/// The address in `to:ada@example.com` or `to:"ada@example.com"`.
fn recipient(query: &str) -> Option<&str> {
    let (keyword, address) = query.trim().split_once(':')?;
    let address = address.trim().trim_matches('"');
    (keyword.eq_ignore_ascii_case("to") && !address.is_empty()).then_some(address)
}

fn detail(mail: &Mail) -> Detail<'_> {
    let message = MessageParser::default().parse(&mail.raw).unwrap_or_default();
    Detail {
        mail,
        date: date(&message).unwrap_or(mail.created).to_string(),
        text: first(&message, |body| if let PartType::Text(text) = body { Some(text) } else { None }),
        html: first(&message, |body| if let PartType::Html(html) = body { Some(html) } else { None }),
    }
}

fn date(message: &Message) -> Option<Timestamp> {
    Timestamp::from_second(message.date()?.to_timestamp()).ok()
}

fn first<'a>(message: &'a Message, pick: impl Fn(&'a PartType) -> Option<&'a std::borrow::Cow<'a, str>>) -> String {
    message.parts.iter().find_map(|part| pick(&part.body)).map(ToString::to_string).unwrap_or_default()
}
