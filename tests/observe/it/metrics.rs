//! A Prometheus exporter is scraped over HTTP, and every line that it says is read by another library.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cachekit::testing::{Scope, isolate};
use cachekit::{Cache, Instance, InstanceId, Stats};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{ManualClock, MemoryBackend};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The process's recorder. It is installed once, as in a program.
static EXPORTER: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Suffix("_duration_seconds".to_owned()),
            cachekit::metrics::DURATION_BUCKETS,
        )
        .unwrap()
        .install_recorder()
        .unwrap()
});

/// What a scrape came to: the value of each series, by name and labels; of a histogram, its count.
struct Scraped(BTreeMap<String, f64>);

impl Scraped {
    /// Reads every line. What is not of the format fails the test.
    fn read(text: &str) -> Self {
        let mut all = BTreeMap::new();
        let mut lines = 0;
        for family in parsed(text).as_array().unwrap() {
            let name = family["name"].as_str().unwrap();
            assert!(name.starts_with("cachekit_"), "{name}");
            assert!(!family["help"].as_str().unwrap().is_empty(), "no help: {name}");
            let is_histogram = match family["type"].as_str().unwrap() {
                "histogram" => true,
                "counter" | "gauge" => false,
                other => panic!("{name}: {other}"),
            };
            let mut infinite = BTreeMap::new();
            for sample in family["samples"].as_array().unwrap() {
                lines += 1;
                let (sample, labels, value) = (&sample[0], &sample[1], &sample[2]);
                let (sample, value) = (sample.as_str().unwrap(), value.as_f64().unwrap());
                assert!(value >= 0.0, "{sample} {value}");
                let mut labels = labels.as_object().unwrap().clone();
                let bound = labels.remove("le");
                let labels: Vec<_> = labels
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.as_str().unwrap()))
                    .collect();
                let series = |name: &str| format!("{name}{{{}}}", labels.join(","));
                if !is_histogram {
                    let series = series(sample);
                    assert!(all.insert(series.clone(), value).is_none(), "twice: {series}");
                } else if let Some(bound) = bound {
                    if bound == "+Inf" {
                        infinite.insert(series(name), value);
                    }
                } else if sample.ends_with("_count") {
                    assert!(all.insert(series(name), value).is_none(), "twice: {sample}");
                }
            }
            for (series, count) in infinite {
                assert_eq!(all.get(&series), Some(&count), "{series}");
            }
        }
        let written = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert_eq!(written.count(), lines, "every line is a sample");
        Self(all)
    }

    fn number(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    #[track_caller]
    fn count(&self, name: &str, cache: &str, labels: &[(&str, &str)]) -> u64 {
        let mut all: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        all.push(format!("cache={cache}"));
        all.sort();
        let series = format!("{name}{{{}}}", all.join(","));
        let value = self.number(&series).unwrap_or(0.0);
        assert!(value >= 0.0 && value.fract() == 0.0, "{series} {value}");
        format!("{value}").parse().unwrap()
    }

    #[track_caller]
    fn calls(&self, cache: &str, tier: &str, result: &str) -> u64 {
        self.count("cachekit_calls_total", cache, &[("tier", tier), ("result", result)])
    }

    /// All that is there of a function, compared with its counters.
    #[track_caller]
    fn agrees(&self, cache: &str, stats: Stats) {
        let calls = |tier, result| self.calls(cache, tier, result);
        let process =
            calls("process", "hit") + calls("process", "stale") + calls("process", "negative");
        let shared =
            calls("shared", "hit") + calls("shared", "stale") + calls("shared", "negative");
        let none = calls("none", "miss") + calls("none", "bypass");
        assert_eq!(process, stats.hits, "{cache}");
        assert_eq!(shared, stats.shared_hits, "{cache}");
        assert_eq!(shared + none, stats.misses, "{cache}");
        assert_eq!(
            calls("process", "stale") + calls("shared", "stale"),
            stats.stale_hits,
            "{cache}"
        );
        let fills: u64 = ["ok", "not_stored", "error"]
            .iter()
            .flat_map(|outcome| ["miss", "refresh", "forced"].map(|cause| (*outcome, cause)))
            .map(|(outcome, cause)| self.fills(cache, outcome, cause))
            .sum();
        assert_eq!(fills, stats.loads, "{cache}");
        let evicted = |reason| self.count("cachekit_evictions_total", cache, &[("reason", reason)]);
        assert_eq!(evicted("capacity"), stats.evictions, "{cache}");
        assert_eq!(evicted("expired"), stats.expirations, "{cache}");
        assert_eq!(self.count("cachekit_entries", cache, &[]), stats.entries, "{cache}");
        assert_eq!(self.count("cachekit_weight", cache, &[]), stats.weight, "{cache}");
        let sent = [("direction", "sent"), ("cause", "call")];
        assert_eq!(
            self.count("cachekit_invalidations_total", cache, &sent),
            stats.invalidations,
            "{cache}"
        );
    }

    fn fills(&self, cache: &str, outcome: &str, cause: &str) -> u64 {
        self.count("cachekit_fills_total", cache, &[("outcome", outcome), ("cause", cause)])
    }
}

