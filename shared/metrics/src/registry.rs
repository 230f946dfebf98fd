//! Where the metrics of a service are registered; each registration is the metric's only declaration.

use std::fmt;

use futures_util::{FutureExt, future::BoxFuture};
use parking_lot::Mutex;
use prometheus_client::{
    metrics::MetricType,
    registry::{Metric, Registry as Registered, Unit},
};

use crate::instruments::{Counter, Gauge, Histogram, Labeled, Observable};

/// What a metric is called and means.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// As it is exported.
    pub name: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: Vec<&'static str>,
    /// What it means: a sentence without its full stop.
    pub help: &'static str,
}

impl Declaration {
    /// The base unit that its values have, which its name says as well; none if it counts something.
    pub fn unit(&self) -> Option<&'static str> {
        let name = self.name.trim_end_matches("_total");
        ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")))
    }
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows, and begins at zero with the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Always 1: what it says is in its labels.
    Info,
    /// How often a value fell below each of these bounds.
    Histogram(&'static [f64]),
}

/// Why a sample could not be taken.
pub type SampleError = Box<dyn std::error::Error + Send + Sync>;
/// Sets gauges to what somebody else knows, whenever it is asked to.
type Sample = Box<dyn Fn() -> BoxFuture<'static, Result<(), SampleError>> + Send + Sync>;

/// The metrics of one service.
#[derive(Default)]
pub struct Registry {
    registered: Mutex<Registered>,
    declared: Mutex<Vec<Declaration>>,
    samples: Mutex<Vec<Sample>>,
}

