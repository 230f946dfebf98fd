//! The standard `OTEL_*` variables (OpenTelemetry specification, "Environment Variable Specification"): each works, or is
//! refused by name, or is said to be of no use here. None is silently ignored: a trace that comes nowhere looks like one
//! that was never made.

use anyhow::bail;

/// What the SDK, the exporter or this program reads.
const READ: [&str; 19] = [
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SDK_DISABLED",
    "OTEL_PROPAGATORS",
    "OTEL_TRACES_EXPORTER",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    "OTEL_METRICS_EXPORTER",
    "OTEL_LOGS_EXPORTER",
];
/// The same, by their beginnings: the batch processor's settings and the limits of spans.
const READ_BEGINNINGS: [&str; 2] = ["OTEL_BSP_", "OTEL_SPAN_"];

/// What the variables ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OtelVariables {
    /// Spans go nowhere, though an endpoint may be set.
    pub disabled: bool,
    /// The name that replaces the process's own.
    pub service_name: Option<String>,
    /// Those that do nothing here.
    pub of_no_use: Vec<String>,
}

impl OtelVariables {
    /// Those among `variables`; empty ones count as not set. Fails if one asks for what can't be done.
    pub fn read(variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut asked = Self::default();
        let mut set: Vec<_> =
            variables.filter(|(name, value)| name.starts_with("OTEL_") && !value.is_empty()).collect();
        set.sort();
        for (name, value) in set {
            let known = READ.contains(&name.as_str()) || READ_BEGINNINGS.iter().any(|start| name.starts_with(start));
            match name.as_str() {
                "OTEL_SERVICE_NAME" => asked.service_name = Some(value),
                "OTEL_SDK_DISABLED" => asked.disabled |= value.eq_ignore_ascii_case("true"),
                "OTEL_TRACES_EXPORTER" if value == "none" => asked.disabled = true,
                "OTEL_TRACES_EXPORTER" => only(&name, &value, &["otlp"])?,
                "OTEL_METRICS_EXPORTER" | "OTEL_LOGS_EXPORTER" if value != "none" => asked.of_no_use.push(name),
                "OTEL_PROPAGATORS" => {
                    for part in value.split(',') {
                        only(&name, part.trim(), &["tracecontext", "baggage", "jaeger"])?;
                    }
                }
                _ if name.ends_with("_PROTOCOL") && known => only(&name, &value, &["http/protobuf"])?,
                _ if name.ends_with("_COMPRESSION") && known => only(&name, &value, &["none"])?,
                _ if name.ends_with("_CERTIFICATE") || name.ends_with("_CLIENT_KEY") => {
                    bail!("{name}: spans go by plain HTTP, to a collector on this machine or in this network")
                }
                _ if !known => asked.of_no_use.push(name),
                _ => {}
            }
        }
        Ok(asked)
    }
}

fn only(name: &str, value: &str, possible: &[&str]) -> anyhow::Result<()> {
    if possible.contains(&value) {
        return Ok(());
    }
    bail!("{name} can't be {value:?} here, only {}", possible.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> anyhow::Result<OtelVariables> {
        OtelVariables::read(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn what_can_t_be_done_is_refused_by_name() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_PROPAGATORS", "tracecontext,b3"),
        ] {
            let error = read(&[(name, value)]).expect_err(name).to_string();
            assert!(error.starts_with(name), "{error}");
            assert_eq!(read(&[(name, "")]).expect("an empty variable is not set"), OtelVariables::default());
        }
    }

    #[test]
    fn what_is_of_no_use_is_named_and_what_works_is_not() {
        let asked = read(&[
            ("OTEL_LOG_LEVEL", "debug"),
            ("OTEL_METRICS_EXPORTER", "otlp"),
            ("OTEL_LOGS_EXPORTER", "none"),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("OTEL_PROPAGATORS", "tracecontext, baggage"),
            ("OTEL_SERVICE_NAME", "mine"),
            ("OTEL_TRACES_EXPORTER", "none"),
            ("HOME", "/"),
        ])
        .expect("nothing that can't be done");
        let of_no_use = vec!["OTEL_LOG_LEVEL".to_owned(), "OTEL_METRICS_EXPORTER".to_owned()];
        assert_eq!(asked, OtelVariables { disabled: true, service_name: Some("mine".into()), of_no_use });
    }
}
