//! Every query has data.

use anyhow::{Context, ensure};
use e2e::{
    dashboards::{Dashboard, Query},
    eventually::{PATIENCE, within},
    prometheus::Prometheus,
};
use tokio::time::Instant;

use super::environment::Stage;

/// What somebody reads who was told.
const PAGE: &str = include_str!("../../../docs/monitoring.md");

#[tokio::test]
async fn every_query_of_every_dashboard_has_data() -> anyhow::Result<()> {
    let stage = Stage::enter().await?;
    let _traffic = stage.traffic();
    let mut queries = Vec::new();
    for dashboard in Dashboard::all()? {
        queries.extend(with_values(&stage.prometheus, &dashboard).await?);
    }
    ensure!(queries.len() > 50, "{} queries are too few to be all", queries.len());
    ask(&stage.prometheus, &queries).await
}

#[tokio::test]
async fn every_query_of_every_alert_rule_has_data() -> anyhow::Result<()> {
    let stage = Stage::enter().await?;
    let _traffic = stage.traffic();
    let mut queries = Vec::new();
    for rule in stage.prometheus.rules().await? {
        ensure!(rule.health != "err", "{rule:?}");
        ensure!(PAGE.contains(&format!("\n| `{}` | ", rule.name)), "docs/monitoring.md does not tell of {}", rule.name);
        let expr =
            compared(&rule.query).with_context(|| format!("no query that is compared with a number: {rule:?}"))?;
        queries.push(Query { place: format!("alert rule {}", rule.name), expr });
    }
    ensure!(queries.len() >= 7, "{} rules are not all", queries.len());
    ask(&stage.prometheus, &queries).await
}

/// A rule without its limit: there is nothing over it most of the time.
fn compared(rule: &str) -> Option<String> {
    let (query, limit) = [" > ", " < ", " == "].iter().find_map(|comparison| rule.rsplit_once(comparison))?;
    limit.parse::<f64>().is_ok().then(|| query.to_owned())
}

/// The queries of a dashboard, for each value of its variables. Mails are email's business alone.
async fn with_values(prometheus: &Prometheus, dashboard: &Dashboard) -> anyhow::Result<Vec<Query>> {
    let mut queries = dashboard.queries();
    for variable in dashboard.variables()? {
        let what = format!("variable {} of {} has values", variable.name, dashboard.file);
        let values = within(PATIENCE, &what, || async {
            let values = prometheus.label_values(&variable.label, &variable.metric).await?;
            ensure!(values.len() >= 4, "{values:?}");
            Ok(values)
        })
        .await?;
        let name = format!("${}", variable.name);
        let filled = |query: Query| {
            let values = values.iter().filter(|value| !query.expr.contains("mail_") || *value == "email");
            let fill = |value: &String| Query {
                place: format!("{}, {name} = {value}", query.place),
                expr: query.expr.replace(&name, value),
            };
            values.map(fill).collect::<Vec<_>>()
        };
        queries = queries.into_iter().flat_map(filled).collect();
    }
    Ok(queries)
}

/// Asks all, and names each that has no data in time.
async fn ask(prometheus: &Prometheus, queries: &[Query]) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut failures = Vec::new();
    for query in queries {
        let rest = deadline.saturating_duration_since(Instant::now());
        if let Err(error) = within(rest, "it has data", || has_data(prometheus, query)).await {
            failures.push(format!("{}: {}\n  {}", query.place, query.expr, error.root_cause()));
        }
    }
    ensure!(failures.is_empty(), "{} of {} queries:\n{}", failures.len(), queries.len(), failures.join("\n"));
    Ok(())
}

async fn has_data(prometheus: &Prometheus, query: &Query) -> anyhow::Result<()> {
    let samples = prometheus.query(&query.expr).await?;
    ensure!(samples.iter().any(e2e::prometheus::Sample::is_number), "no data: {samples:?}");
    // `or vector(0)` would hide that there is no such metric.
    for metric in metrics(&query.expr) {
        let present = prometheus.label_values("__name__", metric).await?;
        ensure!(!present.is_empty() || metric == "ALERTS", "there is no metric {metric}");
    }
    Ok(())
}

/// The names before a brace or a bracket.
fn metrics(expr: &str) -> impl Iterator<Item = &str> {
    let ends = expr.match_indices(['{', '[']).map(|(end, _)| &expr[..end]);
    ends.filter_map(|before| before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next())
        .filter(|name| !name.is_empty())
}
