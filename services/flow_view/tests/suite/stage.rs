//! The three owners as far as they publish, and the view.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, body::Body};
use contracts::choreography;
use event::{Envelope, EventMeta, OutboxRecord, TraceContext};
use flow::logged::fixtures::KNOWN;
use flow_view::{
    FlowViewConfig, OperationsUrls,
    http::{
        AppState, api,
        feed::{Feed, Reader},
    },
    projector::Projector,
    service_directory::ServiceDirectory,
    status_poller::StatusPoller,
};
use jiff::SignedDuration;
use messaging::{
    bus::{Bus, Message, Publisher, Topology, memory::MemoryBus},
    health::Health,
    testing::{self, TestService},
    worker,
};
use serde_json::{Value, value::RawValue};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

pub struct Stage {
    pub bus: MemoryBus,
    owners: BTreeMap<&'static str, Box<dyn Publisher>>,
    pub view: Option<TestService>,
    pub projector: Projector,
    pub poller: StatusPoller,
    pub directory: ServiceDirectory,
    pub http: Router,
    pub closing: CancellationToken,
}

/// An event that is to be recorded.
pub struct Fact {
    pub event_type: &'static str,
    pub id: Uuid,
    pub cause: Option<Uuid>,
    pub flow: Uuid,
    pub customer: Uuid,
}

impl Fact {
    /// A registration.
    pub fn first() -> Self {
        let id = Uuid::now_v7();
        Self { event_type: "customer_created", id, cause: None, flow: id, customer: Uuid::now_v7() }
    }

    /// An answer to this one.
    pub fn effect(&self, event_type: &'static str) -> Self {
        let id = Uuid::now_v7();
        Self { event_type, id, cause: Some(self.id), flow: self.flow, customer: self.customer }
    }

    /// The trace that all events of its flow are in.
    pub fn trace_id(&self) -> String {
        self.customer.simple().to_string().replace('0', "a")
    }
}

impl Stage {
    /// With a view that is caught up, and whose services are at `ops_url`.
    pub async fn with(ops_url: &str) -> Self {
        let mut stage = Self::without_view(ops_url).await;
        stage.open_view().await;
        stage
    }

    pub async fn new() -> Self {
        Self::with("http://127.0.0.1:1").await
    }

    pub async fn without_view(ops_url: &str) -> Self {
        let bus = MemoryBus::new();
        let mut owners = BTreeMap::new();
        for service in choreography::services() {
            let publishes = choreography::event_types().into_iter().filter(|event| event.owner == service).collect();
            let mut owner = bus.publisher(&Topology { service, publishes, reacts_to: Vec::new() });
            owner.prepare().await.unwrap();
            owners.insert(service, owner);
        }
        let database = testing::database(flow_view::SERVICE.name, &flow_view::MIGRATIONS).await;
        let url = || ops_url.parse().unwrap();
        let config = FlowViewConfig {
            customer_url: url(),
            operations: OperationsUrls::all_at(&ops_url.parse().unwrap()),
            mail_url: Some("http://127.0.0.1:8025/".parse().unwrap()),
            jaeger_url: None,
            flow_days: 90,
        };
        let directory = ServiceDirectory::new(&config).unwrap();
        let (change, changed) = watch::channel(0);
        let (closing, feed) = (CancellationToken::new(), Feed::default());
        let reader = Reader::new(database.clone(), directory.clone(), changed, feed.clone());
        tokio::spawn(worker::run(reader, Health::default(), closing.clone()));
        let (http, _) = api(AppState {
            database: database.clone(),
            directory: directory.clone(),
            config: Arc::new(config),
            reactions: &KNOWN,
            feed,
            closing: closing.clone(),
            overview: Arc::default(),
        });
        let projector = Projector::new(database.clone(), &KNOWN, change);
        let poller = StatusPoller::new(database, directory.clone());
        Self { bus, owners, view: None, projector, poller, directory, http, closing }
    }

    /// The view subscribes, and catches up.
    pub async fn open_view(&mut self) {
        let database = self.projector.database().clone();
        let view = TestService::start(&database, &self.bus, &[], flow_view::handlers(), testing::settings()).await;
        view.until_live().await;
        self.view = Some(view);
    }

    /// Has `fact` published by its owner, and seen; flows are as they were.
    pub async fn publish(&mut self, fact: &Fact) {
        let owner = choreography::event_types().into_iter().find(|event| event.name == fact.event_type).unwrap().owner;
        let meta = EventMeta {
            id: fact.id,
            event_type: fact.event_type.into(),
            subject: fact.customer,
            correlation_id: fact.flow,
            causation_id: fact.cause,
        };
        let data = r#"{"email": "ada@example.com", "name": "Ada Lovelace"}"#.to_owned();
        let (time, data) = (self.projector.database().clock.now(), RawValue::from_string(data).unwrap());
        let trace =
            TraceContext { traceparent: Some(format!("00-{}-00000000000000aa-01", fact.trace_id())), tracestate: None };
        let envelope = Envelope::new(owner, OutboxRecord { meta, version: 1, time, sequence: 1, data }, trace);
        let confirmed = self.owners.get_mut(owner).unwrap().publish(vec![Message::new(&envelope).unwrap()]).await;
        assert!(confirmed.unwrap().contains(&fact.id));
    }

    /// Publishes `fact` and brings flows up to date.
    pub async fn see(&mut self, fact: &Fact) {
        self.publish(fact).await;
        self.project().await;
    }

    pub async fn project(&self) {
        while self.projector.project().await.unwrap() > 0 {}
    }

    /// Later, with flows up to date.
    pub async fn pass(&self, seconds: i64) {
        self.projector.database().clock.advance(SignedDuration::from_secs(seconds));
        self.project().await;
    }

    /// A registration with all that follows.
    pub async fn onboard(&mut self) -> Fact {
        let created = Fact::first();
        let (added, sent) = (created.effect("status_points_added"), created.effect("welcome_email_sent"));
        for fact in [&created, &added, &sent, &sent.effect("customer_onboarded")] {
            self.see(fact).await;
        }
        created
    }

    /// The status and the body of `GET path`.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let request = axum::http::Request::get(path).body(Body::empty()).unwrap();
        let response = self.http.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// The one flow of `fact`, as the list has it.
    pub async fn flow(&self, fact: &Fact) -> Value {
        let (_, page) = self.get("/flows").await;
        let flows = page["flows"].as_array().unwrap();
        flows.iter().find(|flow| flow["correlation_id"] == fact.flow.to_string()).cloned().unwrap_or_default()
    }
}
