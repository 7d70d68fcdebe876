//! Programs that end without the attribute end with it: leaders that only a waiter's thread or task can help.
//!
//! Each runs in a process of its own, which is killed if it hangs.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use cachekit::testing::Scope;
use cachekit::{Cache, cache};
use cachekit_tests::{Gate, Polled, block_on, in_child};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::runtime::{Builder, Handle, Runtime};

fn workers(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().unwrap()
}

/// Sync code that comes back into async, as it has to on a worker.
fn request(milliseconds: u64) {
    tokio::task::block_in_place(|| {
        Handle::current().block_on(tokio::time::sleep(Duration::from_millis(milliseconds)));
    });
}

static RUNS: AtomicU32 = AtomicU32::new(0);

#[cache]
fn fetch(n: u32) -> u32 {
    RUNS.fetch_add(1, Ordering::SeqCst);
    request(50);
    n
}

#[test]
fn waiters_on_all_workers_let_the_runtime_go_on() {
    in_child("calls::hangs::waiters_on_all_workers_let_the_runtime_go_on", || {
        workers(2).block_on(async {
            let calls: Vec<_> = (0..16).map(|_| tokio::spawn(async { fetch(1) })).collect();
            for call in calls {
                assert_eq!(call.await.unwrap(), 1);
            }
        });
        assert_eq!(RUNS.load(Ordering::SeqCst), 1, "no waiter had to step in");
    });
}

#[test]
fn so_do_those_of_an_object() {
    in_child("calls::hangs::so_do_those_of_an_object", || {
        let cache = Cache::<u32, u32>::new(10);
        workers(2).block_on(async {
            let calls: Vec<_> = (0..16)
                .map(|_| {
                    let cache = cache.clone();
                    tokio::spawn(async move {
                        cache.get_or_insert_with(&1, || {
                            request(50);
                            1
                        })
                    })
                })
                .collect();
            for call in calls {
                assert_eq!(call.await.unwrap(), 1);
            }
        });
        assert_eq!(cache.stats().loads, 1);
    });
}

#[test]
fn a_wait_where_the_runtime_cannot_be_left_does_not_panic() {
    in_child("calls::hangs::a_wait_where_the_runtime_cannot_be_left_does_not_panic", || {
        static PANICS: AtomicUsize = AtomicUsize::new(0);
        std::panic::set_hook(Box::new(|panic| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            eprintln!("{panic}");
        }));
        // A thread leads, and this call has to wait for it.
        let waits = |key: u32, cache: &Cache<u32, u32>| {
            let gate = Gate::new();
            let leader = {
                let (cache, gate) = (cache.clone(), gate.clone());
                std::thread::spawn(move || {
                    cache.get_or_insert_with(&key, || {
                        gate.pass();
                        1
                    })
                })
            };
            gate.wait_reached();
            let opener = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                gate.open();
            });
            assert_eq!(cache.get_or_insert_with(&key, || 1), 1);
            opener.join().unwrap();
            leader.join().unwrap();
        };
        let cache = Cache::new(100);
        let single = Builder::new_current_thread().enable_all().build().unwrap();
        let multi = workers(2);
        waits(1, &cache);
        single.block_on(async { waits(2, &cache) });
        multi.block_on(async { waits(3, &cache) });
        for runtime in [&single, &multi] {
            let local = tokio::task::LocalSet::new();
            let inner = cache.clone();
            local.block_on(runtime, async move {
                waits(4, &inner);
                inner.clear();
                let task = tokio::task::spawn_local(async move { waits(5, &inner) });
                task.await.unwrap();
            });
            cache.clear();
        }
        let _entered = multi.enter();
        waits(6, &cache);
        let inner = cache.clone();
        let task = multi.spawn(async move {
            waits(7, &inner);
            tokio::task::block_in_place(|| waits(8, &inner));
            tokio::task::block_in_place(|| {
                let local = tokio::task::LocalSet::new();
                Handle::current().block_on(local.run_until(async { waits(9, &inner) }));
            });
            let blocking = inner.clone();
            tokio::task::spawn_blocking(move || waits(10, &blocking)).await.unwrap();
        });
        multi.block_on(task).unwrap();
        assert_eq!(PANICS.load(Ordering::SeqCst), 0);
    });
}

