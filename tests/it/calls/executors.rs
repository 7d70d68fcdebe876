//! Async functions need no particular executor.

use std::sync::Arc;

use cachekit::cache;
use cachekit::testing::{Scope, isolate};
use cachekit_tests::{Runs, block_on};

static RUNS: Runs = Runs::new();

/// Suspends in a way that every executor understands.
async fn suspend(times: usize) {
    let mut left = times;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[cache]
async fn double(n: u32) -> u32 {
    RUNS.add();
    suspend(3).await;
    n * 2
}

#[cache]
async fn outer(n: u32) -> Result<u32, String> {
    suspend(1).await;
    let (a, b) = futures::join!(double(n), double(n));
    if a == b { Ok(a + b) } else { Err(format!("{a} and {b}")) }
}

async fn work() {
    let calls = (0..20).map(|n| outer(n % 4));
    let results = futures::future::join_all(calls).await;
    for (n, result) in (0..20).zip(results) {
        assert_eq!(result, Ok(n % 4 * 4));
    }
    assert!(double::invalidate(&3).await.was_cached());
    assert_eq!((double(3).await, double::peek(&3).await), (6, Some(6)));
}

#[test]
fn tokio_on_one_thread() {
    let _test = isolate();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work());
    assert_eq!(RUNS.take(), 5);
}

#[test]
fn tokio_local_tasks() {
    let _test = isolate();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let tasks: Vec<_> = (0..10).map(|_| local.spawn_local(double(1))).collect();
    runtime.block_on(local.run_until(async {
        for task in tasks {
            assert_eq!(task.await.unwrap(), 2);
        }
    }));
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn tokio_on_many_threads() {
    static RUNS: Runs = Runs::new();
    #[cache]
    async fn many(n: u32) -> u32 {
        RUNS.add();
        suspend(3).await;
        n * 2
    }
    let scope = Scope::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let tasks: Vec<_> = (0..400).map(|n| runtime.spawn(scope.wrap(many(n % 20)))).collect();
    for (n, task) in (0..400).zip(tasks) {
        assert_eq!(runtime.block_on(task).unwrap(), n % 20 * 2);
    }
    assert_eq!(RUNS.all(), 20);
}

#[test]
fn smol_on_one_thread() {
    let _test = isolate();
    smol::block_on(work());
    let local = smol::LocalExecutor::new();
    smol::block_on(local.run(work()));
    // Invalidated and run again in each round.
    assert_eq!(RUNS.take(), 6);
}

#[test]
fn smol_on_many_threads() {
    static RUNS: Runs = Runs::new();
    #[cache]
    async fn many(n: u32) -> u32 {
        RUNS.add();
        smol::future::yield_now().await;
        n * 2
    }
    let scope = Scope::new();
    let executor = Arc::new(smol::Executor::new());
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    std::thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                smol::block_on(executor.run(async {
                    let _ = stopped.recv().await;
                }));
            });
        }
        let tasks: Vec<_> = (0..300).map(|n| executor.spawn(scope.wrap(many(n % 10)))).collect();
        smol::block_on(async {
            for (n, task) in (0..300).zip(tasks) {
                assert_eq!(task.await, n % 10 * 2);
            }
        });
        drop(stop);
    });
    assert_eq!(RUNS.all(), 10);
}

#[test]
fn futures_executor() {
    let _test = isolate();
    futures::executor::block_on(work());
    assert_eq!(RUNS.take(), 5);
}

#[test]
fn bare_block_on() {
    let _test = isolate();
    block_on(work());
    assert_eq!(RUNS.take(), 5);
}

#[test]
fn executors_share_one_run() {
    static RUNS: Runs = Runs::new();
    #[cache]
    async fn shared(n: u32) -> u32 {
        RUNS.add();
        suspend(50).await;
        n
    }
    for round in 0..100 {
        let scope = Scope::new();
        let values = cachekit_tests::together(4, |index| {
            let call = scope.wrap(shared(round));
            match index {
                0 => block_on(call),
                1 => smol::block_on(call),
                2 => futures::executor::block_on(call),
                _ => tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(call),
            }
        });
        assert_eq!(values, [round; 4]);
        assert_eq!(RUNS.all(), 1);
    }
}

#[test]
fn sync_functions_inside_async_code() {
    #[cache]
    fn sync(n: u32) -> u32 {
        RUNS.add();
        block_on(async {
            suspend(2).await;
            n + 1
        })
    }
    let _test = isolate();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        assert_eq!((sync(1), sync(1)), (2, 2));
        tokio::task::yield_now().await;
        assert_eq!(sync::peek(&1), Some(2));
    });
    assert_eq!(RUNS.take(), 1);
}
