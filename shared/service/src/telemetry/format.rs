//! A log line: one flat JSON object. Fields of the surrounding spans come first, the line's own override them.

use std::fmt;

use messaging::clock::Clock;
use opentelemetry::{Context, trace::TraceContextExt};
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer,
    registry::LookupSpan,
};

/// Formats events as flat JSON objects; needs [`SpanFields`] below it.
pub(super) struct FlatJson {
    /// The process's name, for lines outside any service's span.
    pub process: &'static str,
}

impl<S, N> FormatEvent<S, N> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Map::new();
        line.insert("timestamp".into(), format!("{:.6}", Clock::System.now()).into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        line.insert("service".into(), self.process.into());
        line.insert("message".into(), Value::Null);
        for span in ctx.event_scope().into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(SpanValues(values)) = span.extensions().get() {
                line.extend(values.clone());
            }
        }
        event.record(&mut Collect(&mut line));
        add_trace(&mut line);
        let json = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{json}")
    }
}

/// The OpenTelemetry span that the line was written in.
fn add_trace(line: &mut Map<String, Value>) {
    let context = Context::current();
    let span = context.span().span_context().clone();
    if span.is_valid() {
        line.insert("trace_id".into(), span.trace_id().to_string().into());
        line.insert("span_id".into(), span.span_id().to_string().into());
    }
}

/// Keeps every span's fields as JSON values, for [`FlatJson`]. OpenTelemetry's own (`otel.name`, `messaging.system`)
/// have dots in their names and belong to the trace, not to the log.
pub(super) struct SpanFields;

struct SpanValues(Map<String, Value>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanFields {
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: layer::Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut values = Map::new();
        attrs.record(&mut Collect(&mut values));
        values.retain(|name, _| !name.contains('.'));
        span.extensions_mut().insert(SpanValues(values));
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, ctx: layer::Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if let Some(SpanValues(values)) = span.extensions_mut().get_mut() {
            record.record(&mut Collect(values));
            values.retain(|name, _| !name.contains('.'));
        }
    }
}

struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Collect<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}