/// Two threads that take what is sent to them.
fn pool() -> mpsc::Sender<Box<dyn FnOnce() + Send>> {
    let (send, jobs) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
    let jobs = Arc::new(std::sync::Mutex::new(jobs));
    for _ in 0..2 {
        let jobs = Arc::clone(&jobs);
        std::thread::spawn(move || {
            loop {
                let job = jobs.lock().unwrap().recv();
                match job {
                    Ok(job) => job(),
                    Err(_) => return,
                }
            }
        });
    }
    send
}

#[test]
fn a_leader_that_needs_the_threads_of_its_waiters() {
    in_child("calls::hangs::a_leader_that_needs_the_threads_of_its_waiters", || {
        let cache = Cache::<u32, u32>::new(10);
        let pool = pool();
        let inside = Gate::new();
        let leader = {
            let (cache, pool, inside) = (cache.clone(), pool.clone(), inside.clone());
            std::thread::spawn(move || {
                cache.get_or_insert_with(&1, || {
                    inside.pass();
                    let (send, answer) = mpsc::channel();
                    pool.send(Box::new(move || send.send(1).unwrap())).unwrap();
                    answer.recv().unwrap()
                })
            })
        };
        inside.wait_reached();
        let (send, seen) = mpsc::channel();
        for _ in 0..6 {
            let (cache, send) = (cache.clone(), send.clone());
            pool.send(Box::new(move || send.send(cache.get_or_insert_with(&1, || 1)).unwrap()))
                .unwrap();
        }
        // All threads of the pool wait before the leader asks for one.
        while cache.stats().misses < 3 {
            std::thread::yield_now();
        }
        inside.open();
        assert_eq!(leader.join().unwrap(), 1);
        assert!((0..6).all(|_| seen.recv().unwrap() == 1));
        assert!(cache.stats().loads <= 3, "one of them stepped in");
    });
}

#[cache]
async fn quote(n: u32) -> u32 {
    RUNS.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(50)).await;
    n
}

async fn ends<T>(what: impl Future<Output = T>) -> T {
    // No measure of speed: without a rule it would never end.
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("it hangs")
}

fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(ends(test))
}

#[test]
fn a_select_by_reference_that_calls_again() {
    in_child("calls::hangs::a_select_by_reference_that_calls_again", || {
        let value = on_one_thread(async {
            let mut first = std::pin::pin!(quote(1));
            tokio::select! {
                value = &mut first => value,
                () = tokio::time::sleep(Duration::from_millis(5)) => {
                    let again = quote(1).await;
                    // The first one is as good as it was.
                    assert_eq!(first.await, 1);
                    again
                }
            }
        });
        assert_eq!((value, RUNS.load(Ordering::SeqCst)), (1, 2));
        assert_eq!(block_on(quote::peek(&1)), Some(1));
    });
}

#[test]
fn buffered_calls_beside_a_call_in_the_loop() {
    in_child("calls::hangs::buffered_calls_beside_a_call_in_the_loop", || {
        on_one_thread(async {
            let mut calls = futures::stream::iter([1, 2, 3, 4]).map(quote).buffered(3);
            while let Some(n) = calls.next().await {
                // The next ones are under way, and polled by nothing but `next`.
                assert_eq!(quote(n % 4 + 1).await, n % 4 + 1);
            }
        });
        on_one_thread(async {
            let mut calls: FuturesUnordered<_> = (5..9).map(quote).collect();
            while let Some(n) = calls.next().await {
                assert_eq!(quote(13 - n).await, 13 - n);
            }
        });
    });
}