impl Registry {
    /// A counter; `name` ends in `_total`.
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        self.register(Declaration { name, kind: Kind::Counter, labels: Vec::new(), help }, Counter::default())
    }

    /// A counter for each value of the labels.
    pub fn counters<const N: usize>(
        &self,
        name: &'static str,
        labels: [&'static str; N],
        help: &'static str,
    ) -> Labeled<Counter, N> {
        let by = Labeled::new(labels, &[]);
        self.register(Declaration { name, kind: Kind::Counter, labels: labels.to_vec(), help }, by.family.clone());
        by
    }

    /// A gauge, which is not exported before it is first set.
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        self.register(Declaration { name, kind: Kind::Gauge, labels: Vec::new(), help }, Gauge::default())
    }

    /// A gauge for each value of the labels.
    pub fn gauges<const N: usize>(
        &self,
        name: &'static str,
        labels: [&'static str; N],
        help: &'static str,
    ) -> Labeled<Gauge, N> {
        let by = Labeled::new(labels, &[]);
        self.register(Declaration { name, kind: Kind::Gauge, labels: labels.to_vec(), help }, by.family.clone());
        by
    }

    /// A histogram with buckets up to each of `bounds`.
    pub fn histogram(&self, name: &'static str, bounds: &'static [f64], help: &'static str) -> Histogram {
        let declaration = Declaration { name, kind: Kind::Histogram(bounds), labels: Vec::new(), help };
        self.register(declaration, Histogram::new(bounds.iter().copied()))
    }

    /// A histogram for each value of the labels.
    pub fn histograms<const N: usize>(
        &self,
        name: &'static str,
        labels: [&'static str; N],
        bounds: &'static [f64],
        help: &'static str,
    ) -> Labeled<Histogram, N> {
        let (by, kind) = (Labeled::new(labels, bounds), Kind::Histogram(bounds));
        self.register(Declaration { name, kind, labels: labels.to_vec(), help }, by.family.clone());
        by
    }

    /// What is looked up when somebody scrapes, and so must cost nothing: the values of the labels, and the value. By its
    /// name a counter without labels (`_total`), an info (`_info`), or else a gauge.
    pub fn read<const N: usize>(
        &self,
        name: &'static str,
        labels: [&'static str; N],
        help: &'static str,
        read: impl Fn() -> Vec<([&'static str; N], f64)> + Send + Sync + 'static,
    ) {
        let (kind, exported) = match name {
            _ if name.ends_with("_total") => (Kind::Counter, MetricType::Counter),
            _ if name.ends_with("_info") => (Kind::Info, MetricType::Info),
            _ => (Kind::Gauge, MetricType::Gauge),
        };
        let metric = Observable { names: labels, kind: exported, look_up: Box::new(read) };
        self.add(Declaration { name, kind, labels: labels.to_vec(), help }, metric);
    }

    /// From now on `read` sets gauges to what a database (or another server) says, whenever a sample is taken.
    pub fn sample<F, E>(&self, read: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<SampleError>,
    {
        self.samples.lock().push(Box::new(move || read().map(|result| result.map_err(Into::into)).boxed()));
    }

    /// Everything that is registered, in the order in which it was.
    pub fn declarations(&self) -> Vec<Declaration> {
        self.declared.lock().clone()
    }

    /// What [`Registry::sample`] was told, begun.
    pub fn begin_samples(&self) -> Vec<BoxFuture<'static, Result<(), SampleError>>> {
        self.samples.lock().iter().map(|sample| sample()).collect()
    }

    /// Everything that is known, in the OpenMetrics text format.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registered.lock())?;
        Ok(text)
    }

    fn register<M: Metric + Clone>(&self, declaration: Declaration, metric: M) -> M {
        self.add(declaration, metric.clone());
        metric
    }

    fn add(&self, declaration: Declaration, metric: impl Metric) {
        // The client appends what a counter's name must end in, and the unit.
        let name = declaration.name.trim_end_matches("_total").trim_end_matches("_info");
        let (help, mut registered) = (declaration.help, self.registered.lock());
        match declaration.unit().and_then(|unit| Some((name.strip_suffix(unit)?.strip_suffix('_')?, unit))) {
            Some((name, unit)) => registered.register_with_unit(name, help, Unit::Other(unit.into()), metric),
            None => registered.register(name, help, metric),
        }
        self.declared.lock().push(declaration);
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.declared.lock().iter().map(|declaration| declaration.name).collect();
        f.debug_tuple("Registry").field(&names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::Scrape;

    #[test]
    fn every_kind_is_exported_under_the_name_that_was_declared() {
        let registry = Registry::default();
        registry.counter("a_total", "A").inc();
        registry.counters("b_seconds_total", ["x"], "B").of(["1"]).inc();
        registry.gauge("c_bytes", "C").set(1);
        registry.gauges("d", ["x"], "D").of(["1"]).set(1);
        registry.histogram("e_seconds", &[1.0], "E").observe(1.0);
        registry.histograms("f", ["x"], &[1.0], "F").of(["1"]).observe(1.0);
        registry.read("g_seconds_total", [], "G", || vec![([], 1.0)]);
        registry.read("h", ["x"], "H", || vec![(["1"], 1.0)]);
        registry.read("i_info", ["x"], "I", || vec![(["1"], 1.0)]);
        let scrape = Scrape::parse(&registry.encode().expect("text"));
        for Declaration { name, kind, labels, .. } in registry.declarations() {
            let exported = if let Kind::Histogram(_) = kind { format!("{name}_count") } else { name.to_owned() };
            let labels: Vec<_> = labels.into_iter().map(|label| (label, "1")).collect();
            assert_eq!(scrape.sum(&exported, &labels), Some(1.0), "{name}");
        }
    }

    #[test]
    fn a_gauge_is_not_there_before_it_is_set() {
        let registry = Registry::default();
        let (one, many) = (registry.gauge("a", "A"), registry.gauges("b", ["x"], "B"));
        many.of(["1"]);
        let read = |name| Scrape::parse(&registry.encode().expect("text")).sum(name, &[]);
        assert_eq!((read("a"), read("b")), (None, None));
        one.set(0);
        many.of(["2"]).set(3);
        assert_eq!((read("a"), read("b")), (Some(0.0), Some(3.0)));
    }
}
