//! `stale = …` while what a function reads is down: the old value is served, and the source is left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::settle;
use cachekit_io::testing::FaultyBackend;
use cachekit_io::{ManualClock, MemoryBackend};
use cachekit_tests::block_on;

use crate::shared::tier::machine;

const TTL: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Fails on demand, and counts.
#[derive(Clone, Default)]
struct Source(Arc<(AtomicBool, AtomicU32)>);

impl Source {
    fn read(&self) -> Result<u32, String> {
        let run = self.0.1.fetch_add(1, Ordering::SeqCst) + 1;
        if self.0.0.load(Ordering::SeqCst) { Err("down".to_owned()) } else { Ok(run) }
    }
    fn fail(&self, fails: bool) {
        self.0.0.store(fails, Ordering::SeqCst);
    }
    fn runs(&self) -> u32 {
        self.0.1.load(Ordering::SeqCst)
    }
}

#[cache(ttl = 60, stale = "1h", skip(source))]
async fn later(id: u32, source: Source) -> Result<u32, String> {
    source.read()
}

#[cache(ttl = 60, stale = "1h", skip(source))]
fn now(id: u32, source: Source) -> Result<u32, String> {
    source.read()
}

fn holds(call: impl Fn(u32, &Source) -> Result<u32, String>) {
    let clock = ManualClock::new();
    let memory = MemoryBackend::builder().clock(clock.clock()).build();
    let backend = FaultyBackend::new(memory);
    let source = Source::default();
    let first = machine(&backend);
    for id in [1, 2] {
        first.run(|| call(id, &source)).unwrap();
    }
    first.run(settle);
    clock.advance(TTL + SECOND);
    source.fail(true);

    // A machine without a copy of its own: only the tier has the value, and calls it stale.
    let machine = machine(&backend);
    machine.run(|| {
        for _ in 0..10 {
            assert_eq!(call(1, &source), Ok(1), "the old value");
            settle();
        }
        assert_eq!(source.runs(), 3, "one try for ten calls");
        assert_eq!(call(2, &source), Ok(2));
        settle();
        assert_eq!(source.runs(), 4, "another key is not held back");
    });
    machine.clock().advance(2 * SECOND);
    machine.run(|| {
        assert_eq!(call(1, &source), Ok(1));
        settle();
        assert_eq!(source.runs(), 5, "and one more after the pause");
    });
    source.fail(false);
    machine.clock().advance(2 * SECOND);
    machine.run(|| {
        assert_eq!(call(1, &source), Ok(1));
        settle();
        assert_eq!((call(1, &source), source.runs()), (Ok(6), 6), "it is back");
    });
}

#[test]
fn a_failing_function_is_not_run_for_every_call() {
    holds(|id, source| now(id, source.clone()));
}

#[test]
fn a_failing_async_function_is_not_run_for_every_call() {
    holds(|id, source| block_on(later(id, source.clone())));
}

#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_refresh_that_fails_is_a_line_in_the_log_once() {
    const SECRET: &str = "a-value-of-an-error";

    #[cache::local(ttl = 60, stale = "1h", skip(source))]
    async fn logged(id: u32, source: Source) -> Result<u32, String> {
        source.read().map_err(|_| SECRET.to_owned())
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (scope, source) = (cachekit::testing::Scope::new(), Source::default());
    cachekit_tests::with_subscriber(subscriber, || {
        runtime.block_on(scope.wrap(async {
            logged(1, source.clone()).await.unwrap();
            scope.clock().advance(TTL);
            for fails in [true, true, false, false] {
                source.fail(fails);
                scope.clock().advance(TTL);
                logged(1, source.clone()).await.unwrap();
                cachekit::testing::settled().await;
            }
        }));
    });
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains("WARN") && lines[0].contains("stale::failures::logged"), "{lines:?}");
    assert!(lines[1].contains("INFO") && lines[1].contains("stale::failures::logged"), "{lines:?}");
    assert!(!lines.concat().contains(SECRET));
    assert_eq!(scope.run(logged::stats).failed_refreshes, 2);
}
