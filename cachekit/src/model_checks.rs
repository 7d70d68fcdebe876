//! The concurrency promises, under a scheduler that explores interleavings.
//!
//! `.ci/model` runs these: `RUSTFLAGS="--cfg cachekit_model" cargo test -p cachekit --features shared --lib
//! model_checks`. A failing schedule is printed and can be replayed with `shuttle::replay`. The number of schedules
//! comes from `CACHEKIT_MODEL_ITERATIONS`. All threads of a model share one thread of the system, so a panic that
//! unwinds across a switch cannot be modelled: panicking leaders are in the integration tests.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use shuttle::{Config, Runner, future, thread};

use std::time::Duration;

use crate::Cache;
use crate::clock::{Clock, ClockSource, NEVER, ticks};
use crate::counters::CounterId;
use crate::entry::{Head, Plan};
use crate::read_through::{Asked, Lookup, find};
use crate::rules::Defaults;
use crate::shape::Plain;
use crate::store::{Caller, Capacity, Store, StoreRef};

mod abandoned;
mod changes;
#[cfg(feature = "shared")]
mod coherence;
mod order;

/// Explores schedules at random and with few, well-placed preemptions: the second finds what needs one
/// exact switch.
fn explore(scenario: impl Fn() + Send + Sync + 'static) {
    let iterations = std::env::var("CACHEKIT_MODEL_ITERATIONS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_000);
    let scenario = Arc::new(scenario);
    let again = Arc::clone(&scenario);
    let config = || {
        let mut config = Config::default();
        config.stack_size = 1 << 20;
        config
    };
    Runner::new(RandomScheduler::new(iterations), config()).run(move || again());
    Runner::new(PctScheduler::new(3, iterations), config()).run(move || scenario());
}

fn cache() -> Cache<u64, u64> {
    Cache::new(64)
}

/// A thread that fills key 7 with what the source says while its function runs.
fn fills_from(cache: &Cache<u64, u64>, source: &Arc<AtomicU64>) -> thread::JoinHandle<()> {
    let (cache, source) = (cache.clone(), Arc::clone(source));
    thread::spawn(move || {
        cache.get_or_insert_with(&7, || source.load(Ordering::SeqCst));
    })
}

#[test]
fn one_run_for_all_callers() {
    explore(|| {
        let cache = cache();
        let runs = Arc::new(AtomicU64::new(0));
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let (cache, runs) = (cache.clone(), Arc::clone(&runs));
                thread::spawn(move || {
                    cache.get_or_insert_with(&7, || {
                        thread::yield_now();
                        runs.fetch_add(1, Ordering::SeqCst) + 100
                    })
                })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.join().unwrap(), 100);
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert_eq!(cache.running(), 0);
    });
}

#[test]
fn an_invalidation_beats_every_fill_that_started_before_it() {
    explore(|| {
        let cache = cache();
        let source = Arc::new(AtomicU64::new(1));
        let fillers: Vec<_> = (0..2)
            .map(|_| {
                let (cache, source) = (cache.clone(), Arc::clone(&source));
                thread::spawn(move || {
                    cache.get_or_insert_with(&7, || source.load(Ordering::SeqCst));
                })
            })
            .collect();
        source.store(2, Ordering::SeqCst);
        cache.invalidate(&7);
        // From here on no call may see what was read before the change.
        if let Some(seen) = cache.get(&7) {
            assert_eq!(seen, 2);
        }
        assert_eq!(cache.get_or_insert_with(&7, || source.load(Ordering::SeqCst)), 2);
        for filler in fillers {
            filler.join().unwrap();
        }
        if let Some(kept) = cache.get(&7) {
            assert_eq!(kept, 2);
        }
    });
}

#[test]
fn clear_beats_every_fill_that_started_before_it() {
    explore(|| {
        let cache = cache();
        let source = Arc::new(AtomicU64::new(1));
        let filler = fills_from(&cache, &source);
        source.store(2, Ordering::SeqCst);
        cache.clear();
        if let Some(seen) = cache.get(&7) {
            assert_eq!(seen, 2);
        }
        filler.join().unwrap();
        if let Some(kept) = cache.get(&7) {
            assert_eq!(kept, 2);
        }
    });
}

#[test]
fn a_stored_value_beats_the_fill_it_overtook() {
    explore(|| {
        let cache = cache();
        let filler = {
            let cache = cache.clone();
            thread::spawn(move || cache.get_or_insert_with(&7, || 1))
        };
        cache.insert(7, 2);
        // The fill either saw the stored value or started before it.
        assert!(matches!(filler.join().unwrap(), 1 | 2));
        // A fill that was overtaken between its check and its insert takes the stored value along when
        // it leaves: a miss, which is always allowed. What it computed must not be there.
        assert_ne!(cache.get(&7), Some(1));
    });
}

