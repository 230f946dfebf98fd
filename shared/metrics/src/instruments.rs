//! The kinds of metrics. Clones share their value.

use std::{
    borrow::Cow,
    fmt::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use prometheus_client::{
    encoding::{EncodeLabelValue, EncodeMetric, LabelValueEncoder, MetricEncoder},
    metrics::{
        MetricType, TypedMetric,
        family::{Family, MetricConstructor},
    },
};

/// Only grows.
pub type Counter = prometheus_client::metrics::counter::Counter;
/// How often a value fell below each of some bounds.
pub type Histogram = prometheus_client::metrics::histogram::Histogram;

/// Goes up and down. Not exported before it is first set: nobody shall take what is not known yet for a zero.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<AtomicU64>);

impl Default for Gauge {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(f64::NAN.to_bits())))
    }
}

impl Gauge {
    /// From now on it is `value`.
    pub fn set(&self, value: impl Into<f64>) {
        self.0.store(value.into().to_bits(), Ordering::Relaxed);
    }

    /// From now on it is a number of rows.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 rows")]
    pub fn set_count(&self, rows: i64) {
        self.set(rows as f64);
    }

    /// From now on it is the age, in seconds, of what exists since `since`; 0 if there is nothing.
    pub fn set_age(&self, since: Option<Timestamp>, now: Timestamp) {
        self.set(since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0)));
    }

    /// What it was set to, if it was.
    pub fn get(&self) -> Option<f64> {
        Some(f64::from_bits(self.0.load(Ordering::Relaxed))).filter(|value| !value.is_nan())
    }
}

impl EncodeMetric for Gauge {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        self.get().map_or(Ok(()), |value| encoder.encode_gauge(&value))
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Gauge {
    const TYPE: MetricType = MetricType::Gauge;
}

type Labels<const N: usize> = [(&'static str, Value); N];

/// The value of a label. The client would write it as it is, whatever it holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value(Cow<'static, str>);

impl EncodeLabelValue for Value {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => encoder.write_str("\\\\")?,
                '"' => encoder.write_str("\\\"")?,
                '\n' => encoder.write_str("\\n")?,
                other => encoder.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A metric for each value of a label, or of `N` labels.
#[derive(Clone, Debug)]
pub struct Labeled<M, const N: usize = 1> {
    names: [&'static str; N],
    pub(crate) family: Family<Labels<N>, M, Bounds>,
}

impl<M: Clone, const N: usize> Labeled<M, N>
where
    Bounds: MetricConstructor<M>,
{
    pub(crate) fn new(names: [&'static str; N], bounds: &'static [f64]) -> Self {
        Self { names, family: Family::new_with_constructor(Bounds(bounds)) }
    }

    /// The one of these values, in the order of the labels. Whoever asks sees to it that there are few.
    pub fn of(&self, values: [impl Into<Cow<'static, str>>; N]) -> M {
        let mut names = self.names.into_iter();
        let labels = values.map(|value| (names.next().unwrap_or_default(), Value(value.into())));
        self.family.get_or_create_owned(&labels)
    }
}

/// Makes the members of a family; only histograms have bounds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds(&'static [f64]);

impl MetricConstructor<Counter> for Bounds {
    fn new_metric(&self) -> Counter {
        Counter::default()
    }
}

impl MetricConstructor<Gauge> for Bounds {
    fn new_metric(&self) -> Gauge {
        Gauge::default()
    }
}

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// Values of labels, and the number that they have.
pub(crate) type Numbers<const N: usize> = Vec<([&'static str; N], f64)>;

/// Read only when somebody scrapes: what costs nothing to look up.
pub(crate) struct Observable<const N: usize> {
    pub names: [&'static str; N],
    pub kind: MetricType,
    pub look_up: Box<dyn Fn() -> Numbers<N> + Send + Sync>,
}

impl<const N: usize> Observable<N> {
    fn encode_one(&self, encoder: &mut MetricEncoder, values: [&'static str; N], value: f64) -> fmt::Result {
        let mut names = self.names.into_iter();
        let labels = values.map(|value| (names.next().unwrap_or_default(), Value(value.into())));
        match self.kind {
            MetricType::Info => encoder.encode_info(&labels),
            MetricType::Counter => encoder.encode_counter::<[(&str, &str); 0], _, f64>(&value, None),
            _ if N == 0 => encoder.encode_gauge(&value),
            _ => encoder.encode_family(&labels)?.encode_gauge(&value),
        }
    }
}

impl<const N: usize> EncodeMetric for Observable<N> {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        (self.look_up)().into_iter().try_for_each(|(values, value)| self.encode_one(&mut encoder, values, value))
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }
}

impl<const N: usize> fmt::Debug for Observable<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observable").field("names", &self.names).finish_non_exhaustive()
    }
}
