//! Metrics through the facade crate `metrics` (feature `metrics`): any recorder, such as a Prometheus exporter.
//!
//! Install a recorder as usual, and call [`start`] once, or [`publish`] at every scrape. No other setup is needed.
//!
//! ```
//! let exporter = metrics_exporter_prometheus::PrometheusBuilder::new()
//!     .set_buckets_for_metric(
//!         metrics_exporter_prometheus::Matcher::Suffix("_duration_seconds".to_owned()),
//!         cachekit::metrics::DURATION_BUCKETS,
//!     )?
//!     .install_recorder()?;
//!
//! #[cachekit::cache::local(ttl = 60)]
//! fn square(n: u64) -> u64 { n * n }
//!
//! square(3);
//! square(3);
//!
//! cachekit::metrics::publish();
//! let scraped = exporter.render();
//! assert!(scraped.contains("cachekit_calls_total{"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Metrics
//!
//! | name | type | labels |
//! |--|--|--|
//! | `cachekit_calls_total` | counter | `cache`, `tier` (`process`, `shared`, `none`), `result` (`hit`, `stale`, `negative`, `miss`, `bypass`) |
//! | `cachekit_fills_total` | counter | `cache`, `outcome` (`ok`, `not_stored`, `error`, `panic`, `cancelled`), `cause` (`miss`, `refresh`, `forced`) |
//! | `cachekit_fill_duration_seconds` | histogram | `cache` |
//! | `cachekit_backend_duration_seconds` | histogram | `backend`, `op`, `outcome` (`ok`, or the kind of the error) |
//! | `cachekit_evictions_total` | counter | `cache`, `reason` (`capacity`, `expired`) |
//! | `cachekit_entries` | gauge | `cache` |
//! | `cachekit_weight` | gauge | `cache` |
//! | `cachekit_breaker_state` | gauge | `backend`; 0 is closed, 1 is open: functions run without it |
//! | `cachekit_invalidations_total` | counter | `cache`, `direction` (`sent`, `received`), `cause` (`call`, `changed`) |
//! | `cachekit_coherence_flushes_total` | counter | `cache`, `reason`: the backend was emptied (`cleared`), or its events may have been lost (`gap`); counts the entries dropped |
//! | `cachekit_refused_total` | counter | `cache`, `reason`; sealed entries, for `#[cache::secure]` |
//! | `cachekit_shared_errors_total` | counter | `cache` |
//! | `cachekit_shared_skips_total` | counter | `cache`; calls that skipped the shared tier because its circuit breaker was open |
//! | `cachekit_flight_waiters` | gauge | `cache`; calls that are waiting for another call's run |
//!
//! `cache` is the module and the path of an annotated function, so it has as many values as there are annotated
//! functions, whatever the program's users request. No label holds a key, a tenant or a value. Functions that were
//! never called are not published. A cached `None` or error is a `negative` hit, in either tier. A call is counted once
//! it is known what answers it; background refreshes do not count as calls. Calls while caching is off are not counted.
//!
//! # Recorders
//!
//! Every recorder that publishes gets the counters and gauges. Durations go to one recorder as they are measured: that
//! of the latest publication. A recorder that ignores durations (a histogram that does nothing) changes nothing: they
//! are buffered for one that takes them, up to 4,096 of a series exactly, later ones rounded up by an eighth at most.
//!
//! A recorder is the program's own code. At the end of a run it is called without any lock of this crate. A panic in it
//! fails no call, and a cached call that it makes waits for no other call.
//!
//! # What it costs
//!
//! Each thread counts its own hits, with this feature or without; [`publish`] adds up the threads. A hit sends nothing
//! to a recorder. Durations of runs and of backend operations are measured from the first [`publish`] on, and recorded
//! as they end.

use std::sync::OnceLock;
use std::time::Duration;

