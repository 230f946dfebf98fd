//! A view as text: three tables.

use client::style;
use comfy_table::{CellAlignment, Table, presets::NOTHING as BARE};

use super::view::{Flow, Line, Numbers, Rates, Times, View};

const SERVICES: [&str; 13] = [
    "SERVICE",
    "STATE",
    "PUBLISHED/s",
    "HANDLED/s",
    "OUTBOX",
    "OLDEST",
    "WAITING",
    "DEAD",
    "HANDLER p50",
    "p99",
    "HTTP/s",
    "5xx/s",
    "MEMORY",
];

pub fn render(view: &View) -> String {
    let flows = view.flows.iter().map(flow);
    let events = view.events.iter().map(event);
    [
        services(&view.services),
        table(["SINCE THE REGISTRATION", "EVENTS/s", "p50", "p99"], flows),
        table(["EVENT", "PUBLISHED/s", "HANDLED/s", "AGAIN/s"], events),
    ]
    .join("\n\n")
}

/// A line stands out if something is wrong with its service.
fn services(all: &[Line]) -> String {
    let text = table(SERVICES, all.iter().map(service));
    let colour = |(line, text): (Option<&Line>, &str)| match line.map(|line| &line.numbers) {
        Some(None) => style::red(text),
        Some(Some(numbers)) if !numbers.ready || numbers.dead > Some(0.0) => style::red(text),
        Some(Some(numbers)) if numbers.waiting > Some(0.0) => style::yellow(text),
        Some(Some(_)) => text.to_owned(),
        None => style::dim(text),
    };
    let lines = std::iter::once(None).chain(all.iter().map(Some));
    lines.zip(text.lines()).map(colour).collect::<Vec<_>>().join("\n")
}

fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(BARE).set_header(header).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

fn service(line: &Line) -> [String; 13] {
    let name = line.service.name().to_owned();
    let Some(numbers) = &line.numbers else {
        return std::array::from_fn(|column| match column {
            0 => name.clone(),
            1 => "unreachable".to_owned(),
            _ => String::new(),
        });
    };
    let Numbers { ready, outbox, waiting, dead, .. } = numbers;
    [
        name,
        if *ready { "ready" } else { "not ready" }.to_owned(),
        rate(numbers.published_per_second),
        rate(numbers.handled_per_second),
        whole(*outbox),
        seconds(numbers.outbox_oldest_seconds),
        whole(*waiting),
        whole(*dead),
        seconds(numbers.handler.p50_seconds),
        seconds(numbers.handler.p99_seconds),
        rate(numbers.requests_per_second),
        rate(numbers.errors_per_second),
        or_dash(numbers.memory_bytes, |bytes| format!("{:.0} MB", bytes / 1e6)),
    ]
}

fn flow(flow: &Flow) -> [String; 4] {
    let Times { p50_seconds, p99_seconds } = flow.times;
    [flow.event_type.to_owned(), rate(flow.recorded_per_second), seconds(p50_seconds), seconds(p99_seconds)]
}

fn event(event: &Rates) -> [String; 4] {
    let Rates { event_type, published_per_second, handled_per_second, already_handled_per_second } = event;
    let rates = [published_per_second, handled_per_second, already_handled_per_second].map(|value| rate(*value));
    let [published, handled, again] = rates;
    [event_type.clone(), published, handled, again]
}

fn or_dash(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), text)
}

fn whole(value: Option<f64>) -> String {
    or_dash(value, |value| format!("{value:.0}"))
}

fn rate(value: f64) -> String {
    format!("{value:.1}")
}

/// In the unit that says most: 0.8 ms, 12 ms, 3.4 s, 90 s, 12 min, 3.0 h.
fn seconds(value: Option<f64>) -> String {
    or_dash(value, |seconds| match seconds {
        0.0 => "0 s".to_owned(),
        ..0.01 => format!("{:.1} ms", seconds * 1e3),
        ..1.0 => format!("{:.0} ms", seconds * 1e3),
        ..10.0 => format!("{seconds:.1} s"),
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::view::tests::view, *};
    use anstream::adapter::strip_str;

    #[test]
    fn a_picture_shows_every_service_and_what_is_not_known() {
        insta::assert_snapshot!(strip_str(&render(&view())).to_string());
    }

    #[test]
    fn times_are_told_in_the_unit_that_says_most() {
        let told = [0.0, 0.0008, 0.012, 3.44, 90.0, 700.0, 10_800.0].map(|value| seconds(Some(value)));
        assert_eq!(told, ["0 s", "0.8 ms", "12 ms", "3.4 s", "90 s", "12 min", "3.0 h"]);
        assert_eq!(seconds(None), "-");
    }
}
