//! Reads what `/metrics` says: the OpenMetrics text format, as far as the fleet's services use it, and quantiles of
//! histograms.

use std::collections::BTreeMap;

/// One number of an exposition.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name, with `_bucket`, `_count`, `_sum` where it belongs to a histogram.
    pub name: String,
    /// The labels, by name.
    pub labels: BTreeMap<String, String>,
    /// The number.
    pub value: f64,
}

/// What a service's metrics were at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scrape(Vec<Sample>);

impl Scrape {
    /// Reads an exposition; a line that can't be understood is left out.
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    /// Every sample of this name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter(move |sample| sample.name == name)
    }

    /// The sum of the samples of this name that have these labels; `None` if there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut values = self.named(name).filter(|sample| sample.has(labels)).map(|sample| sample.value).peekable();
        values.peek().is_some().then(|| values.sum())
    }

    /// The histogram of this name, all samples that have these labels added up.
    pub fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Buckets {
        let mut buckets = Buckets::default();
        for sample in self.named(&format!("{name}_bucket")).filter(|sample| sample.has(labels)) {
            if let Some(bound) = sample.labels.get("le").and_then(|bound| bound.parse().ok()) {
                buckets.add(bound, sample.value);
            }
        }
        buckets
    }
}

impl Sample {
    /// Whether it has these labels, and maybe others.
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|found| found == value))
    }
}

/// `name{label="value",…} number`; what may follow (a timestamp, an exemplar) is not looked at.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// The labels, and what follows their closing brace.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, after) = unquote(quoted)?;
        labels.insert(name.to_owned(), value);
        rest = after;
    }
}

/// What stands before the closing quote, and what follows it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let (mut value, mut characters) = (String::new(), quoted.chars());
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(match characters.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

/// A histogram: how many values were at most so large, by bound, the last of which is infinite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets(Vec<(f64, f64)>);

impl Buckets {
    fn add(&mut self, bound: f64, count: f64) {
        match self.0.binary_search_by(|(other, _)| other.total_cmp(&bound)) {
            Ok(at) => self.0[at].1 += count,
            Err(at) => self.0.insert(at, (bound, count)),
        }
    }

    /// How many values there are.
    pub fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// What was added since `earlier`; everything, if the service was started again in between.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let same = self.0.len() == earlier.0.len() && self.count() >= earlier.count();
        if !same {
            return self.clone();
        }
        Self(self.0.iter().zip(&earlier.0).map(|((bound, now), (_, then))| (*bound, now - then)).collect())
    }

    /// Below which value this share of all values is, as Prometheus' `histogram_quantile` estimates it: evenly spread
    /// within a bucket, and nothing beyond the last finite bound. `None` without values.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = share * self.count();
        if self.count() <= 0.0 {
            return None;
        }
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            if *count >= rank && bound.is_finite() {
                let share = if *count > below { (rank - below) / (count - below) } else { 1.0 };
                return Some(lower + (bound - lower) * share);
            }
            if bound.is_finite() {
                (lower, below) = (*bound, *count);
            }
        }
        Some(lower)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Registry;

    proptest! {
        #[test]
        fn what_the_registry_writes_is_read_again(value in -1e12..1e12_f64, label in "(\\PC|\n|\"){0,20}", count in 0..9_u32) {
            let registry = Registry::default();
            registry.gauge("a_seconds", "A").set(value);
            registry.gauges("b_bytes", ["one", "two"], "B").of([label.clone(), "}, x=\"\\".to_owned()]).set(value);
            registry.counters("c_total", ["kind"], "C").of([label.clone()]).inc_by(count.into());
            let scrape = Scrape::parse(&registry.encode().expect("text"));
            prop_assert_eq!(scrape.sum("a_seconds", &[]), Some(value));
            prop_assert_eq!(scrape.sum("b_bytes", &[("one", &label), ("two", "}, x=\"\\")]), Some(value));
            prop_assert_eq!(scrape.sum("c_total", &[("kind", &label)]), Some(f64::from(count)));
        }
    }

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let registry = Registry::default();
        let histograms = registry.histograms("d_seconds", ["kind"], &[1.0, 2.0, 4.0], "D");
        let read = || Scrape::parse(&registry.encode().expect("text")).histogram("d_seconds", &[("kind", "x")]);
        assert_eq!(read().quantile(0.5), None);
        for value in [0.5, 1.5, 1.5, 3.0] {
            histograms.of(["x"]).observe(value);
            histograms.of(["y"]).observe(100.0);
        }
        let first = read();
        assert_eq!((first.count(), first.quantile(0.25), first.quantile(0.5)), (4.0, Some(1.0), Some(1.5)));
        assert_eq!((first.quantile(1.0), first.quantile(0.0)), (Some(4.0), Some(0.0)));
        histograms.of(["x"]).observe(100.0);
        let later = read().since(&first);
        assert_eq!((later.count(), later.quantile(0.5)), (1.0, Some(4.0)));
        assert_eq!(first.since(&read()), first);
    }

    #[test]
    fn what_is_no_sample_is_left_out() {
        let scrape = Scrape::parse("# HELP a b\na\na{\na{b}\na{b=\"c\na{b=\"c\"} x\na{} 1 # {t=\"1\"} 2\nb NaN\n");
        assert_eq!(scrape.named("a").count(), 1);
        assert!(scrape.sum("b", &[]).is_some_and(f64::is_nan));
    }
}
