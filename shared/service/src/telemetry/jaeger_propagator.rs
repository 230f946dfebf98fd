//! Jaeger's `uber-trace-id`, so that callers who still send it keep their trace.
//!
//! Our own thirty lines because `opentelemetry-jaeger` is unmaintained (RUSTSEC-2025-0123) and the propagator that
//! outlived it fits no current SDK. Format: `{trace}:{span}:{parent}:{flags}` in hex (Jaeger client libraries,
//! "Propagation format").

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator, text_map_propagator::FieldIter},
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};

const HEADER: &str = "uber-trace-id";

/// Reads and writes `uber-trace-id`. Put it after W3C's: it leaves a context alone that is valid already.
#[derive(Debug)]
pub struct JaegerPropagator {
    fields: [String; 1],
}

impl Default for JaegerPropagator {
    fn default() -> Self {
        Self { fields: [HEADER.to_owned()] }
    }
}

impl TextMapPropagator for JaegerPropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let span = cx.span().span_context().clone();
        if span.is_valid() {
            let flags = span.trace_flags().to_u8();
            injector.set(HEADER, format!("{}:{}:0:{flags:x}", span.trace_id(), span.span_id()));
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        if cx.span().span_context().is_valid() {
            return cx.clone();
        }
        match extractor.get(HEADER).and_then(parse) {
            Some(remote) => cx.with_remote_span_context(remote),
            None => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

/// Ids may be short (leading zeros dropped) and the colons may be percent-encoded.
fn parse(header: &str) -> Option<SpanContext> {
    let header = header.replace("%3A", ":").replace("%3a", ":");
    let parts: Vec<&str> = header.split(':').collect();
    let [trace, span, _parent, flags] = parts.as_slice() else { return None };
    let trace = TraceId::from(u128::from_str_radix(trace, 16).ok()?);
    let span = SpanId::from(u64::from_str_radix(span, 16).ok()?);
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1;
    let context = SpanContext::new(trace, span, TraceFlags::new(sampled), true, TraceState::NONE);
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_and_encoded_colons_are_read() {
        let context = parse("3f%3A1%3A0%3A1").expect("a valid header");
        assert_eq!(context.trace_id().to_string(), format!("{:0>32}", "3f"));
        assert_eq!(context.span_id().to_string(), format!("{:0>16}", "1"));
        assert!(context.is_sampled() && context.is_remote());
    }

    #[test]
    fn nonsense_and_zeros_are_no_context() {
        for header in ["", "1:2:3", "x:1:0:1", "0:0:0:1", "1:0:0:1", "1:2:0:zz", "1:2:0:1:5"] {
            assert!(parse(header).is_none(), "{header}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let context = parse("a3ce929d0e0e4736a3ce929d0e0e4736:00f067aa0ba902b7:0:1").expect("valid");
        let mut carrier = std::collections::HashMap::new();
        JaegerPropagator::default()
            .inject_context(&Context::new().with_remote_span_context(context.clone()), &mut carrier);
        assert_eq!(parse(&carrier[HEADER]), Some(context));
    }
}
