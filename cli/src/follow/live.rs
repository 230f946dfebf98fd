//! `fleet follow --live`: the tree as it grows, by what the flow view sees.

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::bail;
use client::{http, output, style};
use flow::{FlowDetail, Node, State, Step, StepState, sentences::in_words};
use jiff::Timestamp;
use messaging::clock::Clock;
use tokio::time::sleep;

use crate::{
    flow_view::{FlowView, FlowViewArgs},
    terminal::Screen,
};

/// Between two looks.
const REST: Duration = Duration::from_millis(200);

/// Draws the flows of `id` until all have come to their end, or `limit` is over, or somebody presses Ctrl-C. On a
/// terminal one picture replaces another; elsewhere only the last is printed.
pub fn live(args: &FlowViewArgs, id: &str, limit: Option<Duration>) -> anyhow::Result<ExitCode> {
    let view = args.open()?;
    let flows = http::block_on(async {
        let screen = if stdout().is_terminal() { Some(Screen::open()?) } else { None };
        let mut last = Vec::new();
        tokio::select! {
            result = watch(&view, id, limit, screen, &mut last) => result?,
            _ = tokio::signal::ctrl_c() => {}
        }
        Ok(last)
    })?;
    if flows.is_empty() {
        bail!("the flow view has seen no flow with the id {id}");
    }
    output::print(&text(&flows))?;
    Ok(ExitCode::from(u8::from(!flows.iter().all(has_ended))))
}

async fn watch(
    view: &FlowView,
    id: &str,
    limit: Option<Duration>,
    mut screen: Option<Screen>,
    last: &mut Vec<FlowDetail>,
) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        *last = view.find(id).await?;
        if let Some(screen) = &mut screen {
            let waiting = || format!("the flow view has not seen {id} yet; Ctrl-C ends this");
            screen.draw(&if last.is_empty() { waiting() } else { text(last) })?;
        }
        let ended = !last.is_empty() && last.iter().all(has_ended);
        if ended || limit.is_some_and(|limit| start.elapsed() >= limit) {
            return Ok(());
        }
        sleep(REST).await;
    }
}

fn has_ended(detail: &FlowDetail) -> bool {
    matches!(detail.flow.state, State::Done | State::Compensated)
}

fn text(flows: &[FlowDetail]) -> String {
    let now = Clock::System.now();
    flows.iter().map(|detail| render(detail, now)).collect::<Vec<_>>().join("\n\n")
}

fn render(detail: &FlowDetail, now: Timestamp) -> String {
    let flow = &detail.flow;
    let mut lines = vec![
        format!("{}  {}", style::dim("correlation id"), flow.correlation_id),
        format!("{}  {}", style::dim("trace id      "), flow.trace_id.as_deref().unwrap_or("not traced")),
        format!("{}  {}", style::dim("customer id   "), flow.customer_id),
        String::new(),
    ];
    for node in &detail.tree {
        lay_out(node, "", "", now, &mut lines);
    }
    let state = match flow.state {
        State::Done => style::green(&format!("done in {} ms", flow.duration_ms)),
        State::Compensated => style::yellow(&format!("compensated in {} ms", flow.duration_ms)),
        State::Running => style::yellow("running"),
        State::Stuck => style::red("stuck"),
    };
    lines.push(String::new());
    lines.extend(flow.problems.iter().map(|problem| style::red(problem)));
    lines.push(state);
    lines.join("\n")
}

/// `lead` goes before the event's own line, `rest` before all lines below it. A step that is there shows as its event.
fn lay_out(node: &Node, lead: &str, rest: &str, now: Timestamp, lines: &mut Vec<String>) {
    lines.push(format!("{}{}", style::dim(lead), event(node)));
    let steps: Vec<_> = node.steps.iter().filter_map(|step| note(step, now)).collect();
    let mut left = steps.len() + node.effects.len();
    let mut corner = || {
        left -= 1;
        if left == 0 { ("└─ ", "   ") } else { ("├─ ", "│  ") }
    };
    for effect in &node.effects {
        let (corner, line) = corner();
        lay_out(effect, &format!("{rest}{corner}"), &format!("{rest}{line}"), now, lines);
    }
    for step in steps {
        let (corner, _) = corner();
        lines.push(format!("{}{step}", style::dim(&format!("{rest}{corner}"))));
    }
}

fn event(node: &Node) -> String {
    let id = style::dim(&node.event_id.to_string());
    let Some(event_type) = &node.event_type else {
        return format!("{}  {id}", style::yellow("(its event has not been seen yet)"));
    };
    let at = node.at_ms.map(|ms| format!("{ms:+} ms")).unwrap_or_default();
    format!("{}  {at}  {}  {id}", style::bold(event_type), node.owner.as_deref().unwrap_or_default())
}

/// What is not there, or will never be seen.
fn note(step: &Step, now: Timestamp) -> Option<String> {
    match step.state {
        StepState::Done => None,
        StepState::Open => Some(style::yellow(&format!("… {}", in_words(step, now)))),
        StepState::Overdue => Some(style::red(&format!("✗ {}", in_words(step, now)))),
        StepState::Skipped => Some(style::dim(&format!("{}: nothing to do any more", step.service))),
        StepState::Unseen => Some(style::dim(&format!("{}: {}", step.service, step.what))),
    }
}