#[test]
fn a_leader_that_was_forgotten() {
    in_child("calls::hangs::a_leader_that_was_forgotten", || {
        let gate = Gate::new();
        let cache = Cache::<u32, u32>::new(10);
        let stuck = {
            let (cache, gate) = (cache.clone(), gate.clone());
            async move {
                cache
                    .get_or_insert_async(&1, async move {
                        gate.passed().await;
                        0
                    })
                    .await
            }
        };
        let mut stuck = Box::pin(stuck);
        assert!(futures::FutureExt::now_or_never(stuck.as_mut()).is_none());
        std::mem::forget(stuck);
        // On any executor.
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads
                    .spawn(|| assert_eq!(block_on(cache.get_or_insert_async(&1, async { 1 })), 1));
            }
        });
        assert_eq!((cache.get(&1), cache.stats().loads), (Some(1), 1));
        assert_eq!(block_on(cache.get_or_insert_async(&1, async { 2 })), 1);
    });
}

#[test]
fn one_run_steps_in_for_all_who_wait() {
    in_child("calls::hangs::one_run_steps_in_for_all_who_wait", || {
        on_one_thread(async {
            let mut first = std::pin::pin!(quote(1));
            assert!(futures::poll!(first.as_mut()).is_pending());
            let calls = (0..100).map(|_| quote(1));
            assert!(futures::future::join_all(calls).await.iter().all(|value| *value == 1));
        });
        assert_eq!(RUNS.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_leader_that_is_left_while_it_asks_the_shared_tier() {
    use cachekit_io::testing::{Fault, FaultyBackend};
    use cachekit_io::{MemoryBackend, Operation};

    in_child("calls::hangs::a_leader_that_is_left_while_it_asks_the_shared_tier", || {
        let backend = FaultyBackend::new(MemoryBackend::new());
        let gate = Gate::new();
        let held = gate.clone();
        backend.inject(
            Fault::wait(move || {
                let held = held.clone();
                async move { held.passed().await }
            })
            .on(Operation::Get)
            .times(1),
        );
        let scope = Scope::new().with_backend(Arc::new(backend));
        on_one_thread(scope.wrap(async {
            let mut first = std::pin::pin!(quote(1));
            assert!(futures::poll!(first.as_mut()).is_pending());
            assert_eq!(quote(1).await, 1);
            gate.open();
            assert_eq!(first.await, 1);
        }));
    });
}

#[test]
fn a_leader_whose_task_waits_for_the_task_of_a_waiter() {
    static DEPTH: AtomicU32 = AtomicU32::new(0);

    #[cache::local]
    fn nested(n: u32) -> futures::future::BoxFuture<'static, u32> {
        Box::pin(async move {
            if DEPTH.fetch_add(1, Ordering::SeqCst) > 0 {
                return n;
            }
            tokio::spawn(nested(n)).await.unwrap()
        })
    }
    in_child("calls::hangs::a_leader_whose_task_waits_for_the_task_of_a_waiter", || {
        assert_eq!(on_one_thread(nested(1)), 1);
    });
}

#[test]
fn a_leader_that_is_polled_again_ends_as_if_nothing_had_been() {
    in_child("calls::hangs::a_leader_that_is_polled_again_ends_as_if_nothing_had_been", || {
        let (cache, gate) = (Cache::<u32, u32>::new(10), Gate::new());
        let mut leader = Polled::new(cache.get_or_insert_async(&1, async {
            gate.passed().await;
            1
        }));
        assert!(leader.poll().is_none());
        let mut waiter = Polled::new(cache.get_or_insert_async(&1, async { 2 }));
        assert!(waiter.poll().is_none());
        // Knocked at.
        while leader.wakes() == 0 {
            std::thread::yield_now();
        }
        gate.open();
        assert_eq!((leader.poll(), waiter.poll(), cache.get(&1)), (Some(1), Some(1), Some(1)));
    });
}
