//! The gate, on a real Postgres and the bus in memory.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::net::SocketAddr;

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use contracts::{
    CustomerId,
    events::{
        self,
        customer::{CustomerDeactivated, CustomerOnboarded},
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
use service::{Peer, bearer::AdminToken};
use sqlx::migrate::Migrator;
use tower::ServiceExt;
use uuid::Uuid;

/// `customer`, and somebody who plays the other two.
struct Stage {
    database: Database,
    http: Router,
    customer: TestService,
    email: TestService,
    loyalty: TestService,
}

impl Stage {
    async fn new() -> Self {
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

    async fn post(&self, key: Option<&str>, body: Value) -> (StatusCode, Value) {
        let mut request = Request::post("/customers").header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = self.http.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap())
    }

    /// The answer to who asks for a customer, bearing `token`.
    async fn get_as(&self, id: CustomerId, token: Option<&str>) -> (StatusCode, Value) {
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
    async fn post_from(&self, peer: &str, forwarded: &str, email: &str) -> (StatusCode, Option<u64>) {
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

    async fn register(&self, email: &str) -> CustomerId {
        let (status, body) = self.post(None, json!({ "email": email, "name": "Ada" })).await;
        assert_eq!(status, StatusCode::CREATED);
        CustomerId(body["id"].as_str().unwrap().parse().unwrap())
    }

    async fn get(&self, id: CustomerId) -> Value {
        let request = Request::get(format!("/customers/{id}")).body(Body::empty()).unwrap();
        let response = self.http.clone().oneshot(request).await.unwrap();
        serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap()
    }

    /// One of the others publishes a fact, and everybody has handled it.
    async fn fact<E: Event>(&mut self, event: E) {
        let actor = if E::OWNER == "email" { &mut self.email } else { &mut self.loyalty };
        let mut tx = actor.database.begin().await.unwrap();
        tx.publish(&event).unwrap();
        tx.commit().await.unwrap();
        settle(&mut [actor, &mut self.customer]).await;
    }

    async fn sent(&mut self, customer_id: CustomerId) {
        self.fact(WelcomeEmailSent { customer_id, message_id: "1@example".into(), sent_at: now() }).await;
    }

    async fn failed(&mut self, customer_id: CustomerId) {
        self.fact(WelcomeEmailFailed { customer_id, reason: FailureReason::Refused, failed_at: now() }).await;
    }

    async fn points(&mut self, customer_id: CustomerId) {
        self.fact(StatusPointsAdded { customer_id, points: 100, balance: 100, booked_at: now() }).await;
    }

    async fn published<E: Event>(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM outbox WHERE event_type = $1")
            .bind(E::TYPE)
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }
}

fn config() -> CustomerConfig {
    CustomerConfig {
        access_token_keys: None,
        registrations_per_client: 2,
        registrations_per_recipient: 3,
        unlimited_clients: vec!["127.0.0.0/8".parse().unwrap()],
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
    }
}

fn now() -> Timestamp {
    "2026-11-20T19:45:00Z".parse().unwrap()
}

#[tokio::test]
async fn a_customer_is_onboarded_when_the_mail_is_sent_and_points_are_booked_in_any_order() {
    let mut stage = Stage::new().await;
    let (ada, bob) = (stage.register("ada@example.com").await, stage.register("bob@example.com").await);
    stage.sent(ada).await;
    stage.points(bob).await;
    assert_eq!(stage.get(ada).await["status"], "registered");
    assert_eq!(stage.get(bob).await["onboarding"]["status_points"], 100);
    assert_eq!(stage.published::<CustomerOnboarded>().await, 0);
    stage.points(ada).await;
    stage.sent(bob).await;
    for customer in [ada, bob] {
        let shown = stage.get(customer).await;
        assert_eq!(shown["status"], "onboarded");
        assert!(shown["onboarding"]["onboarded_at"].is_string());
    }
    // Facts that come again, under new ids, onboard nobody a second time.
    stage.points(ada).await;
    stage.sent(ada).await;
    assert_eq!(stage.published::<CustomerOnboarded>().await, 2);
}

#[tokio::test]
async fn deactivated_is_final_and_frees_the_address() {
    let mut stage = Stage::new().await;
    let ada = stage.register("ada@example.com").await;
    stage.failed(ada).await;
    stage.points(ada).await;
    stage.sent(ada).await;
    assert_eq!(stage.get(ada).await["status"], "deactivated");
    assert_eq!(stage.published::<CustomerDeactivated>().await, 1);
    assert_eq!(stage.published::<CustomerOnboarded>().await, 0);
    assert_ne!(stage.register("ADA@example.com").await, ada);
}

#[tokio::test]
async fn facts_about_somebody_unknown_do_nothing() {
    let mut stage = Stage::new().await;
    let nobody = CustomerId(Uuid::now_v7());
    stage.sent(nobody).await;
    stage.points(nobody).await;
    stage.failed(nobody).await;
    let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM parked").fetch_one(&stage.database.pool).await.unwrap();
    let recorded: i64 =
        sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&stage.database.pool).await.unwrap();
    assert_eq!((parked, recorded), (0, 0));
}

#[tokio::test]
async fn an_address_is_taken_whatever_its_case() {
    let stage = Stage::new().await;
    stage.register("ada@example.com").await;
    let (status, problem) = stage.post(None, json!({ "email": "Ada@Example.COM", "name": "Ada" })).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["errors"][0]["field"], "email");
}

#[tokio::test]
async fn name_and_address_are_for_who_registered_them_and_for_operators() {
    let mut stage = Stage::new().await;
    let (_, ada) = stage.post(None, json!({ "email": "ada@example.com", "name": "Ada" })).await;
    let (_, bob) = stage.post(None, json!({ "email": "bob@example.com", "name": "Bob" })).await;
    let id = CustomerId(ada["id"].as_str().unwrap().parse().unwrap());
    let (status, open) = stage.get_as(id, None).await;
    assert_eq!((status, &open["status"]), (StatusCode::OK, &json!("registered")));
    assert!(!open.to_string().contains("Ada") && !open.to_string().contains("ada@"), "{open}");
    assert!(open.get("name").is_none() && open.get("email").is_none(), "absent, not null: {open}");

    let (status, whole) = stage.get_as(id, ada["access_token"].as_str()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&whole["name"], &whole["email"]), (&json!("Ada"), &json!("ada@example.com")));
    let nobody = CustomerId(Uuid::now_v7());
    for (id, token) in [(id, bob["access_token"].as_str()), (id, Some("x")), (nobody, ada["access_token"].as_str())] {
        let (status, refused) = stage.get_as(id, token).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(!refused.to_string().contains("Ada"), "{refused}");
    }

    assert_eq!(stage.get_as(id, Some("operators")).await.0, StatusCode::UNAUTHORIZED);
    stage.http = stage.http.layer(Extension(AdminToken::new(Some(&"operators".into()))));
    assert_eq!(stage.get_as(id, Some("operators")).await.1["name"], "Ada");
    assert_eq!(stage.get_as(id, Some("operator")).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_outlasts_the_process_and_a_change_of_keys() {
    let mut stage = Stage::new().await;
    let [old, new] = ["old:0123456789abcdef0123456789abcdef", "new:fedcba9876543210fedcba9876543210"];
    let with = |keys: &str| {
        let config = CustomerConfig { access_token_keys: Some(keys.into()), ..config() };
        customer::service(&stage.database, &config).unwrap().http
    };
    let [first, rotated, without] = [old, &format!("{new},{old}"), new].map(with);
    stage.http = first;
    let (_, ada) = stage.post(None, json!({ "email": "ada@example.com", "name": "Ada" })).await;
    let (id, token) = (ada["id"].as_str().unwrap().parse().unwrap(), ada["access_token"].as_str());
    stage.http = rotated;
    assert_eq!(stage.get_as(CustomerId(id), token).await.1["name"], "Ada");
    stage.http = without;
    assert_eq!(stage.get_as(CustomerId(id), token).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_answers_the_first_201_again_until_a_day_has_passed() {
    let mut stage = Stage::new().await;
    let body = json!({ "email": "ada@example.com", "name": "Ada" });
    let first = stage.post(Some("key-1"), body.clone()).await;
    let ada = CustomerId(first.1["id"].as_str().unwrap().parse().unwrap());
    stage.points(ada).await;
    stage.sent(ada).await;
    // The same registration, whatever the order of its fields.
    assert_eq!(stage.post(Some("key-1"), json!({ "name": " Ada ", "email": "ada@example.com" })).await, first);
    let (status, _) = stage.post(Some("key-1"), json!({ "email": "bob@example.com", "name": "Bob" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    // A 409 is not stored: the key is free for another try.
    assert_eq!(stage.post(Some("key-2"), body.clone()).await.0, StatusCode::CONFLICT);
    assert_eq!(stage.post(Some("key-2"), json!({ "email": "b@example.com", "name": "B" })).await.0, 201);

    stage.database.clock.advance(jiff::SignedDuration::from_hours(25));
    assert_eq!(stage.post(Some("key-1"), json!({ "email": "cy@example.com", "name": "Cy" })).await.0, 201);
}

#[tokio::test]
async fn concurrent_twins_under_one_key_make_one_customer() {
    let stage = Stage::new().await;
    let body = json!({ "email": "ada@example.com", "name": "Ada" });
    let twins = (0..6).map(|_| stage.post(Some("key"), body.clone()));
    let answers = futures_util::future::join_all(twins).await;
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
        assert_eq!(answer.0, StatusCode::CREATED);
    }
    let customers: i64 =
        sqlx::query_scalar("SELECT count(*) FROM customers").fetch_one(&stage.database.pool).await.unwrap();
    assert_eq!(customers, 1);
}

#[tokio::test]
async fn a_client_registers_only_so_many_in_a_minute_by_whatever_proxy() {
    let stage = Stage::new().await;
    let too_many = (StatusCode::TOO_MANY_REQUESTS, Some(30));
    for (number, (peer, forwarded, expected)) in [
        ("192.0.2.1", "203.0.113.1", (StatusCode::CREATED, None)),
        ("192.0.2.1", "203.0.113.2", (StatusCode::CREATED, None)),
        ("192.0.2.1", "203.0.113.3", too_many),
        ("10.0.0.1", "192.0.2.1", too_many),
        ("10.0.0.1", "203.0.113.9, 192.0.2.1", too_many),
        ("10.0.0.2", "192.0.2.1, 203.0.113.9", (StatusCode::CREATED, None)),
        ("2001:db8::1", "", (StatusCode::CREATED, None)),
        ("2001:db8::2", "", (StatusCode::CREATED, None)),
        ("2001:db8::3", "", too_many),
        ("127.0.0.1", "", (StatusCode::CREATED, None)),
        ("127.0.0.1", "", (StatusCode::CREATED, None)),
        ("127.0.0.1", "", (StatusCode::CREATED, None)),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = stage.post_from(peer, forwarded, &format!("ada.{number}@example.com")).await;
        assert_eq!(answer, expected, "{peer} {forwarded}");
    }
    stage.database.clock.advance(jiff::SignedDuration::from_secs(30));
    assert_eq!(stage.post_from("192.0.2.1", "", "eve@example.com").await, (StatusCode::CREATED, None));
}

/// Whoever fills in the form with a stranger's address in a hundred spellings sends three mails a day.
#[tokio::test]
async fn a_recipient_is_registered_only_so_often_in_a_day_whatever_the_spelling() {
    let stage = Stage::new().await;
    for spelling in ["ada+1@example.com", "Ada+2@example.com", "ada@EXAMPLE.com"] {
        stage.register(spelling).await;
        // That it is taken is said, and costs nothing.
        assert_eq!(stage.post(None, json!({ "email": spelling, "name": "Ada" })).await.0, StatusCode::CONFLICT);
    }
    let (status, problem) = stage.post(None, json!({ "email": "ada+4@example.com", "name": "Ada" })).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (StatusCode::TOO_MANY_REQUESTS, &json!("email")));
    stage.register("bob@example.com").await;
    stage.database.clock.advance(jiff::SignedDuration::from_hours(8));
    stage.register("ada+4@example.com").await;
}

#[tokio::test]
async fn a_name_with_a_link_in_it_and_an_address_that_cannot_be_written_to_are_named() {
    let stage = Stage::new().await;
    let (status, problem) =
        stage.post(None, json!({ "email": "ädä@example.com", "name": "win at evil.example" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let details: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["detail"].clone()).collect();
    assert!(details[0].as_str().unwrap().contains("ASCII characters before the @"), "{problem}");
    assert!(details[1].as_str().unwrap().contains("link"), "{problem}");
}

#[tokio::test]
async fn an_address_is_one_in_whatever_script_its_domain_is_written() {
    let stage = Stage::new().await;
    let (_, ada) = stage.post(None, json!({ "email": "ada@bücher.example", "name": "Ada" })).await;
    assert_eq!(ada["email"], "ada@xn--bcher-kva.example");
    let (status, _) = stage.post(None, json!({ "email": "ada@BÜCHER.example", "name": "Ada" })).await;
    assert_eq!(status, StatusCode::CONFLICT);
}
