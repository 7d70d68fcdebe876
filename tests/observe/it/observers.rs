//! Subscribers and recorders whose own code panics, or makes cached calls itself: no call fails or waits because of that.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use cachekit::testing::{Scope, isolate};
use cachekit_io::MemoryBackend;
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata as OfSpan, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::recording::Recording;
use crate::{metrics as of_metrics, traces};

/// What a subscriber is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    New,
    Enter,
    Exit,
    Record,
    Close,
}

const EVENTS: [Event; 5] = [Event::New, Event::Enter, Event::Exit, Event::Record, Event::Close];

/// Runs a test's code when it is told of spans of ours.
struct Runs<F>(F);

impl<F: Fn(Event)> Runs<F> {
    fn told(&self, of: Option<&'static OfSpan<'static>>, event: Event) {
        if of.is_some_and(|span| span.target() == "cachekit") {
            (self.0)(event);
        }
    }
}

impl<S, F> Layer<S> for Runs<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    F: Fn(Event) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.told(Some(attributes.metadata()), Event::New);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.told(context.metadata(id), Event::Enter);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.told(context.metadata(id), Event::Exit);
    }

    fn on_record(&self, id: &Id, _: &Record<'_>, context: Context<'_, S>) {
        self.told(context.metadata(id), Event::Record);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.told(context.metadata(&id), Event::Close);
    }
}

fn under(told: impl Fn(Event) + Send + Sync + 'static, calls: impl FnOnce()) {
    let subscriber = tracing_subscriber::registry().with(Runs(told));
    tracing::subscriber::with_default(subscriber, calls);
}

#[cachekit::cache::local]
fn plain(n: u64) -> u64 {
    n
}

#[cachekit::cache::local(key = of.len())]
fn owned(of: &str) -> String {
    of.to_owned()
}

#[cachekit::cache(ttl = 60, stale = "60s", namespace = "observers")]
fn shared(n: u64) -> u64 {
    n
}

#[cachekit::cache(ttl = 60, namespace = "observers")]
async fn eventual(n: u64) -> u64 {
    tokio::task::yield_now().await;
    n
}

#[cachekit::cache::local]
fn fails(n: u64) -> u64 {
    assert!(n == 0, "of the function's own");
    n
}

#[test]
fn a_subscriber_that_panics_fails_no_call_and_leaves_no_run_behind() {
    let _alone = traces::alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for at in EVENTS {
        let scope = Scope::new().with_backend(Arc::new(MemoryBackend::new()));
        let _scope = scope.enter();
        let panicked = Arc::new(AtomicU64::new(0));
        let panics = {
            let panicked = Arc::clone(&panicked);
            move |event| {
                if event == at {
                    panicked.fetch_add(1, Ordering::Relaxed);
                    panic!("of the subscriber, at {event:?}");
                }
            }
        };
        under(panics, || {
            assert_eq!((plain(1), plain(1)), (1, 1));
            assert_eq!(owned("abc"), "abc");
            assert_eq!((shared(1), shared(1)), (1, 1));
            assert_eq!(runtime.block_on(scope.wrap(eventual(1))), 1);
            // From the shared tier, and past its time.
            for function in cachekit::functions() {
                function.clear_local();
            }
            assert_eq!(shared(1), 1);
            scope.clock().advance(Duration::from_secs(61));
            assert_eq!(shared(1), 1);
            cachekit::testing::settle();
            // A function that panics does so with its own words, and the process goes on.
            let panic = std::panic::catch_unwind(|| fails(1)).unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"of the function's own"), "{at:?}");
            cachekit::tracing::sample_hits(1);
            assert_eq!((plain(1), shared(1)), (1, 1));
            cachekit::tracing::sample_hits(0);
        });
        assert!(panicked.load(Ordering::Relaxed) > 5, "{at:?}");
        for explained in [plain::explain(&1), shared::explain(&1), fails::explain(&1)] {
            assert!(!explained.is_running, "{at:?}: {explained}");
        }
        assert_eq!(plain::stats().loads, 2, "{at:?}");
    }
}

