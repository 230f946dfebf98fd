//! Installs the subscriber and the tracer, and flushes the last spans at the end.

use std::{env, fs, panic, time::Duration};

use anyhow::{Context as _, bail};
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::{Sampler, SdkTracerProvider},
};
use tracing::{Metadata, Subscriber, error, warn};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};
use uuid::Uuid;

use super::{
    best_effort::BestEffort,
    format::{FlatJson, SpanFields},
    log_writer::{DroppedLines, LogWriter},
    otel_variables::OtelVariables,
};

/// Target of the span that names a service in its log lines; the exporter leaves it out.
pub(super) const SERVICE_TARGET: &str = "service::span";

/// What is never exported, whatever `RUST_LOG` shows: the libraries' own spans would be stray traces.
const EXPORTED: &str = "info,service::span=off,lapin=off,hyper=off,reqwest=off,sqlx=off,h2=off,tower=off";

/// What no log shows, unless `RUST_LOG` is set: lapin prints returned messages (with their bodies) at WARN, sqlx slow
/// statements, and libraries' chatter says nothing about a flow.
const LOGGED: &str = "info,lapin=off,sqlx=error,hyper=warn,reqwest=warn,opentelemetry=off";

/// Whose lines stay out whatever `RUST_LOG` says, also `lapin::channel=warn`: they would carry messages, statements, mails, or
/// what a request said that could not be read.
const NEVER_LOGGED: [&str; 7] =
    ["lapin", "amq_protocol", "sqlx::query", "sqlx::postgres", "sqlx_postgres", "lettre", "axum::rejection"];

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For eyes.
    Pretty,
}

/// Settings of logs and traces.
#[derive(Clone, Debug, clap::Args)]
pub struct TelemetryConfig {
    /// How log lines look.
    #[arg(long, env, value_enum, default_value = "json")]
    pub log_format: LogFormat,
    /// Which log lines are shown, as a tracing-subscriber filter; by default info and the libraries' errors.
    #[arg(long, env)]
    pub rust_log: Option<String>,
    /// Where spans go by OTLP over HTTP, such as `http://127.0.0.1:4318`; nowhere if not set. The other standard `OTEL_*`
    /// variables (headers, timeout, sampler, resource attributes) are read as well, or refused by name.
    #[arg(long, env)]
    pub otel_exporter_otlp_endpoint: Option<String>,
    /// The same for traces alone, with the path: `http://127.0.0.1:4318/v1/traces`.
    #[arg(long, env)]
    pub otel_exporter_otlp_traces_endpoint: Option<String>,
}

/// Logs and traces of this process. Dropping it loses the last spans: call [`Telemetry::shutdown`].
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
    log: LogWriter,
}

impl Telemetry {
    /// Installs logs and traces for the whole process, named `process`.
    pub fn install(process: &'static str, config: &TelemetryConfig) -> anyhow::Result<Self> {
        let variables = OtelVariables::read(variables())?;
        let provider = provider(process, config, &variables)?;
        let log = LogWriter::to_stdout();
        let exported = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("pas-de-trois"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            // Log lines stay in the log: as events of their spans they would be kept and sent a second time.
            .with_filter(EnvFilter::new(EXPORTED).and(filter_fn(is_span)));
        Registry::default()
            .with(exported)
            .with(SpanFields)
            .with(lines(process, config, &log)?)
            .try_init()
            .context("logs were set up twice")?;
        panic::set_hook(Box::new(log_panic));
        if !variables.of_no_use.is_empty() {
            warn!(variables = variables.of_no_use.join(", "), "these variables do nothing here");
        }
        Ok(Self { provider, log })
    }

    /// How many log lines were dropped because nobody reads them fast enough.
    pub fn dropped_lines(&self) -> DroppedLines {
        self.log.dropped_lines()
    }

    /// Exports the last spans, waiting at most two seconds, and writes the last lines, waiting at most one; blocks.
    pub fn shutdown(self) {
        // Failing here means that the backend is unreachable, which was said already.
        let _ = self.provider.shutdown_with_timeout(Duration::from_secs(2));
        self.log.finish();
    }
}

/// What is no text is none of ours.
fn variables() -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn is_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
}

