//! What services say of the messages that they should have answered.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::RawQuery, routing::get};
use serde_json::{Value, json};

use super::stage::{Fact, Stage};

/// An operations port that says of every message what it was told to, and remembers what it was asked.
#[derive(Clone, Default)]
struct Port {
    says: Arc<Mutex<Value>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Port {
    async fn open(&self) -> String {
        let port = self.clone();
        let inbox = get(async move |RawQuery(query): RawQuery| {
            port.asked.lock().unwrap().push(query.unwrap_or_default());
            Json(json!({ "messages": *port.says.lock().unwrap() }))
        });
        let routes = Router::new().route("/inbox", inbox);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }

    fn say(&self, fact: &Fact, state: &str) {
        let reason = (state != "handled").then_some("database_error");
        *self.says.lock().unwrap() = json!([{ "event_id": fact.id, "state": state, "reason": reason, "attempts": 3 }]);
    }
}

async fn stuck(port: &Port) -> (Stage, Fact) {
    let mut stage = Stage::with(&port.open().await).await;
    let created = Fact::first();
    let failed = created.effect("welcome_email_failed");
    stage.see(&created).await;
    stage.see(&failed).await;
    stage.see(&failed.effect("customer_deactivated")).await;
    stage.pass(11).await;
    (stage, created)
}

#[tokio::test]
async fn a_stuck_flow_says_how_the_service_holds_the_message() {
    let port = Port::default();
    let (stage, created) = stuck(&port).await;
    assert_eq!(stage.flow(&created).await["overdue"][0]["held"], Value::Null);
    for state in ["waiting", "dead"] {
        port.say(&created, state);
        stage.poller.round().await.unwrap();
        stage.project().await;
        let held = &stage.flow(&created).await["overdue"][0]["held"];
        assert_eq!((&held["state"], &held["reason"]), (&state.into(), &"database_error".into()));
        assert_eq!(held["attempts"], 3);
        stage.pass(6).await;
    }
    let asked = port.asked.lock().unwrap().clone();
    assert_eq!(asked, vec![format!("ids={}", created.id); 2]);
}

#[tokio::test]
async fn a_service_is_not_asked_again_at_once() {
    let port = Port::default();
    let (stage, created) = stuck(&port).await;
    port.say(&created, "waiting");
    for _ in 0..3 {
        stage.poller.round().await.unwrap();
        stage.pass(1).await;
    }
    assert_eq!(port.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_that_the_service_never_had_is_unknown() {
    let port = Port::default();
    let (stage, created) = stuck(&port).await;
    *port.says.lock().unwrap() = json!([]);
    stage.poller.round().await.unwrap();
    stage.project().await;
    assert_eq!(stage.flow(&created).await["overdue"][0]["held"]["state"], "unknown");
}

#[tokio::test]
async fn a_step_that_has_become_moot_ends_the_flow() {
    let port = Port::default();
    let (stage, created) = stuck(&port).await;
    assert_eq!(stage.flow(&created).await["state"], "stuck");
    port.say(&created, "handled");
    stage.poller.round().await.unwrap();
    stage.project().await;
    assert_eq!(stage.flow(&created).await["state"], "compensated");
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_away_whatever_it_said_before() {
    let stage = Stage::new().await;
    let mut stage = stage;
    let created = Fact::first();
    stage.see(&created).await;
    stage.pass(11).await;
    stage.directory.look().await;
    let held = &stage.flow(&created).await["overdue"][0]["held"];
    assert_eq!(held["state"], "unreachable");
    let (_, found) = stage.get(&format!("/flows/{}", created.flow)).await;
    let steps = found["flows"][0]["tree"][0]["steps"].as_array().unwrap();
    let loyalty = steps.iter().find(|step| step["service"] == "loyalty").unwrap();
    assert_eq!(loyalty["held"]["state"], "unreachable");
}