thread_local! {
    /// An observer makes a call, of which it is told in turn.
    static NESTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs something unless this is in it.
fn unless_nested(run: impl FnOnce()) {
    if !NESTED.replace(true) {
        run();
        NESTED.set(false);
    }
}

/// The most calls of a function that wait at one time for another call's run, while `calls` are made.
fn most_waiters(cache: &str, calls: impl FnOnce()) -> u64 {
    let (done, begun) = (AtomicBool::new(false), Barrier::new(2));
    std::thread::scope(|threads| {
        let watching = threads.spawn(|| {
            let recording = Recording::default();
            let mut most = 0;
            begun.wait();
            while !done.load(Ordering::Relaxed) {
                recording.publish();
                most = most.max(recording.count("cachekit_flight_waiters", &[("cache", cache)]));
            }
            most
        });
        begun.wait();
        calls();
        done.store(true, Ordering::Relaxed);
        watching.join().unwrap()
    })
}

#[test]
fn a_subscriber_that_calls_what_it_is_told_of_waits_for_no_run() {
    let _alone = traces::alone();

    // In no test scope: another thread looks on.
    #[cachekit::cache::local]
    fn again(n: u64) -> u64 {
        n
    }

    let cache = format!(
        "{}::a_subscriber_that_calls_what_it_is_told_of_waits_for_no_run::again",
        module_path!()
    );
    for (n, at) in (1..).zip(EVENTS) {
        let called = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&called);
        let waiters = most_waiters(&cache, || {
            let calls = move |event| {
                if event == at {
                    unless_nested(|| {
                        assert_eq!(again(n), n);
                        told.fetch_add(1, Ordering::Relaxed);
                    });
                }
            };
            under(calls, || assert_eq!(again(n), n));
        });
        assert_eq!(waiters, 0, "{at:?}");
        assert!(called.load(Ordering::Relaxed) > 0, "{at:?}");
        assert!(again::contains(&n));
    }
}

/// A recorder that runs a test's code at each time that it is to record.
struct Records(Arc<dyn Fn() + Send + Sync>);

struct Recorded(Arc<dyn Fn() + Send + Sync>);

impl HistogramFn for Recorded {
    fn record(&self, _value: f64) {
        (self.0)();
    }
}

impl Recorder for Records {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Recorded(Arc::clone(&self.0))))
    }
}

fn publish(recorder: &dyn Recorder) {
    metrics::with_local_recorder(recorder, cachekit::metrics::publish);
}

#[test]
fn a_recorder_that_panics_fails_no_call_and_ends_no_process() {
    let _alone = of_metrics::alone();
    let _scope = Scope::new().with_backend(Arc::new(MemoryBackend::new())).enter();
    let recorded = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&recorded);
    let recorder = Records(Arc::new(move || {
        told.fetch_add(1, Ordering::Relaxed);
        panic!("of the recorder");
    }));
    // The stores are there, and the recorder has their times from now on.
    let _ = (plain(0), shared(0), fails(0));
    publish(&recorder);
    let before = recorded.load(Ordering::Relaxed);
    assert_eq!((plain(1), shared(1)), (1, 1));
    let panic = std::panic::catch_unwind(|| fails(1)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"of the function's own"));
    // Three runs, and what the backend was asked.
    assert!(recorded.load(Ordering::Relaxed) >= before + 5);
    publish(&Recording::with_histograms());
}

#[test]
fn a_recorder_that_makes_cached_calls_waits_for_none() {
    let _alone = of_metrics::alone();

    #[cachekit::cache::local]
    fn recorded(n: u64) -> u64 {
        n
    }

    let (done, is_done) = mpsc::channel();
    let calls = std::thread::spawn(move || {
        let recorder = Records(Arc::new(|| {
            unless_nested(|| {
                // The one that is being recorded, and another, which is recorded in turn.
                assert_eq!((recorded(1), recorded(2)), (1, 2));
            });
        }));
        recorded(0);
        publish(&recorder);
        assert_eq!(recorded(1), 1);
        publish(&Recording::with_histograms());
        done.send(()).unwrap();
    });
    // One that waits for a lock that it holds itself never ends.
    is_done.recv_timeout(Duration::from_secs(120)).expect("it waits for itself");
    calls.join().unwrap();
    assert!(recorded::contains(&1) && recorded::contains(&2));
}

#[test]
fn no_time_is_lost_that_was_taken_before_there_was_a_recorder() {
    let _alone = of_metrics::alone();
    let _scope = isolate();

    #[cachekit::cache::local(capacity = 10)]
    fn timed(n: u64) -> u64 {
        n
    }

    // From here on times are taken, and there is nothing that has them.
    publish(&metrics::NoopRecorder);
    timed(0);
    publish(&metrics::NoopRecorder);
    // More than are kept one by one.
    (1..6_000).for_each(|n| {
        timed(n);
    });
    let recording = Recording::with_histograms();
    publish(&recording);
    let cache = format!(
        "{}::no_time_is_lost_that_was_taken_before_there_was_a_recorder::timed",
        module_path!()
    );
    let times = || recording.count("cachekit_fill_duration_seconds", &[("cache", &cache)]);
    assert_eq!(times(), 6_000);
    // One that does nothing takes nothing away from the one that is there.
    publish(&metrics::NoopRecorder);
    timed(6_000);
    assert_eq!(times(), 6_001);
    let labels = [("cache", cache.as_str()), ("outcome", "ok"), ("cause", "miss")];
    publish(&recording);
    assert_eq!(recording.count("cachekit_fills_total", &labels), 6_001);
}
