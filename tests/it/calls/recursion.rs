//! Cached functions that call themselves or each other, alone and from many threads.
//!
//! What could hang runs in a process of its own.

use std::cell::Cell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use cachekit::cache;
use cachekit::testing::{Scope, isolate};
use cachekit_tests::{Polled, Runs, block_on, in_child, together};
use futures::future::{BoxFuture, FutureExt};

const FIB_80: u64 = 23_416_728_348_467_685;

static FIB_RUNS: Runs = Runs::new();

#[cache::local]
fn fib(n: u64) -> u64 {
    FIB_RUNS.add();
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

#[test]
fn fibonacci() {
    static RUNS: Runs = Runs::new();
    #[cache]
    fn fib(n: u64) -> u64 {
        RUNS.add();
        if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
    }
    let _test = isolate();
    assert_eq!(fib(80), FIB_80);
    assert_eq!(RUNS.take(), 81);
}

#[test]
fn fibonacci_from_many_threads() {
    in_child("calls::recursion::fibonacci_from_many_threads", || {
        for round in 0..100 {
            let scope = Scope::new();
            together(8, |index| {
                // From different ends, so that threads need what others are just computing.
                let n = if (index + round) % 2 == 0 { 80 } else { 80 - index as u64 };
                scope.run(|| {
                    fib(n);
                    assert_eq!(fib(80), FIB_80);
                });
            });
            assert_eq!(FIB_RUNS.all(), 81);
        }
    });
}

static ASYNC_RUNS: Runs = Runs::new();

#[cache::local]
fn async_fib(n: u64) -> BoxFuture<'static, u64> {
    async move {
        ASYNC_RUNS.add();
        tokio::task::yield_now().await;
        if n < 2 { n } else { async_fib(n - 1).await + async_fib(n - 2).await }
    }
    .boxed()
}

#[test]
fn async_fibonacci() {
    static RUNS: Runs = Runs::new();
    #[cache]
    async fn fib(n: u64) -> u64 {
        RUNS.add();
        if n < 2 { n } else { Box::pin(fib(n - 1)).await + Box::pin(fib(n - 2)).await }
    }
    #[cache]
    async fn joined(n: u64) -> u64 {
        RUNS.add();
        if n < 2 {
            return n;
        }
        let (a, b) = futures::join!(Box::pin(joined(n - 1)), Box::pin(joined(n - 2)));
        a + b
    }
    let _test = isolate();
    assert_eq!(block_on(fib(80)), FIB_80);
    assert_eq!(RUNS.take(), 81);
    assert_eq!(block_on(joined(40)), 102_334_155);
    assert_eq!(RUNS.take(), 41);
}

#[test]
fn async_fibonacci_from_many_tasks() {
    in_child("calls::recursion::async_fibonacci_from_many_tasks", || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
        for _ in 0..50 {
            let scope = Scope::new();
            let tasks: Vec<_> = (0..16_u64)
                .map(|index| {
                    runtime.spawn(scope.wrap(async move {
                        async_fib(80 - index % 4).await;
                        async_fib(80).await
                    }))
                })
                .collect();
            for task in tasks {
                assert_eq!(runtime.block_on(task).unwrap(), FIB_80);
            }
            assert_eq!(ASYNC_RUNS.all(), 81);
        }
    });
}

