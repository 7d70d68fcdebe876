//! One run per key in the process, whatever happens to it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use cachekit::testing::{Scope, isolate};
use cachekit::{Cache, cache};
use cachekit_tests::{Gate, Polled, Runs, block_on, in_child, together};

#[test]
fn many_threads_run_it_once() {
    const THREADS: usize = 64;
    const ROUNDS: u32 = 300;
    static RUNS: Runs = Runs::new();
    #[cache::local]
    fn slow(n: u32) -> u32 {
        RUNS.add();
        // Lets others arrive while this runs.
        std::thread::yield_now();
        n * 2
    }
    let scope = Scope::new();
    let barrier = Barrier::new(THREADS);
    together(THREADS, |_| {
        let _in = scope.enter();
        for round in 0..ROUNDS {
            barrier.wait();
            assert_eq!(slow(round), round * 2);
        }
    });
    assert_eq!(RUNS.all(), ROUNDS);
    let stats = scope.run(slow::stats);
    assert_eq!(stats.loads, u64::from(ROUNDS));
    assert_eq!(stats.hits + stats.misses, u64::from(ROUNDS) * THREADS as u64);
}

#[test]
fn many_tasks_run_it_once() {
    const TASKS: usize = 1_000;
    const ROUNDS: u32 = 100;
    static RUNS: Runs = Runs::new();
    #[cache::local]
    async fn slow(n: u32) -> u32 {
        RUNS.add();
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        n * 2
    }
    let scope = Scope::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        for round in 0..ROUNDS {
            let start = Arc::new(tokio::sync::Semaphore::new(0));
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| {
                    let start = Arc::clone(&start);
                    tokio::spawn(scope.wrap(async move {
                        start.acquire().await.unwrap().forget();
                        slow(round).await
                    }))
                })
                .collect();
            start.add_permits(TASKS);
            for task in tasks {
                assert_eq!(task.await.unwrap(), round * 2);
            }
        }
    });
    assert_eq!(RUNS.all(), ROUNDS);
}

#[test]
fn keys_do_not_wait_for_each_other() {
    #[cache::local(skip(barrier))]
    fn meets(n: u32, barrier: &Barrier) -> u32 {
        barrier.wait();
        n
    }
    in_child("calls::single_flight::keys_do_not_wait_for_each_other", || {
        let scope = Scope::new();
        let inside = Barrier::new(4);
        together(4, |index| {
            let n = u32::try_from(index).unwrap();
            // Only if all four bodies run at the same time does any of them end.
            assert_eq!(scope.run(|| meets(n, &inside)), n);
        });
    });
}

#[cache::local(skip(gate, runs))]
async fn gated(n: u32, gate: &Gate, runs: &AtomicU32) -> u32 {
    let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
    gate.passed().await;
    n * 100 + run
}

#[test]
fn waiters_get_the_leaders_value() {
    let _test = isolate();
    let (gate, runs) = (Gate::new(), AtomicU32::new(0));
    let mut calls: Vec<_> = (0..10).map(|_| Polled::new(gated(1, &gate, &runs))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_none()));
    gate.open();
    assert_eq!(calls[0].poll(), Some(101));
    for waiter in &mut calls[1..] {
        assert_eq!((waiter.wakes(), waiter.poll()), (1, Some(101)));
    }
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_waiter_takes_over_from_a_cancelled_leader() {
    let _test = isolate();
    let (gate, runs) = (Gate::new(), AtomicU32::new(0));
    let mut calls: Vec<_> = (0..4).map(|_| Polled::new(gated(1, &gate, &runs))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_none()));
    drop(calls.remove(0));
    assert!(calls.iter().all(|waiter| waiter.wakes() == 1), "everybody is told");
    assert!(calls.iter_mut().all(|call| call.poll().is_none()));
    assert_eq!(runs.load(Ordering::SeqCst), 2, "one of them took over");
    // And from that one as well.
    drop(calls.remove(0));
    assert!(calls.iter_mut().all(|call| call.poll().is_none()));
    gate.open();
    assert_eq!(calls[0].poll(), Some(103));
    assert_eq!(calls[1].poll(), Some(103));
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