#[test]
fn thread_caches_of_other_threads_see_an_invalidation_at_once() {
    explore(|| {
        let cache = cache();
        cache.insert(7, 1);
        let done = Arc::new(AtomicBool::new(false));
        let reader = {
            let (cache, done) = (cache.clone(), Arc::clone(&done));
            thread::spawn(move || {
                for _ in 0..3 {
                    let after = done.load(Ordering::SeqCst);
                    let seen = cache.get(&7);
                    assert!(!after || seen.is_none(), "served after the invalidation had returned");
                }
            })
        };
        assert!(cache.invalidate(&7));
        done.store(true, Ordering::SeqCst);
        reader.join().unwrap();
    });
}

#[test]
fn a_front_that_takes_an_entry_and_a_thread_that_ends_it_do_not_miss_each_other() {
    explore(|| {
        let head = Arc::new(Head::new(1, CounterId::NONE, Plan::until(NEVER)));
        let remembers = {
            let head = Arc::clone(&head);
            // Several thread caches may: the second finds that one has.
            thread::spawn(move || (head.enter_thread_cache(), head.enter_thread_cache()))
        };
        head.kill();
        let told = head.is_in_thread_caches();
        let (first, second) = remembers.join().unwrap();
        assert!(told || !first && !second, "it stays in a thread cache, and no thread is told");
    });
}

#[test]
fn a_replaced_value_is_never_served_after_its_successor() {
    explore(|| {
        let cache = cache();
        let writer = {
            let cache = cache.clone();
            thread::spawn(move || {
                for version in 1..=3 {
                    cache.insert(7, version);
                }
            })
        };
        let mut last = 0;
        for _ in 0..4 {
            if let Some(seen) = cache.get(&7) {
                assert!(seen >= last, "went back from {last} to {seen}");
                last = seen;
            }
        }
        writer.join().unwrap();
        assert_eq!(cache.get(&7), Some(3));
    });
}

#[test]
fn errors_release_the_waiters() {
    explore(|| {
        let cache = cache();
        let runs = Arc::new(AtomicU64::new(0));
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let (cache, runs) = (cache.clone(), Arc::clone(&runs));
                thread::spawn(move || {
                    cache.get_or_try_insert_with(&7, || {
                        let run = runs.fetch_add(1, Ordering::SeqCst);
                        if run == 0 { Err(()) } else { Ok(run) }
                    })
                })
            })
            .collect();
        let results: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    });
}

/// Polls a future a few times and drops it: what a `select!` or a timeout does to a call.
fn poll_and_drop<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        thread::yield_now();
    }
    None
}

#[test]
fn a_cancelled_leader_is_replaced() {
    explore(|| {
        let cache = cache();
        let cancelled = {
            let cache = cache.clone();
            thread::spawn(move || {
                poll_and_drop(cache.get_or_insert_async(&7, std::future::pending()), 2)
            })
        };
        let waiter = {
            let cache = cache.clone();
            thread::spawn(move || {
                future::block_on(async move { cache.get_or_insert_async(&7, async { 2 }).await })
            })
        };
        let seen = waiter.join().unwrap();
        assert_eq!(seen, 2);
        assert!(matches!(cancelled.join().unwrap(), None | Some(2)));
        assert_eq!(cache.get(&7), Some(2));
        assert_eq!(cache.running(), 0);
    });
}

#[test]
fn a_cancelled_waiter_leaves_the_others_alone() {
    explore(|| {
        let cache = cache();
        let call = |cache: Cache<u64, u64>| async move {
            cache
                .get_or_insert_async(&7, async {
                    future::yield_now().await;
                    1
                })
                .await
        };
        let others: Vec<_> = (0..2)
            .map(|_| {
                let call = call(cache.clone());
                thread::spawn(move || future::block_on(call))
            })
            .collect();
        let cancelled = {
            let call = call(cache.clone());
            thread::spawn(move || poll_and_drop(call, 1))
        };
        for other in others {
            assert_eq!(other.join().unwrap(), 1);
        }
        assert!(matches!(cancelled.join().unwrap(), None | Some(1)));
    });
}

