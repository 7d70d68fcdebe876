//! What a recorder is told, and when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use cachekit::Cache;
use cachekit::testing::isolate;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

use super::{EXPORTER, alone};

#[cachekit::cache::local(ttl = 60)]
fn plain(n: u64) -> u64 {
    n * n
}

/// A recorder that counts what it is told.
#[derive(Default)]
struct Counting {
    told: Arc<AtomicU64>,
}

struct Told(Arc<AtomicU64>);

impl CounterFn for Told {
    fn increment(&self, _value: u64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn absolute(&self, _value: u64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl HistogramFn for Told {
    fn record(&self, _value: f64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Recorder for Counting {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Told(Arc::clone(&self.told))))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Told(Arc::clone(&self.told))))
    }
}

#[test]
fn a_recorder_hears_nothing_of_a_hit_until_the_next_publication() {
    let _alone = alone();
    let recorder = Counting::default();
    let told = || recorder.told.load(Ordering::Relaxed);
    metrics::with_local_recorder(&recorder, || {
        let _scope = isolate();
        plain(3);
        cachekit::metrics::publish();
        let before = told();
        for _ in 0..10_000 {
            plain(3);
        }
        assert_eq!(told(), before);
        plain(4);
        assert_eq!(told(), before + 1, "how long the run took");
        cachekit::metrics::publish();
        assert!(told() > before + 1);
    });
}

#[test]
fn what_was_started_publishes_by_itself() {
    const ALONE: &str = "CACHEKIT_TEST_STARTED";
    const PUBLISHED: &str = "it was published";
    if std::env::var_os(ALONE).is_none() {
        // In a process of its own: it never stops.
        let test = format!("{}::what_was_started_publishes_by_itself", module_path!());
        let name = test.split_once("::").unwrap().1;
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        assert!(output.status.success());
        // One that ran no test would succeed, too.
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(PUBLISHED), "{said}");
        return;
    }
    LazyLock::force(&EXPORTER);
    cachekit::metrics::start();
    cachekit::metrics::start();

    #[cachekit::cache::local]
    fn of_its_own_accord(n: u64) -> u64 {
        n
    }

    of_its_own_accord(1);
    let until = Instant::now() + Duration::from_secs(60);
    while !EXPORTER.render().contains("::of_its_own_accord\"") {
        assert!(Instant::now() < until, "nothing was published");
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("{PUBLISHED}");
}

#[test]
fn without_a_recorder_nothing_breaks() {
    // The recorder of the facade that does nothing.
    let _alone = alone();
    metrics::with_local_recorder(&metrics::NoopRecorder, || {
        let _scope = isolate();
        cachekit::metrics::publish();
        plain(3);
        cachekit::metrics::publish();
        assert_eq!(plain::stats().misses, 1);
    });
    // An object of the user's has no name to go by, and no series.
    let _cache: Cache<u64, u64> = Cache::new(10);
}
