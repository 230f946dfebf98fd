//! Lists, lookups, the overview.

use contracts::choreography;

use super::stage::{Fact, Stage};

#[tokio::test]
async fn a_list_is_newest_first_and_goes_on_where_a_page_ended() {
    let mut stage = Stage::new().await;
    let mut flows = Vec::new();
    for _ in 0..5 {
        flows.push(stage.onboard().await.flow.to_string());
        stage.pass(1).await;
    }
    flows.reverse();
    let (mut seen, mut path) = (Vec::<String>::new(), "/flows?limit=2".to_owned());
    loop {
        let (status, page) = stage.get(&path).await;
        assert_eq!(status, 200);
        seen.extend(
            page["flows"].as_array().unwrap().iter().map(|flow| flow["correlation_id"].as_str().unwrap().into()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/flows?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, flows);
}

#[tokio::test]
async fn a_list_can_be_of_one_state_and_of_a_time() {
    let mut stage = Stage::new().await;
    let old = stage.onboard().await;
    stage.pass(600).await;
    let (young, running) = (stage.onboard().await, Fact::first());
    stage.see(&running).await;
    let ids = async |path: &str| -> Vec<String> {
        let (_, page) = stage.get(path).await;
        page["flows"].as_array().unwrap().iter().map(|flow| flow["correlation_id"].as_str().unwrap().into()).collect()
    };
    let [old, young, running] = [old, young, running].map(|fact| fact.flow.to_string());
    assert_eq!(ids("/flows?state=running").await, [running]);
    assert_eq!(ids("/flows?state=done").await, [young.clone(), old]);
    assert_eq!(ids("/flows?state=done&since=5m").await, [young]);
    assert_eq!(ids("/flows?state=stuck").await, Vec::<String>::new());
    let (_, tally) = stage.get("/flows/count?since=5m").await;
    assert_eq!(tally, serde_json::json!({ "running": 1, "done": 1, "compensated": 0, "stuck": 0 }));
}

#[tokio::test]
async fn what_can_t_be_understood_is_a_problem() {
    let stage = Stage::new().await;
    for path in ["/flows?state=lost", "/flows?since=soon", "/flows?cursor=x", "/flows?limit=-1", "/flows?x=1"] {
        let (status, problem) = stage.get(path).await;
        assert_eq!((status, &problem["status"]), (400, &400.into()), "{path}");
    }
    for path in ["/flows/none", "/flows/01a1fe3a-7e67-77aa-9e5d-0db615ec4bf3"] {
        assert_eq!(stage.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn a_flow_is_found_by_each_of_its_ids() {
    let mut stage = Stage::new().await;
    let created = Fact::first();
    let added = created.effect("status_points_added");
    stage.see(&created).await;
    stage.see(&added).await;
    stage.onboard().await;
    let ids = [created.flow.to_string(), added.id.to_string(), created.customer.to_string(), created.trace_id()];
    for id in ids {
        let (status, found) = stage.get(&format!("/flows/{id}")).await;
        assert_eq!((status, found["flows"].as_array().unwrap().len()), (200, 1), "{id}");
        assert_eq!(found["flows"][0]["correlation_id"], created.flow.to_string(), "{id}");
    }
}

#[tokio::test]
async fn the_overview_counts_the_last_minute() {
    let mut stage = Stage::new().await;
    stage.onboard().await;
    stage.pass(61).await;
    stage.onboard().await;
    stage.see(&Fact::first()).await;
    let (_, overview) = stage.get("/overview").await;
    let expected = serde_json::json!({ "began": 2, "done": 1, "compensated": 0, "events": 5 });
    assert_eq!(overview["last_minute"], expected);
    assert_eq!(overview["states"], serde_json::json!({ "running": 1, "stuck": 0 }));
    let arrow = &overview["arrows"][0];
    assert_eq!((&arrow["event_type"], &arrow["last_minute"]), (&"customer_created".into(), &2.into()));
    assert_eq!(arrow["to"], serde_json::json!(choreography::subscribers("customer_created")));
    assert_eq!(overview["links"], serde_json::json!({ "jaeger": null, "mail": "http://127.0.0.1:8025" }));
}
