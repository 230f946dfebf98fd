//! Verdicts for eyes.

use std::fmt::Write;

use client::style;

use super::verdict::Verdict;

/// The table of one drill.
pub fn table(verdict: &Verdict) -> String {
    let Verdict { acknowledged, finished, victims, .. } = verdict;
    let flows = match victims {
        0 => format!("{finished}"),
        victims => format!("{finished}, and {victims} victims that are not, as the drill wants it"),
    };
    let rows = [
        ("registrations acknowledged", acknowledged.to_string()),
        ("flows finished", flows),
        ("effects missing", verdict.effects_missing.to_string()),
        ("effects doubled", verdict.effects_doubled.to_string()),
        ("mails doubled", format!("{} ({} copies under one Message-ID)", verdict.mails_doubled, verdict.mail_copies)),
        ("order violations", verdict.order_violations.to_string()),
        ("parked, for a while or still", verdict.parked.to_string()),
        ("dead", verdict.dead.to_string()),
        ("time to recover", format!("{:.1} s", verdict.seconds_to_recover)),
        ("time in all", format!("{:.1} s", verdict.seconds)),
    ];
    let mut text = format!("{}  {}\n", style::bold(&verdict.drill), mark(verdict));
    for (name, value) in rows {
        // Writing to a String can't fail.
        let _ = writeln!(text, "  {name:<29} {value}");
    }
    for note in &verdict.notes {
        let _ = writeln!(text, "  · {note}");
    }
    for wrong in &verdict.wrong {
        let _ = writeln!(text, "  {} {wrong}", style::red("✗"));
    }
    text
}

/// One line for each drill.
pub fn summary(verdicts: &[Verdict]) -> String {
    let mut text = format!(
        "{:<18} {:>7} {:>8} {:>7} {:>7} {:>6} {:>6} {:>6} {:>5} {:>9}\n",
        "drill", "acked", "finished", "missing", "doubled", "mails", "order", "parked", "dead", "recovery"
    );
    for verdict in verdicts {
        let Verdict { drill, acknowledged, finished, effects_missing, effects_doubled, .. } = verdict;
        let Verdict { mails_doubled, order_violations, parked, dead, seconds_to_recover, .. } = verdict;
        let _ = writeln!(
            text,
            "{drill:<18} {acknowledged:>7} {finished:>8} {effects_missing:>7} {effects_doubled:>7} {mails_doubled:>6} \
             {order_violations:>6} {parked:>6} {dead:>5} {seconds_to_recover:>7.1} s  {}",
            mark(verdict)
        );
    }
    text
}

fn mark(verdict: &Verdict) -> String {
    if verdict.good { style::green("good") } else { style::red("BAD") }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    #[test]
    fn a_table_names_everything_that_counts_and_what_is_wrong() {
        let verdict = Verdict {
            drill: "flaky".into(),
            acknowledged: 100,
            finished: 99,
            effects_missing: 2,
            notes: vec!["a fifth of all handlings failed".into()],
            wrong: vec!["customer 7 lacks a mail".into()],
            ..Verdict::default()
        };
        insta::assert_snapshot!(strip_str(&table(&verdict)).to_string());
        insta::assert_snapshot!(strip_str(&summary(&[verdict])).to_string());
    }
}
