//! A flow for eyes: the tree at the left, and beside it when, who, what, and the transaction to search the logs for.

use client::style;
use flow::logged::{Flow, Mark, Node, State, Step};

/// The text, without a newline at its end.
pub fn render(flow: &Flow) -> String {
    let mut rows = Vec::new();
    for event in &flow.events {
        lay_out(event, "", "", &mut rows);
    }
    let widths = Widths::of(&rows);
    let mut lines = header(flow);
    lines.push(String::new());
    lines.extend(rows.iter().map(|row| row.render(widths)));
    lines.push(String::new());
    lines.push(summary(flow));
    lines.join("\n")
}

fn header(flow: &Flow) -> Vec<String> {
    let join = |ids: Vec<String>| if ids.is_empty() { "not in the logs".to_owned() } else { ids.join(", ") };
    let customers = flow.subjects.iter().map(ToString::to_string).collect();
    let entries = [
        ("correlation id", flow.correlation_id.to_string()),
        ("trace id", join(flow.trace_ids.clone())),
        ("customer id", join(customers)),
        ("began", format!("{:.3}", flow.began_at)),
    ];
    entries.into_iter().map(|(name, value)| format!("{}  {value}", style::dim(&format!("{name:<14}")))).collect()
}

fn summary(flow: &Flow) -> String {
    let text = &flow.outcome.summary;
    match flow.outcome.state {
        State::Done => style::green(text),
        State::Compensated | State::Running | State::Waiting => style::yellow(text),
        State::Dead | State::Stuck => style::red(text),
    }
}

/// A line of the tree: the lines that lead to it, and what it says.
enum Row<'a> {
    Event(String, &'a Node),
    Step(String, &'a Mark),
}

/// `lead` goes before the event's own line, `rest` before all lines below it.
fn lay_out<'a>(event: &'a Node, lead: &str, rest: &str, rows: &mut Vec<Row<'a>>) {
    rows.push(Row::Event(lead.to_owned(), event));
    let line = if event.effects.is_empty() { ' ' } else { '│' };
    rows.extend(event.steps.iter().map(|mark| Row::Step(format!("{rest}{line}"), mark)));
    for (index, effect) in event.effects.iter().enumerate() {
        let is_last = index + 1 == event.effects.len();
        let (corner, line) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lay_out(effect, &format!("{rest}{corner}"), &format!("{rest}{line}"), rows);
    }
}

/// So that the steps of all events stand in the same columns.
#[derive(Clone, Copy)]
struct Widths {
    guide: usize,
    time: usize,
    service: usize,
    step: usize,
}

impl Widths {
    fn of(rows: &[Row<'_>]) -> Self {
        let widest = |measure: &dyn Fn(&str, &Mark) -> usize| {
            let widths = rows.iter().map(|row| match row {
                Row::Event(..) => 0,
                Row::Step(guide, mark) => measure(guide, mark),
            });
            widths.max().unwrap_or_default()
        };
        Self {
            guide: widest(&|guide, _| guide.chars().count()),
            time: widest(&|_, mark| time(mark).len()),
            service: widest(&|_, mark| mark.service.chars().count()),
            step: widest(&|_, mark| step(mark).chars().count()),
        }
    }
}

fn time(mark: &Mark) -> String {
    format!("{:+} ms", mark.ms)
}

fn step(mark: &Mark) -> String {
    let name = mark.step.name();
    if mark.times > 1 { format!("{name} ×{}", mark.times) } else { name.to_owned() }
}

impl Row<'_> {
    fn render(&self, widths: Widths) -> String {
        match self {
            Self::Event(lead, event) => {
                let (name, id) = (style::bold(&event.event_type), event.event_id);
                format!("{}{name}  {}{}", style::dim(lead), style::dim(&id.to_string()), note(event))
            }
            Self::Step(guide, mark) => {
                let guide = style::dim(&format!("{guide:<width$}", width = widths.guide));
                let time = format!("{:>width$}", time(mark), width = widths.time);
                let service = format!("{:<width$}", mark.service, width = widths.service);
                let step = paint_step(mark.step, &format!("{:<width$}", step(mark), width = widths.step));
                let transaction = style::dim(mark.transaction_id.as_deref().unwrap_or("-"));
                format!("{guide} {time}  {service}  {step}  {transaction}{}", why(mark))
            }
        }
    }
}

fn note(event: &Node) -> String {
    match event.causation_id {
        Some(cause) if event.orphan => style::yellow(&format!("  (its cause {cause} is not in these logs)")),
        _ => String::new(),
    }
}

fn paint_step(step: Step, text: &str) -> String {
    match step {
        Step::Handled => style::green(text),
        Step::Parked => style::yellow(text),
        Step::Dead => style::red(text),
        Step::Recorded | Step::Published => text.to_owned(),
        Step::AlreadyHandled => style::dim(text),
    }
}

fn why(mark: &Mark) -> String {
    let Some(reason) = &mark.reason else { return String::new() };
    format!("  ({reason}, attempt {})", mark.attempts.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use flow::logged::fixtures::{ONBOARDED, flow};

    use super::*;

    #[test]
    fn a_flow_is_readable() {
        let retried =
            "27 loyalty parked customer_created database_error 1\n28 loyalty parked customer_created database_error 2";
        let text = strip_str(&render(&flow(&format!("{ONBOARDED}\n{retried}")))).to_string();
        // What it ends in is for others to test, and depends on who takes part.
        let (tree, _) = text.trim_end().rsplit_once("\n\n").unwrap();
        insta::assert_snapshot!(tree);
    }

    #[test]
    fn an_orphan_says_what_is_missing() {
        let text =
            strip_str(&render(&flow("97 customer recorded customer_onboarded < welcome_email_sent"))).to_string();
        assert!(text.contains("is not in these logs)"), "{text}");
    }
}
