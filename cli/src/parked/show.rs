//! `fleet parked show`.

use clap::Args;
use client::{
    Operations, Service, output,
    parked::{self, Attempt, Entry, Kept, Record},
};
use serde_json::Value;
use uuid::Uuid;

use super::selection::NOTHING;

#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The event's id, as `fleet parked list` shows it.
    id: Uuid,
    /// Only as this service keeps it.
    #[arg(long)]
    service: Option<Service>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub async fn show(operations: &Operations, args: &ShowArgs) -> anyhow::Result<u8> {
    let records = parked::find(operations, args.id, args.service).await?;
    if records.is_empty() {
        output::tell(format_args!("no service keeps {}", args.id));
        return Ok(NOTHING);
    }
    let texts =
        records.iter().map(|record| if args.json { Ok(serde_json::to_string(record)?) } else { render(record) });
    let texts = texts.collect::<anyhow::Result<Vec<_>>>()?;
    output::print(&texts.join(if args.json { "\n" } else { "\n\n" }))?;
    Ok(0)
}

fn render(Kept { service, what: record }: &Kept<Record>) -> anyhow::Result<String> {
    let summary = &record.summary;
    let mut lines = vec![
        line("service", service.name()),
        line("state", summary.state.as_str()),
        line("event", &format!("{} {}", summary.event_type, summary.event_id)),
        line("subject", &or_none(summary.subject)),
        line("correlation id", &or_none(record.correlation_id)),
        line("trace id", &or_none(record.trace_id.as_deref())),
        line("parked", &summary.parked_at.to_string()),
    ];
    lines.extend(summary.next_attempt_at.map(|at| line("next attempt", &at.to_string())));
    lines.extend(summary.resolved_at.map(|at| line(summary.state.as_str(), &at.to_string())));
    lines.extend(record.waits_behind.map(|first| line("waits behind", &first.to_string())));
    let failed = if record.failures.is_empty() { "" } else { ", of which failed:" };
    lines.push(format!("\nattempts: {}{failed}", summary.attempts));
    lines.extend(
        record.failures.iter().map(|attempt| format!("  {:>3}  {}  {}", attempt.number, attempt.at, why(attempt))),
    );
    if !record.audit.is_empty() {
        lines.push("\noperators:".into());
        lines.extend(record.audit.iter().map(entry));
    }
    let corrected = if record.original.is_some() { ", corrected" } else { "" };
    lines.push(format!("\nthe event{corrected}:\n{}", text(&record.event)?));
    if let Some(original) = &record.original {
        lines.push(format!("\nas it was delivered:\n{}", text(original)?));
    }
    Ok(lines.join("\n"))
}

fn line(name: &str, value: &str) -> String {
    format!("{name:<15}{value}")
}

/// The class, unless the text begins with it.
fn why(attempt: &Attempt) -> String {
    let Attempt { reason, error, .. } = attempt;
    if error.starts_with(reason.as_str()) { error.clone() } else { format!("{reason}: {error}") }
}

fn entry(entry: &Entry) -> String {
    let state = |of: &Option<Value>| of.as_ref().and_then(|of| of["state"].as_str().map(ToOwned::to_owned));
    let change = match (state(&entry.before), state(&entry.after)) {
        (Some(before), Some(after)) => format!(": {before} → {after}"),
        _ => String::new(),
    };
    let reason = entry.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("  {}  {} by {}{change}{reason}", entry.at, entry.action, entry.operator)
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// JSON indented; what is none as it is.
pub fn text(event: &Value) -> anyhow::Result<String> {
    match event {
        Value::String(text) => Ok(text.clone()),
        json => Ok(serde_json::to_string_pretty(json)?),
    }
}