/// What a publication makes of a backend's times goes to the recorder of the last one: one test at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What Prometheus's own parser for Python reads.
fn parsed(text: &str) -> serde_json::Value {
    // The distribution's, which has the distribution's packages.
    let python = ["/usr/bin/python3", "python3"].into_iter().find(|python| {
        let found = Command::new(python)
            .args(["-c", "import prometheus_client.parser"])
            .stderr(Stdio::null())
            .status();
        found.is_ok_and(|status| status.success())
    });
    let python = python.expect(
        "Prometheus's parser is not installed: `apt-get install python3-prometheus-client`, or `bash .ci/servers`",
    );
    let mut parser = Command::new(python)
        .args(["-c", include_str!("parse.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It reads all before it writes anything.
    parser.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "not of the format:\n{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The label of a function of this module.
fn label(path: &str) -> String {
    format!("{}::{path}", module_path!())
}

/// Scrapes over HTTP, as Prometheus does: a request to a socket, and the text of the answer.
async fn scrape() -> Scraped {
    let exporter = EXPORTER.clone();
    let app = axum::Router::new().route(
        "/metrics",
        axum::routing::get(move || async move {
            cachekit::metrics::publish();
            exporter.render()
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    server.abort();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(!head.contains("chunked"), "the body is read as it is");
    Scraped::read(body)
}

#[cachekit::cache::local(ttl = 60)]
fn plain(n: u64) -> u64 {
    n * n
}

#[cachekit::cache::local]
async fn eventual(n: u64) -> u64 {
    tokio::task::yield_now().await;
    n
}

#[cachekit::cache::local(ttl(none = 60))]
fn optional(n: u64) -> Option<u64> {
    (n > 10).then_some(n)
}

#[cachekit::cache::local(if = |n: &u64| *n > 10)]
fn picky(n: u64) -> Result<u64, String> {
    if n == 0 { Err("the password is secret-in-an-error".to_owned()) } else { Ok(n) }
}

#[cachekit::cache::local(capacity = 2)]
fn small(n: u64) -> u64 {
    n
}

#[cachekit::cache::local]
fn generic<T: std::hash::Hash + Eq + Clone + Send + Sync + 'static>(of: T) -> usize {
    drop(of);
    size_of::<T>()
}

#[cachekit::cache::local]
fn panics(n: u64) -> u64 {
    assert!(n < 10, "the card number is secret-in-a-panic");
    n
}

struct Shop {
    id: InstanceId,
}

impl Instance for Shop {
    fn instance(&self) -> &InstanceId {
        &self.id
    }
}

impl Shop {
    #[cachekit::cache::local(self = instance)]
    pub(crate) fn price(&self, item: &str) -> usize {
        item.len()
    }
}

#[test]
fn a_scrape_says_what_the_counters_say_of_functions_of_every_form() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(calls_and_scrapes());
}

async fn calls_and_scrapes() {
    LazyLock::force(&EXPORTER);
    // The times of what ran before the first scrape are not measured, so there is one.
    scrape().await;
    for n in [1, 1, 2, 1] {
        plain(n);
        eventual(n).await;
    }
    // From several threads: each counts for itself.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..1_000).for_each(|_| {
                    plain(1);
                });
            });
        }
    });
    plain::refresh(7);
    plain::invalidate(&2).ignore();
    for n in [5, 5, 5, 20, 20] {
        optional(n);
    }
    for n in [0, 0, 5, 5, 20, 20] {
        let _ = picky(n);
    }
    for n in 0..10 {
        small(n);
    }
    generic(1_u8);
    generic(1_u64);
    generic(1_u64);
    assert!(std::panic::catch_unwind(|| panics(10)).is_err());
    panics(1);
    let shop = Shop { id: InstanceId::new() };
    shop.price("secret-in-an-argument");
    shop.price("secret-in-an-argument");

    let scraped = scrape().await;
    scraped.agrees(&label("plain"), plain::stats());
    scraped.agrees(&label("eventual"), eventual::stats());
    scraped.agrees(&label("optional"), optional::stats());
    scraped.agrees(&label("picky"), picky::stats());
    scraped.agrees(&label("small"), small::stats());
    scraped.agrees(&label("generic"), generic::stats());
    scraped.agrees(&label("panics"), panics::stats());
    scraped.agrees(&label("Shop::price"), shop.price_cache("").stats());

    assert_eq!(scraped.calls(&label("plain"), "process", "hit"), 4_002);
    assert_eq!(scraped.calls(&label("plain"), "none", "miss"), 2);
    assert_eq!(scraped.calls(&label("plain"), "none", "bypass"), 1, "a forced run");
    assert_eq!(scraped.fills(&label("plain"), "ok", "miss"), 2);
    assert_eq!(scraped.fills(&label("plain"), "ok", "forced"), 1);
    assert_eq!(scraped.calls(&label("optional"), "process", "negative"), 2);
    assert_eq!(scraped.calls(&label("optional"), "process", "hit"), 1);
    assert_eq!(scraped.fills(&label("picky"), "error", "miss"), 2);
    assert_eq!(scraped.fills(&label("picky"), "not_stored", "miss"), 2);
    assert_eq!(scraped.fills(&label("picky"), "ok", "miss"), 1);
    assert_eq!(scraped.fills(&label("panics"), "panic", "miss"), 1);
    let durations = |path: &str| {
        let series = format!("cachekit_fill_duration_seconds{{cache={}}}", label(path));
        scraped.number(&series)
    };
    assert_eq!(durations("plain"), Some(3.0));
    assert_eq!(durations("eventual"), Some(2.0));
    assert_eq!(durations("panics"), Some(2.0));

    // A second scrape without a call in between says the same, and nothing is counted twice.
    let again = scrape().await;
    again.agrees(&label("plain"), plain::stats());
    assert_eq!(again.fills(&label("plain"), "ok", "miss"), 2);
    for series in again.0.keys() {
        assert!(!series.contains("secret"), "{series}");
    }
}