fn lines<S>(
    process: &'static str,
    config: &TelemetryConfig,
    log: &LogWriter,
) -> anyhow::Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let filter = EnvFilter::try_new(config.rust_log.as_deref().unwrap_or(LOGGED)).context("RUST_LOG")?;
    // Not as a directive: a longer one, of a module, would win.
    let filter = filter.and(filter_fn(|line| may_be_logged(line.target())));
    Ok(match config.log_format {
        LogFormat::Json => {
            let layer = tracing_subscriber::fmt::layer().event_format(FlatJson { process });
            layer.with_writer(log.writer()).with_filter(filter).boxed()
        }
        LogFormat::Pretty => {
            let layer = tracing_subscriber::fmt::layer().with_target(false);
            layer.with_writer(log.writer()).with_filter(filter).boxed()
        }
    })
}

fn may_be_logged(target: &str) -> bool {
    let of = |library: &str| target.strip_prefix(library).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    !NEVER_LOGGED.into_iter().any(of)
}

fn provider(
    process: &'static str,
    config: &TelemetryConfig,
    variables: &OtelVariables,
) -> anyhow::Result<SdkTracerProvider> {
    let name = variables.service_name.clone().unwrap_or_else(|| process.to_owned());
    let mut builder = SdkTracerProvider::builder().with_resource(resource(name));
    if std::env::var_os("OTEL_TRACES_SAMPLER").is_none() {
        builder = builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)));
    }
    let traces = config.otel_exporter_otlp_traces_endpoint.clone();
    let all = config.otel_exporter_otlp_endpoint.as_deref();
    let endpoint = traces.or_else(|| Some(format!("{}/v1/traces", all?.trim_end_matches('/'))));
    if let Some(endpoint) = endpoint.filter(|_| !variables.disabled) {
        builder = builder.with_batch_exporter(BestEffort::new(exporter(endpoint)?));
    }
    Ok(builder.build())
}

/// Which process the spans are from, by OpenTelemetry's semantic conventions for resources. What
/// `OTEL_RESOURCE_ATTRIBUTES` says comes last and wins.
///
/// The attribute `ip` is for that variable, as only whoever starts a fleet knows which processes share a clock: Jaeger
/// takes it for the host, and does not compare the times of spans that come from one.
fn resource(service: String) -> Resource {
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
        ])
        .with_attributes(host_name().map(|name| KeyValue::new("host.name", name)))
        .with_detector(Box::new(EnvResourceDetector::new()))
        .with_service_name(service)
        .build()
}

fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// By no proxy, whatever the environment says of one: a collector is near, and a proxy knows no internal names.
fn exporter(endpoint: String) -> anyhow::Result<SpanExporter> {
    if !endpoint.starts_with("http://") {
        bail!("OTEL_EXPORTER_OTLP_ENDPOINT must begin with http://, for spans go by plain HTTP");
    }
    let client = reqwest::blocking::Client::builder().no_proxy().build()?;
    SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(endpoint)
        .build()
        .context("OTEL_EXPORTER_OTLP_ENDPOINT")
}

/// A panic is one log line with its place; its message may hold whatever was being handled, so it is left out.
fn log_panic(info: &panic::PanicHookInfo<'_>) {
    let place = info.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    error!(place, "panicked");
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::*;

    #[test]
    fn what_holds_personal_data_is_not_logged_by_any_of_its_modules() {
        for silent in [
            "lapin",
            "lapin::channel",
            "sqlx::query",
            "sqlx::postgres::notice",
            "lettre::transport::smtp",
            "axum::rejection",
        ] {
            assert!(!may_be_logged(silent), "{silent}");
        }
        for told in ["service::start", "messaging::outbox", "hyper::proto", "sqlx::pool::acquire", "lapinator"] {
            assert!(may_be_logged(told), "{told}");
        }
    }

    #[test]
    fn spans_say_which_process_of_which_host_they_are_from() {
        let resource = resource("orders".into());
        let says = |key: &'static str| resource.get(&Key::new(key)).map(|value| value.to_string());
        assert_eq!(says("service.name").as_deref(), Some("orders"));
        assert_eq!(says("service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert!(says("service.instance.id").is_some_and(|id| id.parse::<Uuid>().is_ok()));
        assert_eq!(says("host.name"), host_name());
    }
}
