//! A backend that hangs, panics or is down costs a call its budget at most, and soon nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::Scope;
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{
    Backend, BackendError, BackendErrorKind, BoxFuture, Fetched, Health, MemoryBackend, Operation,
    SetOptions,
};
use cachekit_tests::{Runs, block_on, in_child};

use crate::shared::tier::machines;

static RUNS: Runs = Runs::new();

#[cache(ttl = 60)]
fn value(n: u64) -> u64 {
    RUNS.add();
    n + 1
}

#[cache(ttl = 60)]
async fn value_later(n: u64) -> u64 {
    RUNS.add();
    n + 1
}

/// Small enough for a test that waits for its end, and far more than an answer from memory takes.
const BUDGET: Duration = Duration::from_millis(60);

#[test]
fn a_backend_that_never_answers_does_not_hold_a_call() {
    in_child("shared::budget::a_backend_that_never_answers_does_not_hold_a_call", || {
        for operation in [Operation::Fence, Operation::Get, Operation::Lock, Operation::SetFenced] {
            let (_, _, backend) = machines();
            backend.inject(Fault::wait(std::future::pending).on(operation));
            let scope = Scope::new().with_backend(Arc::new(backend)).with_shared_budget(BUDGET);
            scope.run(|| {
                assert_eq!((value(1), block_on(value_later(1))), (2, 2), "{operation:?}");
                // It was kept here; where the backend does not have it, up to its next answer.
                assert_eq!((value(1), block_on(value_later(1))), (2, 2));
                let answers = operation != Operation::Get;
                assert_eq!(RUNS.take(), if answers { 4 } else { 2 }, "{operation:?}");
                assert!(value::stats().shared_errors >= 1);
                assert!(value_later::stats().shared_errors >= 1);
            });
        }
    });
}

#[test]
fn an_invalidation_that_is_not_answered_is_not_confirmed() {
    in_child("shared::budget::an_invalidation_that_is_not_answered_is_not_confirmed", || {
        let (_, _, backend) = machines();
        let scope = Scope::new().with_backend(Arc::new(backend.clone())).with_shared_budget(BUDGET);
        scope.run(|| {
            value(1);
            backend.inject(Fault::wait(std::future::pending).on(Operation::Delete));
            let done = value::invalidate(&1);
            assert!(done.was_cached() && !done.is_confirmed());
        });
    });
}

#[test]
fn time_that_is_used_up_before_the_run_is_not_used_again_after_it() {
    let (_, _, backend) = machines();
    backend.inject(Fault::wait(std::future::pending).on(Operation::Get));
    let scope = Scope::new().with_backend(Arc::new(backend.clone())).with_shared_budget(BUDGET);
    scope.run(|| value(1));
    assert_eq!(backend.count(Operation::SetFenced) + backend.count(Operation::Set), 0);
}

/// Panics in every way a backend can.
#[derive(Debug, Default)]
struct Panicking {
    calls: AtomicU32,
}

impl Panicking {
    fn panic(&self) -> ! {
        self.calls.fetch_add(1, Ordering::SeqCst);
        panic!("on purpose")
    }
}

impl Backend for Panicking {
    fn get<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        self.panic()
    }
    fn set<'a>(
        &'a self,
        _: &'a str,
        _: bytes::Bytes,
        _: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async { self.panic() })
    }
    fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async { self.panic() })
    }
    fn exists<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        self.panic()
    }
    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        self.panic()
    }
}

#[test]
fn a_backend_that_panics_is_a_miss() {
    let backend = Arc::new(Panicking::default());
    let scope = Scope::new().with_backend(backend.clone());
    scope.run(|| {
        assert_eq!((value(1), value(1), block_on(value_later(1))), (2, 2, 2));
        assert_eq!(RUNS.take(), 2);
        assert!(!value::invalidate(&1).is_confirmed());
    });
    assert!(backend.calls.load(Ordering::SeqCst) >= 4);
}

#[test]
fn a_backend_that_is_down_is_left_alone_and_tried_again() {
    let (scope, _, backend) = machines();
    backend.inject(Fault::fail(BackendErrorKind::Transient));
    scope.run(|| {
        for n in 0..10 {
            assert_eq!(value(n), n + 1);
        }
        let asked = backend.calls().len();
        assert!((5..10).contains(&asked), "{asked} operations before it is left alone");
        assert!(value::stats().shared_skips >= 5);
        // What has to be gone is asked for all the same.
        assert!(!value::invalidate(&1).is_confirmed());
        assert_eq!(backend.calls().len(), asked + 1);

        backend.heal();
        value(20);
        assert_eq!(backend.calls().len(), asked + 1, "it is still left alone");
        scope.clock().advance(Duration::from_secs(5));
        value(21);
        assert!(backend.count(Operation::SetFenced) >= 1, "it is back");
        let skips = value::stats().shared_skips;
        value(22);
        assert_eq!(value::stats().shared_skips, skips);
    });
}

#[test]
fn mistakes_are_not_an_outage() {
    let (scope, _, backend) = machines();
    backend.inject(Fault::fail(BackendErrorKind::TooLarge));
    scope.run(|| {
        for n in 0..10 {
            value(n);
        }
        assert_eq!(value::stats().shared_skips, 0);
    });
}

/// A backend whose answers are driven by the runtime of whoever asks.
#[derive(Debug)]
struct Driven(MemoryBackend);

impl Driven {
    async fn wait() {
        // Panics outside of a runtime, and needs a thread that is not blocked.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

impl Backend for Driven {
    cachekit_tests::delegate!(0: delete exists health);

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        Box::pin(async move {
            Self::wait().await;
            self.0.get(key).await
        })
    }
    fn set<'a>(
        &'a self,
        key: &'a str,
        value: bytes::Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            Self::wait().await;
            self.0.set(key, value, options).await
        })
    }
}

#[test]
fn sync_functions_do_not_block_what_drives_their_backend() {
    in_child("shared::budget::sync_functions_do_not_block_what_drives_their_backend", || {
        let backend = Arc::new(Driven(MemoryBackend::new()));
        let machine = || Scope::new().with_backend(backend.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // On a runtime of one thread, which the call blocks.
        let (a, b) = (machine(), machine());
        assert_eq!(runtime.block_on(a.wrap(async { value(1) })), 2);
        assert_eq!(runtime.block_on(b.wrap(async { value(1) })), 2);
        // And without any.
        let c = machine();
        assert_eq!(c.run(|| value(1)), 2);
        assert_eq!(RUNS.take(), 1);
        assert_eq!(c.run(value::stats).shared_errors, 0);
    });
}

#[test]
fn one_call_in_many_does_not_wait_for_another() {
    let (scope, _, backend) = machines();
    let (done, seen) = std::sync::mpsc::channel();
    backend.inject(Fault::wait(std::future::pending).on(Operation::Get).times(1));
    let hanging = scope.clone().with_shared_budget(Duration::from_secs(3600));
    // This one hangs, on the one thread that asks backends for sync functions.
    std::thread::spawn(move || hanging.run(|| value(1)));
    while backend.count(Operation::Get) == 0 {
        std::thread::yield_now();
    }
    let other = Scope::new().with_backend(Arc::new(FaultyBackend::new(MemoryBackend::new())));
    std::thread::spawn(move || done.send(other.run(|| value(2))));
    assert_eq!(seen.recv_timeout(Duration::from_secs(60)), Ok(3));
}
