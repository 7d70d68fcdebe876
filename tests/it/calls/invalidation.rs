//! An invalidation beats every fill that started before it, and every thread sees it at once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use cachekit::testing::{Scope, isolate};
use cachekit::{Cache, cache};
use cachekit_tests::{Gate, Polled, block_on, together};

/// What the cached functions below read: the newest number.
#[derive(Default)]
struct Source {
    now: AtomicU32,
    gate: Gate,
}

impl Source {
    fn change(&self) -> u32 {
        self.now.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// Reads the source, and then takes its time.
#[cache::local(skip(source))]
async fn read(id: u32, source: &Source) -> u32 {
    let seen = source.now.load(Ordering::SeqCst);
    source.gate.passed().await;
    seen
}

#[test]
fn invalidate_during_a_fill_wins() {
    let _test = isolate();
    let source = Source::default();
    let mut fill = Polled::new(read(1, &source));
    assert_eq!(fill.poll(), None);
    source.change();
    let removed = block_on(read::invalidate(&1));
    assert!(!removed.was_cached() && removed.is_confirmed());
    // Who comes after the invalidation does not wait for what was read before it.
    let mut after = Polled::new(read(1, &source));
    assert_eq!(after.poll(), None);
    source.gate.open();
    assert_eq!(fill.poll(), Some(0), "its own caller gets what it returned");
    assert_eq!(block_on(read::peek(&1)), None, "but it is not stored");
    assert_eq!(after.poll(), Some(1));
    assert_eq!(block_on(read(1, &source)), 1);
    assert_eq!(read::stats().hits, 1);
}

#[test]
fn invalidating_another_key_leaves_the_fill_alone() {
    let _test = isolate();
    let source = Source::default();
    let mut fill = Polled::new(read(1, &source));
    assert_eq!(fill.poll(), None);
    block_on(read::invalidate(&2)).ignore();
    source.gate.open();
    assert_eq!(fill.poll(), Some(0));
    assert_eq!(block_on(read::peek(&1)), Some(0));
}

#[test]
fn set_during_a_fill_wins() {
    let _test = isolate();
    let source = Source::default();
    let mut fill = Polled::new(read(1, &source));
    assert_eq!(fill.poll(), None);
    block_on(read::set(&1, 50));
    source.gate.open();
    assert_eq!(fill.poll(), Some(0));
    assert_eq!(block_on(read(1, &source)), 50);
}

#[test]
fn clear_during_a_fill_wins() {
    let _test = isolate();
    let source = Source::default();
    let mut fills: Vec<_> = (0..20).map(|id| Polled::new(read(id, &source))).collect();
    assert!(fills.iter_mut().all(|fill| fill.poll().is_none()));
    block_on(read::clear()).ignore();
    source.gate.open();
    assert!(fills.iter_mut().all(|fill| fill.poll() == Some(0)));
    assert_eq!(read::stats().entries, 0);
}

#[test]
fn a_cache_object_keeps_the_same_promises() {
    let cache = Cache::<u32, u32>::new(10);
    let gate = Gate::new();
    let fill = |key: u32| {
        let (cache, gate) = (&cache, &gate);
        Polled::new(async move {
            let slow = async {
                gate.passed().await;
                1
            };
            cache.get_or_insert_async(&key, slow).await
        })
    };
    let mut fills: Vec<_> = (0..4).map(fill).collect();
    assert!(fills.iter_mut().all(|fill| fill.poll().is_none()));
    assert!(!cache.invalidate(&0));
    cache.insert(1, 50);
    cache.insert_with_ttl(2, 50, Some(std::time::Duration::ZERO));
    gate.open();
    assert!(fills.iter_mut().all(|fill| fill.poll() == Some(1)));
    let stored: Vec<_> = (0..4).map(|key| cache.get(&key)).collect();
    assert_eq!(stored, [None, Some(50), None, Some(1)]);
    let mut late = fill(9);
    assert_eq!(late.poll(), Some(1));
    cache.clear();
    assert_eq!((cache.get(&9), cache.len()), (None, 0));
}

#[test]
fn waiters_of_an_invalidated_fill_get_its_value_and_nobody_else() {
    let _test = isolate();
    let source = Source::default();
    let mut fills: Vec<_> = (0..3).map(|_| Polled::new(read(1, &source))).collect();
    assert!(fills.iter_mut().all(|fill| fill.poll().is_none()));
    block_on(read::invalidate(&1)).ignore();
    source.change();
    source.gate.open();
    // They asked before the invalidation, so what was read before it answers them.
    assert!(fills.iter_mut().all(|fill| fill.poll() == Some(0)));
    assert_eq!(block_on(read(1, &source)), 1);
}

#[test]
fn refresh_serves_the_old_value_meanwhile() {
    let _test = isolate();
    let source = Source::default();
    block_on(read::set(&1, 70));
    source.change();
    let mut refresh = Polled::new(read::refresh(1, &source));
    assert_eq!(refresh.poll(), None);
    assert_eq!(block_on(read(1, &source)), 70);
    assert_eq!(block_on(read::peek(&1)), Some(70));
    source.gate.open();
    assert_eq!(refresh.poll(), Some(1));
    assert_eq!(block_on(read(1, &source)), 1);
    assert_eq!(read::stats().misses, 1, "only the refresh ran");
}

#[test]
fn invalidate_during_a_refresh_wins() {
    let _test = isolate();
    let source = Source::default();
    block_on(read::set(&1, 70));
    let mut refresh = Polled::new(read::refresh(1, &source));
    assert_eq!(refresh.poll(), None);
    assert!(block_on(read::invalidate(&1)).was_cached());
    source.gate.open();
    assert_eq!(refresh.poll(), Some(0));
    assert_eq!(block_on(read::peek(&1)), None);
}

#[test]
fn a_refresh_beats_the_fill_that_started_before_it() {
    let _test = isolate();
    let (source, second) = (Source::default(), Source::default());
    let mut fill = Polled::new(read(1, &source));
    assert_eq!(fill.poll(), None);
    second.now.store(9, Ordering::SeqCst);
    second.gate.open();
    assert_eq!(block_on(read::refresh(1, &second)), 9);
    source.gate.open();
    assert_eq!(fill.poll(), Some(0));
    assert_eq!(block_on(read(1, &source)), 9, "the refresh started later and knows better");
}

#[test]
fn a_cancelled_refresh_changes_nothing() {
    let _test = isolate();
    let source = Source::default();
    block_on(read::set(&1, 70));
    let mut refresh = Polled::new(read::refresh(1, &source));
    assert_eq!(refresh.poll(), None);
    drop(refresh);
    assert_eq!(block_on(read(1, &source)), 70);
    // The order to run was for that call alone.
    assert_eq!(read::stats().hits, 1);
}

#[test]
fn a_refresh_is_for_one_call_only() {
    #[cache::local]
    fn inner(n: u32) -> u32 {
        n + 1
    }
    #[cache::local]
    fn outer(n: u32) -> u32 {
        inner(n) * 10
    }
    let _test = isolate();
    assert_eq!(outer(1), 20);
    inner::set(&1, 5);
    assert_eq!(
        outer::refresh(1),
        50,
        "the functions that it calls still answer from their entries"
    );
    assert_eq!(cachekit::refresh(|| 3), 3, "nothing cached was called");
    assert_eq!((inner(1), outer(1)), (5, 50));
    assert_eq!(block_on(cachekit::refresh_async(async { outer(1) })), 50);
    assert_eq!((inner::stats().misses, outer::stats().misses), (1, 3));
}

#[test]
fn every_thread_sees_it_at_once() {
    const THREADS: usize = 6;
    static NOW: AtomicU64 = AtomicU64::new(0);
    #[cache::local]
    fn current(id: u32) -> u64 {
        NOW.load(Ordering::SeqCst)
    }
    let scope = Scope::new();
    let barrier = Barrier::new(THREADS);
    together(THREADS, |index| {
        let _in = scope.enter();
        for round in 0..300_usize {
            // Warm: every thread has the entry in its own front.
            let before = NOW.load(Ordering::SeqCst);
            for _ in 0..3 {
                assert_eq!(current(7), before);
            }
            barrier.wait();
            if index == round % THREADS {
                NOW.fetch_add(1, Ordering::SeqCst);
                match round % 3 {
                    0 => assert!(current::invalidate(&7).was_cached()),
                    1 => current::set(&7, NOW.load(Ordering::SeqCst)),
                    _ => drop(current::clear()),
                }
            }
            barrier.wait();
            assert_eq!(current(7), before + 1, "an old value after it was invalidated");
            barrier.wait();
        }
    });
}

#[test]
fn nobody_reads_backwards() {
    static NOW: AtomicU64 = AtomicU64::new(0);
    #[cache::local]
    fn current(id: u32) -> u64 {
        NOW.load(Ordering::SeqCst)
    }
    let scope = Scope::new();
    let done = AtomicBool::new(false);
    // The writer's rule: change the data, then invalidate. So once `invalidated` is `n`, no call that
    // starts later may give less.
    let invalidated = AtomicU64::new(0);
    together(4, |index| {
        let _in = scope.enter();
        if index == 0 {
            for _ in 0..20_000 {
                let now = NOW.fetch_add(1, Ordering::SeqCst) + 1;
                current::invalidate(&1).ignore();
                invalidated.store(now, Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
        } else {
            while !done.load(Ordering::SeqCst) {
                let at_least = invalidated.load(Ordering::SeqCst);
                let value = current(1);
                assert!(value >= at_least, "{value} was read before change {at_least}");
            }
        }
    });
}

#[test]
fn evicted_entries_are_not_served() {
    static RUNS: cachekit_tests::Runs = cachekit_tests::Runs::new();
    #[cache::local(capacity = 2)]
    fn small(n: u32) -> u32 {
        RUNS.add() * 1_000 + n
    }
    let _test = isolate();
    for n in 0..50 {
        // The front of this thread has room for all of them; the cache has not.
        small(n);
        let held: Vec<_> = (0..=n).filter(small::contains).collect();
        assert!(held.len() <= 2, "{held:?}");
        RUNS.take();
        for old in held {
            small(old);
        }
        assert_eq!(RUNS.take(), 0, "what is held is served");
    }
    let evicted = (0..50).find(|n| !small::contains(n)).unwrap();
    small(evicted);
    assert_eq!(RUNS.take(), 1, "what is not held is not");
}

#[test]
fn what_another_thread_evicted_is_not_served() {
    let cache = Cache::<u32, u32>::new(4);
    let barrier = Barrier::new(2);
    together(2, |index| {
        for round in 0..200 {
            if index == 0 {
                for _ in 0..5 {
                    cache.insert(round, round);
                    assert_eq!(cache.get(&round), Some(round));
                }
                barrier.wait();
                barrier.wait();
                // This thread's cache may still have it; whether it counts is up to the cache.
                let held = cache.contains(&round);
                assert_eq!(cache.get(&round).is_some(), held);
            } else {
                barrier.wait();
                for key in 0..20 {
                    cache.insert(1_000 + key, key);
                    assert!(cache.get(&(1_000 + key)).is_some());
                }
                barrier.wait();
            }
            barrier.wait();
        }
    });
    assert!(cache.stats().evictions > 1_000);
}

#[test]
fn dropping_a_cache_ends_its_entries() {
    let token = std::sync::Arc::new(());
    let cache = Cache::<u32, std::sync::Arc<()>>::new(10);
    for key in 0..5 {
        cache.insert(key, token.clone());
        assert!(cache.get(&key).is_some());
    }
    let clone = cache.clone();
    drop(cache);
    assert!(clone.get(&1).is_some(), "a clone is the same cache");
    drop(clone);
    // The thread that used it may hold its entries for a while, but no longer than until it works on
    // with other caches.
    let other = Cache::<u32, u32>::new(5_000);
    for key in 0..5_000 {
        other.insert(key, key);
    }
    assert_eq!(std::sync::Arc::strong_count(&token), 1);
    // And a new cache starts empty, wherever it lies in memory.
    for _ in 0..50 {
        let next = Cache::<u32, std::sync::Arc<()>>::new(10);
        assert!(next.get(&1).is_none());
        next.insert(1, token.clone());
        assert!(next.get(&1).is_some());
    }
}

#[test]
fn dropping_a_cache_during_a_fill() {
    let gate = Gate::new();
    let cache = Cache::<u32, u32>::new(10);
    let clone = cache.clone();
    let slow = async {
        gate.passed().await;
        1
    };
    let mut fill = Polled::new(async move { clone.get_or_insert_async(&1, slow).await });
    assert_eq!(fill.poll(), None);
    drop(cache);
    gate.open();
    assert_eq!(fill.poll(), Some(1));
}