thread_local! {
    /// How deep a circle has gone; the functions below end it by this.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `f` one level deeper, unless it is deep enough already.
fn deeper(f: impl FnOnce() -> u32) -> u32 {
    let depth = DEPTH.get();
    if depth == 3 {
        return 1;
    }
    DEPTH.set(depth + 1);
    let result = f();
    DEPTH.set(depth);
    result + 1
}

#[test]
fn a_call_of_itself_with_the_same_key() {
    #[cache::local]
    fn circular(n: u32) -> u32 {
        deeper(|| circular(n))
    }
    in_child("calls::recursion::a_call_of_itself_with_the_same_key", || {
        let _test = isolate();
        assert_eq!(circular(1), 4);
        assert_eq!(circular::stats().misses, 4);
        assert_eq!(circular(1), circular::peek(&1).unwrap());
    });
}

#[test]
fn a_future_that_awaits_itself_with_the_same_key() {
    #[cache::local(skip(depth))]
    async fn circular(n: u32, depth: u32) -> u32 {
        tokio::task::yield_now().await;
        if depth == 3 { 1 } else { Box::pin(circular(n, depth + 1)).await + 1 }
    }
    #[cache::local(skip(depth))]
    async fn twice(n: u32, depth: u32) -> u32 {
        tokio::task::yield_now().await;
        if depth == 3 {
            return 1;
        }
        let (a, b) = futures::join!(Box::pin(twice(n, depth + 1)), Box::pin(twice(n, depth + 1)));
        a.max(b) + 1
    }
    in_child("calls::recursion::a_future_that_awaits_itself_with_the_same_key", || {
        let _test = isolate();
        assert_eq!(block_on(circular(1, 0)), 4);
        assert!(block_on(twice(1, 0)) >= 2);
    });
}

/// Holds the first two bodies of a round until both run, so that each then needs the other.
struct Meeting {
    both: Barrier,
    entered: AtomicU32,
}

impl Meeting {
    fn new(parties: usize) -> Self {
        Self { both: Barrier::new(parties), entered: AtomicU32::new(0) }
    }

    fn meet(&self, parties: u32) {
        if self.entered.fetch_add(1, Ordering::SeqCst) < parties {
            self.both.wait();
        }
    }
}

#[cache::local(skip(meeting))]
fn ping(n: u32, meeting: &Meeting) -> u32 {
    meeting.meet(2);
    deeper(|| pong(n, meeting))
}

#[cache::local(skip(meeting))]
fn pong(n: u32, meeting: &Meeting) -> u32 {
    meeting.meet(2);
    deeper(|| ping(n, meeting))
}

#[test]
fn two_functions_that_call_each_other_from_two_threads() {
    in_child("calls::recursion::two_functions_that_call_each_other_from_two_threads", || {
        for n in 0..200 {
            let scope = Scope::new();
            let meeting = Meeting::new(2);
            let values = together(2, |index| {
                let _in = scope.enter();
                if index == 0 { ping(n, &meeting) } else { pong(n, &meeting) }
            });
            assert!(values.iter().all(|value| (1..=5).contains(value)), "{values:?}");
        }
    });
}

#[cache::local(skip(meeting))]
fn ring(n: u32, meeting: &Meeting) -> u32 {
    meeting.meet(5);
    deeper(|| ring((n + 1) % 5, meeting))
}

#[test]
fn a_ring_of_five_keys_from_five_threads() {
    in_child("calls::recursion::a_ring_of_five_keys_from_five_threads", || {
        for _ in 0..100 {
            let scope = Scope::new();
            let meeting = Meeting::new(5);
            together(5, |index| {
                let n = u32::try_from(index).unwrap();
                assert!(scope.run(|| ring(n, &meeting)) >= 1);
            });
        }
    });
}

#[test]
fn futures_that_await_each_other() {
    #[cache::local(skip(depth))]
    fn here(n: u32, depth: u32) -> BoxFuture<'static, u32> {
        async move {
            tokio::task::yield_now().await;
            if depth == 3 { 1 } else { there(n, depth + 1).await + 1 }
        }
        .boxed()
    }
    #[cache::local(skip(depth))]
    fn there(n: u32, depth: u32) -> BoxFuture<'static, u32> {
        async move {
            tokio::task::yield_now().await;
            if depth == 3 { 1 } else { here(n, depth + 1).await + 1 }
        }
        .boxed()
    }
    let _test = isolate();
    let (mut a, mut b) = (Polled::new(here(1, 0)), Polled::new(there(1, 0)));
    let (mut first, mut second) = (None, None);
    for _ in 0..100 {
        if first.is_none() {
            first = a.poll();
        }
        if second.is_none() {
            second = b.poll();
        }
    }
    assert!(first.is_some() && second.is_some(), "each waits for the other");
}

#[test]
fn a_leader_that_moves_between_threads() {
    #[cache::local(skip(depth))]
    fn moving(n: u32, depth: u32) -> BoxFuture<'static, u32> {
        async move {
            tokio::task::yield_now().await;
            if depth == 2 { 1 } else { moving(n, depth + 1).await + 1 }
        }
        .boxed()
    }
    let scope = Scope::new();
    let mut future = Box::pin(scope.wrap(moving(1, 0)));
    // Every poll happens on a new thread: what the thread before it left behind must not matter.
    for _ in 0..100 {
        let (back, output) = std::thread::spawn(move || {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let output = future.as_mut().poll(&mut cx);
            (future, output)
        })
        .join()
        .unwrap();
        future = back;
        if let std::task::Poll::Ready(value) = output {
            assert_eq!(value, 3);
            return;
        }
    }
    panic!("the future never ended");
}

#[test]
fn an_option_that_calls_the_function_does_not_wait_for_it() {
    // A wait would be over only after this time.
    const PATIENCE: Duration = Duration::from_secs(2);
    thread_local!(static DEPTH: Cell<u32> = const { Cell::new(0) });
    #[cache::local(ttl = Duration::from_secs(limits(id)), stale = 30)]
    fn leads(id: u32) -> u32 {
        id
    }
    #[cache::local(ttl = Duration::from_secs(limits(id)), stale = 30)]
    async fn leads_later(id: u32) -> u32 {
        id
    }
    #[cache::local]
    fn limits(id: u32) -> u64 {
        let depth = DEPTH.replace(DEPTH.get() + 1);
        if depth == 0 {
            assert_eq!(if id == 1 { leads(id) } else { block_on(leads_later(id)) }, id);
        }
        60
    }
    in_child("calls::recursion::an_option_that_calls_the_function_does_not_wait_for_it", || {
        let _test = isolate();
        let start = Instant::now();
        assert_eq!(leads(1), 1);
        assert_eq!(DEPTH.take(), 2);
        assert_eq!(block_on(leads_later(2)), 2);
        assert_eq!(DEPTH.take(), 2);
        assert!(start.elapsed() < 2 * PATIENCE, "each waited for itself");
    });
}