#[test]
fn waiters_may_give_up() {
    let _test = isolate();
    let (gate, runs) = (Gate::new(), AtomicU32::new(0));
    let mut calls: Vec<_> = (0..5).map(|_| Polled::new(gated(1, &gate, &runs))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_none()));
    drop(calls.remove(3));
    drop(calls.remove(1));
    assert!(calls.iter_mut().all(|call| call.poll().is_none()), "polled again for no reason");
    gate.open();
    assert!(calls.iter_mut().all(|call| call.poll() == Some(101)));
    // All waiters gone: the leader goes on and stores.
    let mut leader = Polled::new(gated(2, &gate, &runs));
    assert_eq!(leader.poll(), Some(202));
}

#[test]
fn a_leader_without_waiters_left_still_stores() {
    let _test = isolate();
    let (gate, runs) = (Gate::new(), AtomicU32::new(0));
    let mut leader = Polled::new(gated(1, &gate, &runs));
    let mut waiter = Polled::new(gated(1, &gate, &runs));
    assert!(leader.poll().is_none() && waiter.poll().is_none());
    drop(waiter);
    gate.open();
    assert_eq!(leader.poll(), Some(101));
    assert_eq!(block_on(gated(1, &gate, &runs)), 101);
}

#[test]
fn a_panic_reaches_its_caller_only() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    #[cache::local(skip(gate))]
    async fn fragile(n: u32, gate: &Gate) -> u32 {
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        gate.passed().await;
        assert!(run > 0, "the first run fails");
        n
    }
    let _test = isolate();
    let gate = Gate::new();
    let mut calls: Vec<_> = (0..3).map(|_| Polled::new(fragile(1, &gate))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_none()));
    gate.open();
    let mut leader = calls.remove(0);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| leader.poll()));
    assert!(panicked.is_err());
    assert!(calls.iter_mut().all(|waiter| waiter.poll() == Some(1)));
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
}