#[test]
fn functions_that_call_each_other_do_not_wait_in_a_circle() {
    explore(|| {
        let cache = cache();
        let callers: Vec<_> = [(1, 2), (2, 1)]
            .into_iter()
            .map(|(outer, inner)| {
                let cache = cache.clone();
                thread::spawn(move || {
                    cache.get_or_insert_with(&outer, || {
                        thread::yield_now();
                        cache.get_or_insert_with(&inner, || inner * 10);
                        outer * 10
                    })
                })
            })
            .collect();
        let results: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        assert_eq!(results, [10, 20]);
    });
}

#[test]
fn eviction_never_lets_a_thread_cache_serve_what_an_invalidation_cannot_reach() {
    explore(|| {
        // One place: every insert of another key evicts.
        let cache = Cache::<u64, u64>::new(1);
        cache.insert(7, 1);
        let done = Arc::new(AtomicBool::new(false));
        let evictor = {
            let cache = cache.clone();
            thread::spawn(move || cache.insert(8, 8))
        };
        let reader = {
            let (cache, done) = (cache.clone(), Arc::clone(&done));
            thread::spawn(move || {
                for _ in 0..2 {
                    let after = done.load(Ordering::SeqCst);
                    let seen = cache.get(&7);
                    assert!(!after || seen.is_none(), "served after the invalidation had returned");
                }
            })
        };
        cache.invalidate(&7);
        done.store(true, Ordering::SeqCst);
        evictor.join().unwrap();
        reader.join().unwrap();
        assert!(cache.len() <= 1);
    });
}

/// A store with a clock of its own, and an entry for the key 7 in it that is past its time.
fn stale_store() -> StoreRef {
    let clock = Clock::new();
    let source = ClockSource::Manual(clock.clone());
    let store = StoreRef::Shared(Arc::new(Store::new(Capacity::Entries(64), source, false)));
    let Asked::Lead(lead) = ask(&store) else { panic!("the store is empty") };
    assert_eq!(lead.run(Defaults, || 1), 1);
    clock.advance(Duration::from_secs(15));
    store
}

/// A call of a function with `ttl = 10, stale = 10`, up to its turn to run.
fn ask(store: &StoreRef) -> Asked<u64, Plain<u64>> {
    let (ttl, window) = (ticks(Duration::from_secs(10)), ticks(Duration::from_secs(10)));
    let caller = Caller { asynchronous: false, asks: false };
    let found = find::<u64, Plain<u64>>(Lookup {
        store,
        hash: 7,
        key: &7,
        ttl,
        window,
        idle: NEVER,
        caller,
        refreshes: true,
        remote: None,
        keep: &|| store.clone(),
    });
    match found {
        Ok(value) => Asked::Value(value),
        Err(miss) => miss.ask(),
    }
}

/// The whole call. A refresh that it has to see to runs at once, in its place.
fn call(store: &StoreRef, f: &dyn Fn() -> u64) -> u64 {
    match ask(store) {
        Asked::Value(value) => value,
        Asked::Lead(lead) => lead.run(Defaults, f),
        Asked::Stale(value, ticket) => {
            ticket.carry_out(|| match ask(store) {
                Asked::Lead(lead) => lead.run(Defaults, f),
                Asked::Value(value) | Asked::Stale(value, _) => value,
            });
            value
        }
    }
}

#[test]
fn one_refresh_for_all_who_are_served_the_stale_value() {
    explore(|| {
        let store = stale_store();
        let runs = Arc::new(AtomicU64::new(0));
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let (store, runs) = (store.clone(), Arc::clone(&runs));
                thread::spawn(move || {
                    let run = || {
                        thread::yield_now();
                        runs.fetch_add(1, Ordering::SeqCst) + 2
                    };
                    assert!(matches!(call(&store, &run), 1 | 2));
                })
            })
            .collect();
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!((runs.load(Ordering::SeqCst), call(&store, &|| 9)), (1, 2));
    });
}

#[test]
fn an_invalidation_beats_the_refreshes_that_started_before_it() {
    explore(|| {
        let store = stale_store();
        let source = Arc::new(AtomicU64::new(2));
        let caller = {
            let (store, source) = (store.clone(), Arc::clone(&source));
            thread::spawn(move || {
                call(&store, &|| source.load(Ordering::SeqCst));
            })
        };
        source.store(3, Ordering::SeqCst);
        store.remove(7, &|_| true);
        // From here on no call may see what was read before the change.
        assert_eq!(call(&store, &|| source.load(Ordering::SeqCst)), 3);
        caller.join().unwrap();
        assert_eq!(call(&store, &|| source.load(Ordering::SeqCst)), 3);
        assert_eq!(store.running(), 0);
    });
}
