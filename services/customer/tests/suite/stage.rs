//! The service, and who plays the others.

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use contracts::{
    CustomerId,
    events::{
        self,
        email::{FailureReason, WelcomeEmailFailed, WelcomeEmailSent},
        loyalty::StatusPointsAdded,
    },
};
use customer::CustomerConfig;
use event::Event;
use jiff::Timestamp;
use messaging::{
    bus::memory::MemoryBus,
    database::Database,
    handler::Handlers,
    testing::{self, TestService, settle},
};
use serde_json::{Value, json};
use service::Peer;
use sqlx::migrate::Migrator;
use tower::ServiceExt;

/// `customer`, and somebody who plays the other two.
pub struct Stage {
    pub database: Database,
    pub http: Router,
    pub customer: TestService,
    pub email: TestService,
    pub loyalty: TestService,
}

impl Stage {
    pub async fn new() -> Self {
        let bus = MemoryBus::new();
        let none = Migrator::with_migrations(Vec::new());
        let (email, loyalty) = (testing::database("email", &none).await, testing::database("loyalty", &none).await);
        let email = TestService::start(&email, &bus, events::email::ALL, Handlers::new(), testing::settings()).await;
        let loyalty =
            TestService::start(&loyalty, &bus, events::loyalty::ALL, Handlers::new(), testing::settings()).await;
        let database = testing::database(customer::SERVICE.name, &customer::MIGRATIONS).await;
        let (handlers, publishes) = (customer::handlers(), events::customer::ALL);
        let service = TestService::start(&database, &bus, publishes, handlers, testing::settings()).await;
        let http = customer::service(&database, &config()).unwrap().http;
        service.until_live().await;
        Self { database, http, customer: service, email, loyalty }
    }

    pub async fn post(&self, key: Option<&str>, body: Value) -> (StatusCode, Value) {
        let mut request = Request::post("/customers").header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = self.http.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap())
    }

    /// The answer to who asks for a customer, bearing `token`.
    pub async fn get_as(&self, id: CustomerId, token: Option<&str>) -> (StatusCode, Value) {
        let mut request = Request::get(format!("/customers/{id}"));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = self.http.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        assert_eq!(response.headers().contains_key("www-authenticate"), status == StatusCode::UNAUTHORIZED);
        (status, serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap())
    }

    /// A registration by way of the connection and the proxies that are named; gives `Retry-After` as well.
    pub async fn post_from(&self, peer: &str, forwarded: &str, email: &str) -> (StatusCode, Option<u64>) {
        let mut request = Request::post("/customers")
            .header("content-type", "application/json")
            .header("x-forwarded-for", forwarded)
            .body(Body::from(json!({ "email": email, "name": "Ada" }).to_string()))
            .unwrap();
        request.extensions_mut().insert(Peer(SocketAddr::new(peer.parse().unwrap(), 4711)));
        let response = self.http.clone().oneshot(request).await.unwrap();
        let again = response.headers().get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
        (response.status(), again)
    }

    pub async fn register(&self, email: &str) -> CustomerId {
        let (status, body) = self.post(None, json!({ "email": email, "name": "Ada" })).await;
        assert_eq!(status, StatusCode::CREATED);
        CustomerId(body["id"].as_str().unwrap().parse().unwrap())
    }

    pub async fn get(&self, id: CustomerId) -> Value {
        self.get_as(id, None).await.1
    }

    /// One of the others publishes a fact, and everybody has handled it.
    pub async fn fact<E: Event>(&mut self, event: E) {
        let actor = if E::OWNER == "email" { &mut self.email } else { &mut self.loyalty };
        let mut tx = actor.database.begin().await.unwrap();
        tx.publish(&event).unwrap();
        tx.commit().await.unwrap();
        settle(&mut [actor, &mut self.customer]).await;
    }

    pub async fn sent(&mut self, customer_id: CustomerId) {
        self.fact(WelcomeEmailSent { customer_id, message_id: "1@example".into(), sent_at: now() }).await;
    }

    pub async fn failed(&mut self, customer_id: CustomerId) {
        self.fact(WelcomeEmailFailed { customer_id, reason: FailureReason::Refused, failed_at: now() }).await;
    }

    pub async fn points(&mut self, customer_id: CustomerId) {
        self.fact(StatusPointsAdded { customer_id, points: 100, balance: 100, booked_at: now() }).await;
    }

    pub async fn published<E: Event>(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM outbox WHERE event_type = $1")
            .bind(E::TYPE)
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }
}

pub fn config() -> CustomerConfig {
    CustomerConfig {
        access_token_keys: None,
        registrations_per_client: 2,
        registrations_per_recipient: 3,
        unlimited_clients: vec!["127.0.0.0/8".parse().unwrap()],
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
    }
}

pub fn now() -> Timestamp {
    "2026-11-20T19:45:00Z".parse().unwrap()
}
