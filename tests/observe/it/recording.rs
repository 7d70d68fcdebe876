//! A recorder that remembers what it is told, for tests that ask for exact numbers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// Each series by its name and labels: the last value of a counter or a gauge, or how many values a histogram has.
#[derive(Clone, Default)]
pub(crate) struct Recording {
    series: Arc<Mutex<BTreeMap<String, f64>>>,
    /// Without them a publication leaves the times to other recorders.
    has_histograms: bool,
}

impl Recording {
    /// One that takes times, too. They go to one recorder: such tests run one at a time, [`alone`](crate::metrics::alone).
    pub(crate) fn with_histograms() -> Self {
        Self { has_histograms: true, ..Self::default() }
    }

    pub(crate) fn publish(&self) {
        metrics::with_local_recorder(self, cachekit::metrics::publish);
    }

    #[track_caller]
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let count = self.series.lock().unwrap().get(&named(name, labels)).copied();
        format!("{}", count.unwrap_or_default()).parse().unwrap()
    }

    /// Whether anything was told of a function.
    pub(crate) fn knows(&self, cache: &str) -> bool {
        let of = format!("(\"cache\", \"{cache}\")");
        self.series.lock().unwrap().keys().any(|series| series.contains(&of))
    }

    /// Calls by tier and result, those that there were.
    pub(crate) fn calls(&self, cache: &str) -> BTreeMap<String, u64> {
        const RESULTS: [&str; 5] = ["hit", "stale", "negative", "miss", "bypass"];
        let all = ["process", "shared", "none"]
            .into_iter()
            .flat_map(|tier| RESULTS.map(|result| (tier, result)));
        let counted = all.map(|(tier, result)| {
            let labels = [("cache", cache), ("tier", tier), ("result", result)];
            (format!("{tier} {result}"), self.count("cachekit_calls_total", &labels))
        });
        counted.filter(|(_, count)| *count > 0).collect()
    }

    fn series(&self, key: &Key) -> Series {
        let labels: Vec<_> = key.labels().map(|label| (label.key(), label.value())).collect();
        Series { name: named(key.name(), &labels), all: Arc::clone(&self.series) }
    }
}

fn named(name: &str, labels: &[(&str, &str)]) -> String {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    format!("{name} {labels:?}")
}

struct Series {
    name: String,
    all: Arc<Mutex<BTreeMap<String, f64>>>,
}

impl Series {
    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut all = self.all.lock().unwrap();
        let value = all.entry(self.name.clone()).or_default();
        *value = change(*value);
    }
}

#[allow(clippy::cast_precision_loss)] // As the facade has it.
impl CounterFn for Series {
    fn increment(&self, more: u64) {
        self.change(|value| value + more as f64);
    }

    fn absolute(&self, now: u64) {
        // Not as an exporter does, which would hide one that goes back.
        self.change(|value| {
            let now = now as f64;
            assert!(now >= value, "{} went from {value} to {now}", self.name);
            now
        });
    }
}

impl GaugeFn for Series {
    fn increment(&self, more: f64) {
        self.change(|value| value + more);
    }

    fn decrement(&self, less: f64) {
        self.change(|value| value - less);
    }

    fn set(&self, now: f64) {
        self.change(|_| now);
    }
}

impl HistogramFn for Series {
    fn record(&self, _value: f64) {
        self.change(|count| count + 1.0);
    }
}

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(self.series(key)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(self.series(key)))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        if !self.has_histograms {
            return Histogram::noop();
        }
        Histogram::from_arc(Arc::new(self.series(key)))
    }
}