/// Publishes to a recorder of this thread's own, in the test scope that it is in.
fn published(calls: impl FnOnce()) -> Scraped {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Suffix("_duration_seconds".to_owned()),
            cachekit::metrics::DURATION_BUCKETS,
        )
        .unwrap()
        .build_recorder();
    metrics::with_local_recorder(&recorder, || {
        cachekit::metrics::publish();
        calls();
        cachekit::metrics::publish();
    });
    Scraped::read(&recorder.handle().render())
}

#[cachekit::cache(ttl = 60, stale = "60s", namespace = "metrics")]
fn shared(n: u64) -> Option<u64> {
    (n > 0).then_some(n)
}

#[test]
fn the_shared_tier_is_a_tier_of_its_own() {
    let _alone = alone();
    let _scope = Scope::new().with_backend(Arc::new(MemoryBackend::new())).enter();
    let forget = || {
        for function in cachekit::functions() {
            function.clear_local();
        }
    };
    let scraped = published(|| {
        shared(3);
        shared(3);
        forget();
        shared(3);
        shared(3);
    });
    let label = label("shared");
    scraped.agrees(&label, shared::stats());
    assert_eq!(scraped.calls(&label, "process", "hit"), 2);
    assert_eq!(scraped.calls(&label, "shared", "hit"), 1);
    assert_eq!(scraped.calls(&label, "none", "miss"), 1);
    let operation = |op: &str, outcome: &str| {
        let series = format!(
            "cachekit_backend_duration_seconds{{backend=memory,op={op},outcome={outcome}}}"
        );
        scraped.number(&series).unwrap_or(0.0)
    };
    // Other tests of this process may use such a backend as well.
    assert!(operation("get", "ok") >= 2.0);
    assert!(operation("fence", "ok") >= 1.0);
    assert!(operation("set_fenced", "ok") >= 1.0);
    assert_eq!(scraped.number("cachekit_breaker_state{backend=memory}"), Some(0.0));
}