#[test]
fn a_panic_in_a_thread_is_taken_over() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    #[cache::local(skip(inside))]
    fn fragile(n: u32, inside: &Gate) -> u32 {
        if RUNS.fetch_add(1, Ordering::SeqCst) == 0 {
            inside.pass();
            panic!("the first run fails");
        }
        n
    }
    in_child("calls::single_flight::a_panic_in_a_thread_is_taken_over", || {
        let scope = Scope::new();
        let inside = Gate::new();
        std::thread::scope(|threads| {
            let leader = threads.spawn(|| scope.run(|| fragile(1, &inside)));
            inside.wait_reached();
            let waiters: Vec<_> =
                (0..8).map(|_| threads.spawn(|| scope.run(|| fragile(1, &inside)))).collect();
            // They have all looked the key up and found nothing.
            while scope.run(fragile::stats).misses < 9 {
                std::thread::yield_now();
            }
            inside.open();
            assert!(leader.join().is_err());
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap() == 1));
        });
        assert_eq!(RUNS.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn errors_that_can_be_copied_reach_the_waiters() {
    static RUNS: Runs = Runs::new();
    #[cache::local(skip(gate))]
    async fn failing(n: u32, gate: &Gate) -> Result<u32, String> {
        let run = RUNS.add();
        gate.passed().await;
        Err(format!("{n} failed in run {run}"))
    }
    let _test = isolate();
    let gate = Gate::new();
    let mut calls: Vec<_> = (0..10).map(|_| Polled::new(failing(1, &gate))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_none()));
    gate.open();
    let first = Some(Err("1 failed in run 1".to_owned()));
    assert!(calls.iter_mut().all(|call| call.poll() == first));
    assert_eq!(RUNS.take(), 1);
    // It was for those who waited, not for those who come later.
    assert_eq!(block_on(failing(1, &gate)), Err("1 failed in run 1".to_owned()));
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn other_errors_make_waiters_try_again_for_a_while() {
    static RUNS: Runs = Runs::new();
    #[cache::local]
    async fn failing(n: u32) -> anyhow::Result<u32> {
        RUNS.add();
        tokio::task::yield_now().await;
        anyhow::bail!("{n} failed")
    }
    let _test = isolate();
    // Polls all calls in turn until the last one has its error.
    let rounds = |calls: usize| {
        let mut calls: Vec<_> = (0..calls).map(|_| Polled::new(failing(1))).collect();
        let mut rounds = 0;
        while !calls.is_empty() {
            rounds += 1;
            calls.retain_mut(|call| match call.poll() {
                None => true,
                Some(result) => {
                    assert_eq!(result.unwrap_err().to_string(), "1 failed");
                    false
                }
            });
            assert!(rounds < 1_000, "callers queue up behind failing runs");
        }
        rounds
    };
    let few = rounds(8);
    assert!(RUNS.take() <= 8);
    assert_eq!(rounds(200), few, "how long a caller waits does not depend on how many others do");
    assert!(RUNS.take() <= 200, "nobody runs it twice");
}

#[test]
fn an_error_that_ends_is_not_for_everybody() {
    static RUNS: Runs = Runs::new();
    #[cache::local]
    async fn recovering(n: u32) -> anyhow::Result<u32> {
        let run = RUNS.add();
        tokio::task::yield_now().await;
        anyhow::ensure!(run > 1, "the first run fails");
        Ok(n)
    }
    let _test = isolate();
    let calls = (0..20).map(|_| recovering(1));
    let results = block_on(futures::future::join_all(calls));
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn threads_do_not_wait_for_futures() {
    in_child("calls::single_flight::threads_do_not_wait_for_futures", || {
        let cache = Cache::<u32, u32>::new(10);
        let gate = Gate::new();
        let mut leader = Polled::new(cache.get_or_insert_async(&1, async {
            gate.passed().await;
            1
        }));
        assert!(leader.poll().is_none());
        // Nobody but this thread could poll it: waiting would be for ever.
        assert_eq!(cache.get_or_insert_with(&1, || 2), 2);
        gate.open();
        assert_eq!(leader.poll(), Some(1));
    });
}

#[test]
fn futures_wait_for_threads() {
    in_child("calls::single_flight::futures_wait_for_threads", || {
        let cache = Cache::<u32, u32>::new(10);
        let gate = Gate::new();
        std::thread::scope(|threads| {
            let leader = threads.spawn(|| {
                cache.get_or_insert_with(&1, || {
                    gate.pass();
                    1
                })
            });
            gate.wait_reached();
            let mut waiter = Polled::new(cache.get_or_insert_async(&1, async { 2 }));
            assert!(waiter.poll().is_none());
            gate.open();
            assert_eq!(leader.join().unwrap(), 1);
            assert_eq!((waiter.wakes(), waiter.poll()), (1, Some(1)));
        });
    });
}

#[test]
fn values_that_are_not_stored_reach_the_waiters() {
    static RUNS: Runs = Runs::new();
    #[cache::local(skip(gate), if = |_| false)]
    async fn fleeting(n: u32, gate: &Gate) -> u32 {
        let run = RUNS.add();
        gate.passed().await;
        n * 100 + run
    }
    let _test = isolate();
    let gate = Gate::new();
    let mut calls: Vec<_> = (0..5).map(|_| Polled::new(fleeting(1, &gate))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_none()));
    gate.open();
    assert!(calls.iter_mut().all(|call| call.poll() == Some(101)));
    assert_eq!(RUNS.take(), 1);
    assert_eq!(block_on(fleeting(1, &gate)), 101);
    assert_eq!((RUNS.take(), fleeting::stats().entries), (1, 0));
}