use ::metrics::{Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use cachekit_io::per_process::PerProcess;

use crate::cached_function::Tier;
use crate::contained::contained;
use crate::observe::{self, Cause, Observed, Outcome};
use crate::report::{self, Report};

/// Upper bounds for the histograms of durations, in seconds: from 100 microseconds to 10 seconds. For exporters that do
/// not make histograms by default.
pub const DURATION_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// How often [`start`] publishes.
const PERIOD: Duration = Duration::from_secs(1);

static METADATA: Metadata<'static> = Metadata::new("cachekit", Level::INFO, None);

/// Publishes once a second, on its own thread, until the process ends. Further calls do nothing, except in a
/// forked child: it has no such thread until it calls this.
///
/// For exporters that push, and for those that are scraped through their own listener. A program that serves its own
/// scrapes calls [`publish`] there instead, and needs no thread.
///
/// # Example
///
/// ```
/// cachekit::metrics::start();
/// ```
pub fn start() {
    // A forked child has none of its parent's threads.
    static STARTED: PerProcess<OnceLock<()>> = PerProcess::new();
    STARTED.get().get_or_init(|| {
        // Measure from now on, not from the end of the first second.
        observe::measure();
        let publishing = || {
            loop {
                std::thread::sleep(PERIOD);
                // A recorder that panics once may work again.
                contained(publish);
            }
        };
        // If no thread can be started, there are no metrics, and the program continues.
        let _ = std::thread::Builder::new().name("cachekit-metrics".into()).spawn(publishing);
    });
}

/// Passes all counters and gauges to the recorder: the thread's, if it has one, or the process's. From now on it also
/// gets the durations.
///
/// Takes a few microseconds for each function that was called. The counters are absolute, so it does not matter how
/// often it is called, nor by how many callers.
///
/// # Panics
///
/// If the recorder panics.
///
/// # Example
///
/// ```
/// // In the handler of `/metrics`:
/// # fn rendered() -> String { String::new() }
/// fn scrape() -> String {
///     cachekit::metrics::publish();
///     rendered()
/// }
/// # scrape();
/// ```
pub fn publish() {
    observe::measure();
    let reports = report::all();
    ::metrics::with_recorder(|recorder| {
        let publish = Publish(recorder);
        publish.describe();
        for (label, report) in reports.iter().filter(|(_, report)| !report.stores.is_empty()) {
            publish.function(label, report);
        }
        publish.backends();
    });
}

/// One publication.
struct Publish<'a>(&'a dyn Recorder);