#[cachekit::cache::local(ttl = 60, stale = "60s")]
fn ages(n: u64) -> u64 {
    n
}

#[test]
fn a_stale_hit_is_a_result_of_its_own_and_its_refresh_a_cause_of_its_own() {
    let _alone = alone();
    let scope = isolate();
    let scraped = published(|| {
        ages(4);
        scope.clock().advance(Duration::from_secs(61));
        ages(4);
        cachekit::testing::settle();
        ages(4);
    });
    let label = label("ages");
    scraped.agrees(&label, ages::stats());
    assert_eq!(scraped.calls(&label, "process", "stale"), 1);
    assert_eq!(scraped.calls(&label, "process", "hit"), 1);
    assert_eq!(scraped.fills(&label, "ok", "miss"), 1);
    assert_eq!(scraped.fills(&label, "ok", "refresh"), 1);
}

#[test]
fn a_stale_value_of_the_shared_tier_is_told_from_a_stale_one_of_this_process() {
    let _alone = alone();
    let clock = ManualClock::new();
    let store = MemoryBackend::builder().clock(clock.clock()).build();
    let filling = Scope::new().with_backend(Arc::new(store.clone()));
    let scraped = published(|| {
        filling.run(|| shared(5));
        clock.advance(Duration::from_secs(61));
        Scope::new().with_backend(Arc::new(store.clone())).run(|| {
            shared(5);
            cachekit::testing::settle();
            cachekit::metrics::publish();
            assert_eq!(shared::stats().stale_hits, 1);
            assert_eq!(shared::stats().shared_hits, 1);
        });
    });
    let label = label("shared");
    assert_eq!(scraped.calls(&label, "shared", "stale"), 1);
    assert_eq!(scraped.calls(&label, "process", "stale"), 0);
}

#[test]
fn a_backend_that_is_down_shows_as_an_open_breaker_and_by_the_kind_of_its_errors() {
    let _alone = alone();
    let backend = FaultyBackend::new(MemoryBackend::new());
    backend.inject(Fault::fail(cachekit_io::BackendErrorKind::Transient));
    let _scope = Scope::new().with_backend(Arc::new(backend)).enter();
    let scraped = published(|| {
        for n in 100..130 {
            shared(n);
        }
    });
    let label = label("shared");
    scraped.agrees(&label, shared::stats());
    let stats = shared::stats();
    assert!(stats.shared_errors > 0 && stats.shared_skips > 0);
    assert_eq!(scraped.count("cachekit_shared_errors_total", &label, &[]), stats.shared_errors);
    assert_eq!(scraped.count("cachekit_shared_skips_total", &label, &[]), stats.shared_skips);
    let states: Vec<_> =
        scraped.0.keys().filter(|series| series.starts_with("cachekit_breaker_state{")).collect();
    assert_eq!(states.len(), 1, "{states:?}");
    assert_eq!(scraped.number(states[0]), Some(1.0));
    assert!(
        scraped.0.keys().any(|series| {
            series.starts_with("cachekit_backend_duration_seconds")
                && series.contains("outcome=transient")
        }),
        "{:?}",
        scraped.0.keys()
    );
}

#[test]
fn calls_that_wait_for_a_run_are_a_gauge_and_a_dropped_run_is_told() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();

    #[cachekit::cache::local]
    async fn hangs(_n: u64) -> u64 {
        std::future::pending().await
    }

    let label = label("calls_that_wait_for_a_run_are_a_gauge_and_a_dropped_run_is_told::hangs");
    let scope = cachekit::testing::isolate();
    let scraped = published(|| {
        runtime.block_on(async {
            let mut leader = Box::pin(hangs(1));
            let mut waiter = Box::pin(hangs(1));
            assert!(futures_poll(&mut leader).await.is_none());
            assert!(futures_poll(&mut waiter).await.is_none());
            let scraped = published(|| {});
            assert_eq!(scraped.count("cachekit_flight_waiters", &label, &[]), 1);
            drop(waiter);
            drop(leader);
        });
    });
    assert_eq!(scraped.count("cachekit_flight_waiters", &label, &[]), 0);
    assert_eq!(scraped.fills(&label, "cancelled", "miss"), 1);
    drop(scope);
}

/// Polls once.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
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
