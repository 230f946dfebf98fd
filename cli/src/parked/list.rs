//! `fleet parked list`.

use clap::Args;
use client::{
    Operations, output,
    parked::{self, Filter, Kept, Summary},
};
use comfy_table::{ContentArrangement, Table, presets::NOTHING as BARE};
use jiff::{SignedDuration, Timestamp};

#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    filter: Filter,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub async fn list(operations: &Operations, args: &ListArgs) -> anyhow::Result<u8> {
    // One more shows whether there are more.
    let mut found = parked::list(operations, &args.filter, args.limit.saturating_add(1)).await?;
    let more = found.len() > args.limit;
    found.truncate(args.limit);
    if args.json {
        let lines = found.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        output::print(&lines.join("\n"))?;
    } else if found.is_empty() {
        output::tell(format_args!(
            "nothing is parked{}",
            if args.filter.query().is_empty() { "" } else { " that the filters select" }
        ));
    } else {
        output::print(&table(&found).to_string())?;
    }
    if more {
        output::tell(format_args!("… and more: --limit shows more than {}", args.limit));
    }
    Ok(0)
}

/// One line each.
fn table(all: &[Kept<Summary>]) -> Table {
    let mut table = Table::new();
    // Ids are there to be copied: never cut or wrapped.
    table.load_style(BARE).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["SERVICE", "STATE", "EVENT", "REASON", "TRIES", "AGE", "NEXT TRY", "EVENT ID", "SUBJECT"]);
    let now = now();
    for Kept { service, what: summary } in all {
        let next = summary.next_attempt_at.map_or_else(|| "-".to_owned(), |at| relative(at, now));
        let subject = summary.subject.map_or_else(|| "-".to_owned(), |id| id.to_string());
        table.add_row([
            service.name().to_owned(),
            summary.state.to_string(),
            summary.event_type.clone(),
            summary.reason.clone(),
            summary.attempts.to_string(),
            short(now.duration_since(summary.parked_at)),
            next,
            summary.event_id.to_string(),
            subject,
        ]);
    }
    table
}

fn relative(at: Timestamp, now: Timestamp) -> String {
    if at <= now { "now".into() } else { format!("in {}", short(at.duration_since(now))) }
}

/// In its largest unit: 45s, 12m, 3h, 9d.
fn short(duration: SignedDuration) -> String {
    match duration.as_secs().max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[expect(clippy::disallowed_methods, reason = "ages are shown to a person, by the machine's time")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        let told = |seconds| short(SignedDuration::from_secs(seconds));
        assert_eq!([-3, 59, 60, 3599, 3600, 172_799, 172_800].map(told), ["0s", "59s", "1m", "59m", "1h", "47h", "2d"]);
    }
}