impl Publish<'_> {
    fn describe(&self) {
        for (name, help) in [
            ("cachekit_calls_total", "Calls of a cached function, by the tier that answered."),
            ("cachekit_fills_total", "Runs of a cached function, by how they ended."),
            ("cachekit_evictions_total", "Entries that left because of their time or for others."),
            ("cachekit_invalidations_total", "Invalidations, by where they came from."),
            (
                "cachekit_coherence_flushes_total",
                "Entries dropped because the shared tier lost track.",
            ),
            ("cachekit_refused_total", "Sealed entries that were not used, by what was wrong."),
            ("cachekit_shared_errors_total", "Operations of the shared tier that failed."),
            ("cachekit_shared_skips_total", "Calls that left the shared tier alone: it was down."),
        ] {
            self.0.describe_counter(KeyName::from_const_str(name), Some(Unit::Count), help.into());
        }
        for (name, help) in [
            ("cachekit_entries", "Entries held now."),
            ("cachekit_weight", "Their weight."),
            ("cachekit_breaker_state", "Whether a backend is left alone: 0 is closed, 1 is open."),
            ("cachekit_flight_waiters", "Calls that wait now for another call's run."),
        ] {
            self.0.describe_gauge(KeyName::from_const_str(name), Some(Unit::Count), help.into());
        }
        for (name, help) in [
            ("cachekit_fill_duration_seconds", "How long a cached function ran."),
            ("cachekit_backend_duration_seconds", "How long a backend took for an operation."),
        ] {
            let name = KeyName::from_const_str(name);
            self.0.describe_histogram(name, Some(Unit::Seconds), help.into());
        }
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        self.0.register_counter(&key(name, labels), &METADATA).absolute(value);
    }

    #[allow(clippy::cast_precision_loss)] // As the facade has it.
    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        self.0.register_gauge(&key(name, labels), &METADATA).set(value as f64);
    }

    fn function(&self, label: &str, report: &Report) {
        let cache = ("cache", label);
        self.calls(label, report);
        self.fills(label, report);
        let stats = &report.stats;
        for (reason, count) in [("capacity", stats.evictions), ("expired", stats.expirations)] {
            self.counter("cachekit_evictions_total", &[cache, ("reason", reason)], count);
        }
        self.gauge("cachekit_entries", &[cache], stats.entries);
        self.gauge("cachekit_weight", &[cache], stats.weight);
        self.gauge("cachekit_flight_waiters", &[cache], report.waiters());
        let invalidations = |direction, cause, count| {
            let labels = [cache, ("direction", direction), ("cause", cause)];
            self.counter("cachekit_invalidations_total", &labels, count);
        };
        invalidations("sent", "call", stats.invalidations);
        if !is_shared(report) {
            return;
        }
        invalidations("received", "changed", stats.shared_invalidations);
        let cleared: u64 = report.observed().map(Observed::cleared).sum();
        let lost = stats.shared_flushes.saturating_sub(cleared);
        for (reason, count) in [("cleared", cleared), ("gap", lost)] {
            self.counter("cachekit_coherence_flushes_total", &[cache, ("reason", reason)], count);
        }
        self.counter("cachekit_shared_errors_total", &[cache], stats.shared_errors);
        self.counter("cachekit_shared_skips_total", &[cache], stats.shared_skips);
        let refused = stats.refused;
        for (reason, count) in [
            ("tampered", refused.tampered),
            ("wrong_key", refused.wrong_key),
            ("wrong_place", refused.wrong_place),
            ("downgraded", refused.downgraded),
            ("damaged", refused.damaged),
        ] {
            if report.functions.iter().any(|function| function.tier() == Tier::Secure) {
                self.counter("cachekit_refused_total", &[cache, ("reason", reason)], count);
            }
        }
    }

    fn calls(&self, label: &str, report: &Report) {
        let calls = &report.calls;
        let shared = [
            ("shared", "hit", calls.shared_hits),
            ("shared", "stale", calls.shared_stale),
            ("shared", "negative", calls.shared_negative),
        ];
        let always = [
            ("process", "hit", calls.hits),
            ("process", "stale", calls.stale),
            ("process", "negative", calls.negative),
            ("none", "miss", calls.misses),
            ("none", "bypass", calls.bypasses),
        ];
        let shared = shared.into_iter().filter(|_| is_shared(report));
        for (tier, result, count) in always.into_iter().chain(shared) {
            let labels = [("cache", label), ("tier", tier), ("result", result)];
            self.counter("cachekit_calls_total", &labels, count);
        }
    }

    fn fills(&self, label: &str, report: &Report) {
        for outcome in Outcome::ALL {
            for cause in Cause::ALL {
                let count = report.fills(outcome, cause);
                // Most of the fifteen combinations never occur.
                if count > 0 || (outcome, cause) == (Outcome::Ok, Cause::Miss) {
                    let names = [("outcome", outcome.as_str()), ("cause", cause.as_str())];
                    let labels = [("cache", label), names[0], names[1]];
                    self.counter("cachekit_fills_total", &labels, count);
                }
            }
        }
        let key = key("cachekit_fill_duration_seconds", &[("cache", label)]);
        for observed in report.observed() {
            observed.durations().recorded().hand_to(self.0.register_histogram(&key, &METADATA));
        }
    }

    fn backends(&self) {
        let mut states = std::collections::BTreeMap::new();
        for (backend, open) in crate::shared::known::breakers() {
            // If one of several backends of one type is open, the metric is 1.
            *states.entry(backend).or_insert(false) |= open;
        }
        for (backend, open) in states {
            self.gauge("cachekit_breaker_state", &[("backend", backend)], u64::from(open));
        }
        for (backend, noted) in observe::backends() {
            for ((op, outcome), durations) in noted.durations {
                let labels = [("backend", backend), ("op", op), ("outcome", outcome)];
                let key = key("cachekit_backend_duration_seconds", &labels);
                durations.recorded().hand_to(self.0.register_histogram(&key, &METADATA));
            }
        }
    }
}

/// Whether the functions use a shared tier.
fn is_shared(report: &Report) -> bool {
    report.functions.iter().any(|function| function.tier() != Tier::Local)
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels = labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned()));
    Key::from_parts(name, labels.collect::<Vec<_>>())
}
