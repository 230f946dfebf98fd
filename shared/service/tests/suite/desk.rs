//! An operator at the operations port of a service.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header, request::Builder},
};
use messaging::{
    bus::{Topology, memory::MemoryBus},
    database::Database,
    handler::Handlers,
    testing::{
        self,
        stage::{Stage, reader_handlers},
    },
};
use secrecy::SecretString;
use serde_json::Value;
use service::{
    admin::{self, Admin},
    bearer::AdminToken,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

/// The token that administration asks for.
pub const TOKEN: &str = "the token of this test";

/// The routes, as a service serves them.
pub struct Desk {
    routes: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Text if it is no JSON.
    pub body: Value,
}

impl Desk {
    pub fn new(admin: &Admin) -> Self {
        Self::with_token(admin, Some(TOKEN))
    }

    /// The reader's operations port.
    pub fn of_reader(stage: &Stage) -> Self {
        Self::new(&admin(&stage.reader.database, &stage.bus, reader_handlers(&stage.handler)))
    }

    /// The owner's.
    pub fn of_owner(stage: &Stage) -> Self {
        Self::new(&admin(&stage.owner.database, &stage.bus, Handlers::new()))
    }

    /// Merged into other routes, as in a service: whatever is the fallback there is nothing that we could protect.
    pub fn with_token(admin: &Admin, token: Option<&str>) -> Self {
        Self {
            routes: Router::new().merge(admin::routes(admin, AdminToken::new(token.map(SecretString::from).as_ref()))),
        }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let json = request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
        self.send(json.body(body.to_string().into()).unwrap()).await
    }

    /// The ids of a page.
    pub async fn list(&self, query: &str) -> Vec<Uuid> {
        let page = self.get(&format!("/admin/parked?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        page.ids()
    }

    pub async fn show(&self, id: Uuid) -> Value {
        let shown = self.get(&format!("/admin/parked/{id}")).await;
        assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
        shown.body
    }

    pub async fn retry(&self, id: Uuid) -> Answer {
        let path = format!("/admin/parked/{id}/retry");
        self.send(request(Method::POST, &path).body(Body::empty()).unwrap()).await
    }

    pub async fn edit(&self, id: Uuid, event: impl Into<Body>) -> Answer {
        let path = format!("/admin/parked/{id}/event");
        self.send(request(Method::PUT, &path).body(event.into()).unwrap()).await
    }

    pub async fn discard(&self, id: Uuid, reason: &str) -> Answer {
        self.post(&format!("/admin/parked/{id}/discard"), &serde_json::json!({ "reason": reason })).await
    }
}

/// What administers the service of `database`.
pub fn admin(database: &Database, bus: &MemoryBus, handlers: Handlers) -> Admin {
    let reacts_to = handlers.event_types();
    Admin {
        database: database.clone(),
        handlers,
        bus: Arc::new(bus.clone()),
        topology: Topology { service: database.service, publishes: Vec::new(), reacts_to },
        settings: testing::settings(),
        inbox_days: 90,
        shutdown: CancellationToken::new(),
    }
}

/// A request of the operator `ada`, who has the token.
pub fn request(method: Method, path: &str) -> Builder {
    let bearer = format!("Bearer {TOKEN}");
    Request::builder().method(method).uri(path).header(header::AUTHORIZATION, bearer).header("x-operator", "ada")
}

impl Answer {
    /// The ids of a page.
    pub fn ids(&self) -> Vec<Uuid> {
        let items = self.body["items"].as_array().unwrap();
        items.iter().map(|item| item["event_id"].as_str().unwrap().parse().unwrap()).collect()
    }

    /// The last line of an answer that grows.
    pub fn last_line(&self) -> Value {
        let lines = self.body.as_str().map(|text| text.lines().last().unwrap());
        lines.map_or_else(|| self.body.clone(), |line| serde_json::from_str(line).unwrap())
    }

    /// The fields that a problem names.
    pub fn fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
    }

    /// Whether it is a problem with `status`, in the form of one.
    pub fn is_problem(&self, status: StatusCode) -> bool {
        let form = self.headers.get(header::CONTENT_TYPE).is_some_and(|form| form == "application/problem+json");
        self.status == status && form && self.body["status"] == status.as_u16()
    }
}
