//! A leader that is polled no more, while others wait for it, and everything that can happen at that moment.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use shuttle::sync::mpsc;
use shuttle::{future, thread};

use super::{cache, explore, poll_and_drop};
use crate::Cache;
use crate::store::watch;

/// Calls with `f(n)`, which is counted, and suspends once.
async fn call(cache: Cache<u64, u64>, runs: Arc<AtomicU64>) -> u64 {
    cache
        .get_or_insert_async(&7, async {
            let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
            future::yield_now().await;
            run
        })
        .await
}

/// What becomes of the leader after its first poll.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Forgotten,
    Dropped,
    PolledAgain,
}

fn explore_fate(fate: Fate, invalidated: bool) {
    explore(move || {
        let (cache, runs) = (cache(), Arc::new(AtomicU64::new(0)));
        let mut leader = Box::pin(call(cache.clone(), Arc::clone(&runs)));
        {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(leader.as_mut().poll(&mut cx).is_pending());
        }
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let call = call(cache.clone(), Arc::clone(&runs));
                thread::spawn(move || future::block_on(call))
            })
            .collect();
        let done = Arc::new(AtomicBool::new(false));
        let watcher = {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    watch::tick(0);
                    thread::yield_now();
                }
            })
        };
        let invalidation = invalidated.then(|| {
            let cache = cache.clone();
            thread::spawn(move || cache.invalidate(&7))
        });
        let leader = match fate {
            Fate::Forgotten => {
                std::mem::forget(leader);
                None
            }
            Fate::Dropped => {
                drop(leader);
                None
            }
            Fate::PolledAgain => Some(future::block_on(leader)),
        };
        let seen: Vec<_> = waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect();
        done.store(true, Ordering::SeqCst);
        watcher.join().unwrap();
        let invalidated = invalidation.map(|invalidation| invalidation.join().unwrap());
        let runs = runs.load(Ordering::SeqCst);
        let known = |value: u64| (1..=runs).contains(&value);
        assert!(seen.iter().copied().all(known), "{seen:?} of {runs}");
        assert_eq!(leader.unwrap_or(1), 1, "its own value");
        let kept = cache.get(&7);
        if invalidated.is_none() {
            // Of a waiter that stepped in, or of the leader if it was faster: one that a caller has got.
            assert!(seen.iter().any(|value| kept == Some(*value)), "{fate:?}: {kept:?}, {seen:?}");
            assert!(runs <= 3, "{runs} runs");
        }
        assert!(kept.is_none_or(known));
        if !matches!(fate, Fate::Forgotten) {
            assert_eq!(cache.running(), 0);
        }
    });
}

#[test]
fn forgotten() {
    explore_fate(Fate::Forgotten, false);
}

#[test]
fn forgotten_and_invalidated() {
    explore_fate(Fate::Forgotten, true);
}

#[test]
fn dropped_at_the_moment_it_is_relieved() {
    explore_fate(Fate::Dropped, false);
}

#[test]
fn polled_again_at_the_moment_it_is_relieved() {
    explore_fate(Fate::PolledAgain, false);
}

#[test]
fn polled_again_and_invalidated() {
    explore_fate(Fate::PolledAgain, true);
}

/// A waiter that is to run the function and is dropped instead, or is never polled.
#[test]
fn a_waiter_that_is_dropped_when_it_is_to_run() {
    explore(|| {
        let (cache, runs) = (cache(), Arc::new(AtomicU64::new(0)));
        let mut leader = Box::pin(call(cache.clone(), Arc::clone(&runs)));
        {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(leader.as_mut().poll(&mut cx).is_pending());
        }
        let dropped = {
            let call = call(cache.clone(), Arc::clone(&runs));
            thread::spawn(move || poll_and_drop(call, 2))
        };
        let waiter = {
            let call = call(cache.clone(), Arc::clone(&runs));
            thread::spawn(move || future::block_on(call))
        };
        let done = Arc::new(AtomicBool::new(false));
        let watcher = {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    watch::tick(0);
                    thread::yield_now();
                }
            })
        };
        let seen = waiter.join().unwrap();
        done.store(true, Ordering::SeqCst);
        watcher.join().unwrap();
        dropped.join().unwrap();
        assert!((1..=runs.load(Ordering::SeqCst)).contains(&seen));
        assert!(cache.get(&7).is_some());
        drop(leader);
        assert_eq!(cache.running(), 0);
    });
}

/// Time alone: the leader answers and does not end before a waiter has.
#[test]
fn a_leader_that_waits_for_its_waiter() {
    explore(|| {
        let cache = cache();
        let done = Arc::new(AtomicBool::new(false));
        let (begun, has_begun) = mpsc::channel();
        let leader = {
            let (cache, done) = (cache.clone(), Arc::clone(&done));
            thread::spawn(move || {
                cache.get_or_insert_with(&7, || {
                    begun.send(()).unwrap();
                    while !done.load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                    1
                })
            })
        };
        let watcher = {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                let mut now = 0;
                while !done.load(Ordering::SeqCst) {
                    now += 1000;
                    watch::tick(now);
                    thread::yield_now();
                }
            })
        };
        has_begun.recv().unwrap();
        let seen = cache.get_or_insert_with(&7, || 2);
        done.store(true, Ordering::SeqCst);
        watcher.join().unwrap();
        assert!(matches!((seen, leader.join().unwrap()), (2, 1 | 2)));
        assert_eq!(cache.get(&7), Some(2));
    });
}

/// Time alone, and an invalidation: a waiter steps in while the leader lands what it read before.
#[test]
fn a_caller_after_an_invalidation_gets_nothing_that_was_read_before_it() {
    explore(|| {
        let (cache, source) = (cache(), Arc::new(AtomicU64::new(1)));
        let (begun, has_begun) = mpsc::channel();
        let invalidated = Arc::new(AtomicBool::new(false));
        let leader = {
            let (cache, source) = (cache.clone(), Arc::clone(&source));
            let invalidated = Arc::clone(&invalidated);
            thread::spawn(move || {
                cache.get_or_insert_with(&7, || {
                    let read = source.load(Ordering::SeqCst);
                    begun.send(()).unwrap();
                    while !invalidated.load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                    read
                })
            })
        };
        has_begun.recv().unwrap();
        let waiter = {
            let (cache, source) = (cache.clone(), Arc::clone(&source));
            thread::spawn(move || {
                cache.get_or_insert_with(&7, || {
                    thread::yield_now();
                    source.load(Ordering::SeqCst)
                })
            })
        };
        let watcher = thread::spawn(|| {
            for now in [0, 5_000] {
                thread::yield_now();
                watch::tick(now);
            }
        });
        watcher.join().unwrap();
        source.store(2, Ordering::SeqCst);
        cache.invalidate(&7);
        invalidated.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            // Nothing is kept of it, so that the next one asks as well.
            let seen = cache.get_or_try_insert_with(&7, || Err(()));
            assert_ne!(seen, Ok(1), "from before the invalidation");
        }
        let seen = [leader, waiter].map(|caller| caller.join().unwrap());
        assert!(seen.iter().all(|seen| matches!(seen, 1 | 2)), "{seen:?}");
        assert!(matches!(cache.get(&7), None | Some(2)));
        assert_eq!(cache.running(), 0);
    });
}
