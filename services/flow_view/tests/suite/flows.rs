//! From events to flows.

use flow_view::retention::Retention;

use super::stage::{Fact, Stage};

#[tokio::test]
async fn a_flow_runs_and_is_done_when_its_last_step_is_seen() {
    let mut stage = Stage::new().await;
    let created = Fact::first();
    stage.see(&created).await;
    assert_eq!(stage.flow(&created).await["state"], "running");
    let (added, sent) = (created.effect("status_points_added"), created.effect("welcome_email_sent"));
    for fact in [&added, &sent] {
        stage.see(fact).await;
        assert_eq!(stage.flow(&created).await["state"], "running", "{}", fact.event_type);
    }
    stage.see(&sent.effect("customer_onboarded")).await;
    let flow = stage.flow(&created).await;
    assert_eq!(flow["state"], "done");
    assert_eq!(flow["began_with"], "customer_created");
    assert_eq!(flow["trace_id"], created.trace_id());
    assert_eq!(flow["events"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_flow_becomes_stuck_by_time_alone_and_goes_on_with_the_missing_step() {
    let mut stage = Stage::new().await;
    let created = Fact::first();
    let sent = created.effect("welcome_email_sent");
    stage.see(&created).await;
    stage.see(&sent).await;
    stage.pass(9).await;
    assert_eq!(stage.flow(&created).await["state"], "running");
    stage.pass(2).await;
    let stuck = stage.flow(&created).await;
    assert_eq!((&stuck["state"], &stuck["overdue"][0]["service"]), (&"stuck".into(), &"loyalty".into()));
    assert_eq!(stuck["overdue"][0]["expects"], serde_json::json!(["status_points_added"]));
    assert_eq!(stuck["since"], stuck["overdue"][0]["since"]);

    let added = created.effect("status_points_added");
    stage.see(&added).await;
    assert_eq!(stage.flow(&created).await["state"], "running");
    stage.see(&added.effect("customer_onboarded")).await;
    assert_eq!(stage.flow(&created).await["state"], "done");
}

#[tokio::test]
async fn effects_that_are_seen_before_their_cause_wait_for_it() {
    let mut stage = Stage::new().await;
    let created = Fact::first();
    stage.see(&created.effect("status_points_added")).await;
    let early = stage.flow(&created).await;
    assert_eq!((&early["state"], &early["began_with"]), (&"running".into(), &serde_json::Value::Null));
    let (_, found) = stage.get(&format!("/flows/{}", created.flow)).await;
    assert_eq!(found["flows"][0]["tree"][0]["missing"], true);
    assert_eq!(found["flows"][0]["tree"][0]["effects"][0]["event_type"], "status_points_added");

    stage.see(&created).await;
    let (_, found) = stage.get(&format!("/flows/{}", created.flow)).await;
    let root = &found["flows"][0]["tree"][0];
    assert_eq!((&root["missing"], &root["event_type"]), (&false.into(), &"customer_created".into()));
    assert_eq!(root["effects"][0]["event_type"], "status_points_added");
}

#[tokio::test]
async fn what_happened_before_its_first_start_is_read_from_the_histories() {
    let mut stage = Stage::without_view("http://127.0.0.1:1").await;
    let created = stage.onboard().await;
    stage.open_view().await;
    stage.project().await;
    assert_eq!(stage.flow(&created).await["state"], "done");
}

#[tokio::test]
async fn an_event_that_comes_again_changes_nothing() {
    let mut stage = Stage::new().await;
    let created = stage.onboard().await;
    let before = stage.flow(&created).await;
    let pool = &stage.projector.database().pool;
    sqlx::query("DELETE FROM inbox").execute(pool).await.unwrap();
    stage.view.take().unwrap().stop().await;
    sqlx::query("UPDATE history SET caught_up = false, next_offset = 0").execute(pool).await.unwrap();
    stage.open_view().await;
    stage.project().await;
    assert_eq!(stage.flow(&created).await, before);
}

#[tokio::test]
async fn no_table_holds_personal_data() {
    let mut stage = Stage::new().await;
    stage.onboard().await;
    for table in ["events", "flows", "inbox", "delivery_statuses"] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t"));
        let text: String = sqlx::query_scalar(sql).fetch_one(&stage.projector.database().pool).await.unwrap();
        assert!(!text.contains("ada@example.com") && !text.contains("Lovelace"), "{table}");
        assert!(table == "delivery_statuses" || !text.is_empty(), "{table} is empty");
    }
}

#[tokio::test]
async fn a_flow_that_ended_long_ago_is_forgotten_and_one_that_did_not_stays() {
    let mut stage = Stage::new().await;
    let (ended, stuck) = (stage.onboard().await, Fact::first());
    stage.see(&stuck).await;
    stage.pass(89 * 86400).await;
    let young = stage.onboard().await;
    let retention = Retention::new(stage.projector.database().clone(), 90);
    assert_eq!(retention.forget_some().await.unwrap(), 0);
    stage.pass(2 * 86400).await;
    assert_eq!(retention.forget_some().await.unwrap(), 1);
    let status = async |fact: &Fact| stage.get(&format!("/flows/{}", fact.flow)).await.0;
    assert_eq!([status(&ended).await, status(&stuck).await, status(&young).await], [404, 200, 200]);
}
