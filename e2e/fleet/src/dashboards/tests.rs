use std::collections::HashSet;

use super::*;

/// Grafana draws a panel that it does not understand as an empty one, and says nothing: what it relies on is looked at here.
fn each_panel(check: impl Fn(&Value) -> bool, what: &str) {
    for dashboard in Dashboard::all().unwrap() {
        for panel in dashboard.panels() {
            assert!(check(panel), "{}, panel {}: {what}", dashboard.file, panel["title"]);
        }
    }
}

fn is_row(panel: &Value) -> bool {
    panel["type"] == "row"
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

#[test]
fn there_are_three_and_each_can_be_told_from_the_others() {
    let dashboards = Dashboard::all().unwrap();
    assert_eq!(dashboards.len(), 3);
    for field in ["uid", "title"] {
        let names: HashSet<_> = dashboards.iter().filter_map(|dashboard| dashboard.json[field].as_str()).collect();
        assert_eq!(names.len(), 3, "{field}");
    }
    for Dashboard { file, json } in &dashboards {
        // Grafana 12 writes 41, and lifts older ones to it.
        assert_eq!(json["schemaVersion"], 41, "{file}");
        assert!(is_text(&json["description"]) && json["time"]["from"] == "now-15m", "{file}");
    }
}

#[test]
fn each_panel_says_what_it_shows_and_in_which_unit() {
    each_panel(|panel| is_text(&panel["title"]), "a title is missing");
    each_panel(|panel| is_row(panel) || is_text(&panel["description"]), "a description is missing");
    let unit = |panel: &Value| match panel["type"].as_str() {
        Some("heatmap") => is_text(&panel["options"]["yAxis"]["unit"]),
        _ => is_text(&panel["fieldConfig"]["defaults"]["unit"]),
    };
    each_panel(|panel| is_row(panel) || unit(panel), "a unit is missing");
}

#[test]
fn each_panel_asks_the_data_source_that_is_provisioned() {
    let provisioned = fs::read_to_string(format!("{FOLDER}/../datasources/prometheus.yml")).unwrap();
    assert!(provisioned.contains("\n    uid: prometheus ") && provisioned.contains("\n    type: prometheus\n"));
    let source = serde_json::json!({ "type": "prometheus", "uid": "prometheus" });
    each_panel(|panel| is_row(panel) || panel["datasource"] == source, "another data source");
    let distinct = |panel: &Value| {
        let references: HashSet<_> = targets(panel).iter().filter_map(|target| target["refId"].as_str()).collect();
        references.len() == targets(panel).len() && is_row(panel) == references.is_empty()
    };
    each_panel(distinct, "queries need different refIds");
}

#[test]
fn panels_lie_beside_each_other_on_24_columns() {
    for dashboard in Dashboard::all().unwrap() {
        let (mut cells, mut ids) = (HashSet::new(), HashSet::new());
        for panel in dashboard.panels() {
            let at = |edge: &str| panel["gridPos"][edge].as_u64().unwrap();
            for cell in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
                assert!(cell.0 < 24 && cells.insert(cell), "{}, panel {}: {cell:?}", dashboard.file, panel["title"]);
            }
            assert!(ids.insert(panel["id"].as_u64()), "{}: two panels have the id {}", dashboard.file, panel["id"]);
        }
    }
}

#[test]
fn every_variable_that_a_query_has_is_declared() {
    for dashboard in Dashboard::all().unwrap() {
        let declared: Vec<_> = dashboard.variables().unwrap().into_iter().map(|variable| variable.name).collect();
        for Query { place, expr } in dashboard.queries() {
            let used = expr
                .split('$')
                .skip(1)
                .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next());
            assert!(used.into_iter().all(|name| declared.iter().any(|known| known == name)), "{place}: {expr}");
        }
    }
}
