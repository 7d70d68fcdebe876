use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use crate::testing::Clock;
use crate::{Cache, Cause, Expiry};

mod together;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn caches_of_one_type_are_apart_and_clones_are_one() {
    let a = Cache::<u64, u64>::new(10);
    let b = Cache::<u64, u64>::new(10);
    a.insert(1, 10);
    assert_eq!((a.get(&1), b.get(&1), a.clone().get(&1)), (Some(10), None, Some(10)));
    assert!(!b.invalidate(&1));
    assert!(a.clone().invalidate(&1));
    assert_eq!(a.get(&1), None);
}

#[test]
fn counters_count() {
    let cache = Cache::<u64, u64>::new(10);
    assert_eq!(cache.stats().hit_ratio(), None);
    cache.get(&1);
    cache.get_or_insert_with(&1, || 1);
    for _ in 0..5 {
        cache.get(&1);
    }
    cache.invalidate(&1);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.loads), (5, 2, 1));
    assert_eq!((stats.invalidations, stats.entries), (1, 0));
    assert_eq!(stats.to_string(), "5 hits, 2 misses (71.4 % hits), 0 entries");
}

#[test]
fn a_ttl_of_zero_removes() {
    let cache = Cache::<&str, u64>::new(10);
    cache.insert("a", 1);
    cache.insert_with_ttl("a", 2, Some(Duration::ZERO));
    assert_eq!(cache.get("a"), None);
}

#[test]
fn a_dropped_cache_lets_go_of_its_values() {
    let value = Arc::new(());
    let cache = Cache::<u64, Arc<()>>::new(10);
    cache.insert(1, Arc::clone(&value));
    cache.get(&1);
    drop(cache);
    // This thread's cache was swept on the way.
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn removed_values_are_returned_once_and_only_while_they_are_fresh() {
    let clock = Clock::new();
    let cache = Cache::builder().ttl(secs(10)).clock(&clock).build();
    cache.insert("a", 1);
    assert_eq!((cache.remove("a"), cache.remove("a"), cache.get("a")), (Some(1), None, None));
    cache.insert("b", 2);
    clock.advance(secs(10));
    assert_eq!(cache.remove("b"), None);
    assert!(cache.is_empty());
}

#[test]
fn a_closure_sees_the_value_in_place() {
    /// Counts its clones.
    struct Costly(Arc<AtomicUsize>);
    impl Clone for Costly {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::SeqCst);
            Self(Arc::clone(&self.0))
        }
    }
    let clones = Arc::new(AtomicUsize::new(0));
    let cache = Cache::new(10);
    cache.insert(1, Costly(Arc::clone(&clones)));
    for _ in 0..50 {
        // From the store and from the thread cache; and a call inside of it.
        let seen = cache.with(&1, |value| cache.with(&1, |_| value.0.load(Ordering::SeqCst)));
        assert_eq!(seen, Some(Some(0)));
    }
    assert_eq!(cache.with(&2, |_| panic!("there is none")), None::<()>);
    assert_eq!((cache.stats().hits, cache.stats().misses), (100, 1));
    // Gone while it is looked at: the value stays until the end.
    let seen = cache.with(&1, |value| {
        cache.invalidate(&1);
        Arc::strong_count(&value.0)
    });
    assert_eq!((seen, Arc::strong_count(&clones)), (Some(2), 1));
}

#[test]
fn a_predicate_decides_what_goes_and_fills_end() {
    let cache = Cache::new(10_000);
    for n in 0..5_000_u64 {
        cache.insert(n, n);
    }
    let seen = cache.get_or_insert_with(&9_999, || {
        assert_eq!(cache.invalidate_if(|key, _| key % 2 == 0), 2_500);
        7
    });
    assert_eq!((seen, cache.get(&9_999)), (7, None), "it began before");
    assert!((0..5_000).all(|n| cache.contains(&n) == (n % 2 == 1)));
}

#[test]
fn all_entries_are_listed_and_the_list_stands_changes() {
    let clock = Clock::new();
    let cache = Cache::builder().clock(&clock).build();
    for n in 0..3_000_u64 {
        cache.insert_with_ttl(n, n * 2, (n % 3 == 0).then(|| secs(10 + n)));
    }
    clock.advance(secs(10));
    let listed: BTreeMap<_, _> =
        cache.iter().map(|item| (*item.key(), (*item.value(), item.left()))).collect();
    assert_eq!(listed.len(), 2_999, "one has expired");
    for (key, (value, left)) in listed {
        assert_eq!(value, key * 2);
        assert_eq!(left, (key % 3 == 0).then(|| secs(key)));
    }
    let mut seen = 0;
    for item in &cache {
        cache.invalidate(item.key());
        cache.insert(item.key() + 1_000_000, 0);
        seen += 1;
    }
    assert!(seen >= 2_999);
}

#[test]
fn no_change_is_lost() {
    let cache = Cache::new(100);
    let barrier = Arc::new(Barrier::new(4));
    let rounds = if cfg!(miri) { 20 } else { 2_000 };
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (cache, barrier) = (cache.clone(), Arc::clone(&barrier));
            std::thread::spawn(move || {
                barrier.wait();
                for n in 0..rounds {
                    cache.upsert(n % 3, |count| count.map_or(1, |count| count + 1));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let total: u64 = (0..3).filter_map(|key| cache.get(&key)).sum();
    assert_eq!(total, 4 * rounds);
}

#[test]
fn a_change_that_was_overtaken_is_returned_and_not_stored() {
    let cache = Cache::new(10);
    cache.insert(1, 10);
    let made = cache.upsert(1, |old| {
        cache.insert(1, 20);
        old.copied().unwrap_or(0) + 1
    });
    assert_eq!((made, cache.get(&1)), (11, Some(20)));
    cache.upsert(1, |_| {
        cache.invalidate(&1);
        5
    });
    assert_eq!(cache.get(&1), None);
    // Inside of itself: no hang.
    let made = cache.upsert(1, |_| cache.upsert(1, |_| 6) + 1);
    assert_eq!((made, cache.get(&1)), (7, Some(7)));
    assert_eq!(cache.running(), 0);
}

#[test]
fn a_change_that_panics_changes_nothing() {
    let cache = Cache::new(10);
    cache.insert(1, 10);
    let failed = std::panic::catch_unwind(|| cache.upsert(1, |_| panic!("on purpose")));
    assert!(failed.is_err());
    assert_eq!((cache.get(&1), cache.running()), (Some(10), 0));
    assert_eq!(cache.compute(1, |_| None), None);
    assert!(!cache.contains(&1));
}

#[test]
fn what_nothing_uses_goes_and_what_is_used_stays_up_to_its_time() {
    let clock = Clock::new();
    let cache = Cache::builder().ttl(secs(100)).idle(secs(10)).clock(&clock).build();
    cache.insert("used", 1);
    cache.insert("unused", 2);
    for _ in 0..19 {
        clock.advance(secs(5));
        assert_eq!(cache.get_or_insert_with(&"used", || 9), 1);
    }
    clock.advance(secs(5));
    assert_eq!((cache.get("used"), cache.get("unused")), (None, None));

    cache.get_or_insert_with(&"filled", || 3);
    clock.advance(secs(9));
    assert!(cache.contains("filled"), "which is no use");
    assert_eq!(cache.iter().count(), 1);
    clock.advance(secs(1));
    assert!(!cache.contains("filled"));
}

#[test]
fn each_entry_has_its_time_and_each_use_may_change_it() {
    /// A new value lives for as many seconds as it says; each time it is replaced, twice as long as it had left; a use
    /// takes a second.
    struct Rules;
    impl Expiry<&'static str, u64> for Rules {
        fn after_create(&self, _: &&'static str, value: &u64) -> Option<Duration> {
            (*value < 1_000).then(|| secs(*value))
        }
        fn after_update(
            &self,
            _: &&'static str,
            _: &u64,
            left: Option<Duration>,
        ) -> Option<Duration> {
            left.map(|left| left * 2)
        }
        fn after_read(
            &self,
            _: &&'static str,
            _: &u64,
            left: Option<Duration>,
        ) -> Option<Duration> {
            left.map(|left| left.saturating_sub(secs(1)))
        }
    }
    let clock = Clock::new();
    let cache = Cache::builder().expiry(Rules).clock(&clock).build();
    let left = |key| cache.iter().find(|item| *item.key() == key).and_then(|item| item.left());
    cache.insert("a", 10);
    cache.insert("zero", 0);
    cache.insert("long", 1_000);
    assert_eq!((left("a"), left("long"), cache.len()), (Some(secs(10)), None, 2));
    for n in 1..=5 {
        assert_eq!(cache.get("a"), Some(10));
        assert_eq!(left("a"), Some(secs(10 - n)), "every use is seen");
    }
    assert_eq!(cache.with("a", |value| *value), Some(10));
    assert_eq!(cache.get_or_insert_with(&"a", || 1), 10);
    assert_eq!(left("a"), Some(secs(3)));
    cache.insert("a", 11);
    assert_eq!(left("a"), Some(secs(6)));
    cache.upsert("a", |_| 12);
    assert_eq!(left("a"), Some(secs(12)));
    cache.get_or_insert_with(&"made", || 5);
    assert_eq!(left("made"), Some(secs(5)));
    clock.advance(secs(5));
    assert_eq!(cache.get_or_insert_with(&"made", || 7), 7);
    assert_eq!(left("made"), Some(secs(7)), "it is a new one");
    assert_eq!(cache.get_or_insert_with(&"none", || 0), 0);
    assert!(!cache.contains("none"));
}

#[test]
fn listeners_hear_of_everything_that_leaves_and_may_call_back() {
    let heard: Arc<Mutex<Vec<(u64, Cause)>>> = Arc::default();
    let clock = Clock::new();
    let own: Arc<Mutex<Option<Cache<u64, u64>>>> = Arc::default();
    let cache = {
        let (heard, own) = (Arc::clone(&heard), Arc::clone(&own));
        Cache::builder().capacity(3).ttl(secs(10)).clock(&clock).listener(move |key, _, cause| {
            heard.lock().unwrap().push((*key, cause));
            let cache = own.lock().unwrap().clone();
            if let Some(cache) = cache {
                // Locks, and brings nothing new about.
                assert!(cache.stats().entries <= 3);
                cache.get(key);
            }
            assert_ne!(*key, 13, "on purpose: it is caught");
        })
    };
    let cache = cache.build();
    *own.lock().unwrap() = Some(cache.clone());
    cache.insert(13, 0);
    cache.insert(13, 1);
    clock.advance(secs(11));
    cache.get(&13);
    for n in 0..4 {
        cache.insert(n, n);
    }
    cache.remove(&3);
    cache.insert(4, 4);
    cache.invalidate_if(|key, _| *key == 4);
    cache.clear();
    *own.lock().unwrap() = None;
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    let causes = |key| -> Vec<Cause> {
        heard.iter().filter(|(heard, _)| *heard == key).map(|(_, cause)| *cause).collect()
    };
    assert_eq!(causes(13), [Cause::Replaced, Cause::Expired]);
    assert_eq!((causes(3), causes(4)), (vec![Cause::Removed], vec![Cause::Removed]));
    let rest: Vec<_> = (0..3).flat_map(causes).collect();
    assert_eq!(rest.iter().filter(|cause| **cause == Cause::Evicted).count(), 1, "{heard:?}");
    assert_eq!(rest.iter().filter(|cause| **cause == Cause::Cleared).count(), 2);
}

#[test]
fn what_has_expired_was_no_value_however_it_is_removed() {
    /// Removes key 1. Whether there was a value.
    type Remove = fn(&Cache<u64, u64>) -> bool;
    let ways: [(&str, Remove); 6] = [
        ("invalidate", |cache| cache.invalidate(&1)),
        ("remove", |cache| cache.remove(&1).is_some()),
        ("predicate", |cache| cache.invalidate_if(|_, _| true) > 0),
        ("clear", |cache| {
            cache.clear();
            false
        }),
        ("purge", |cache| cache.purge() == 0),
        ("insert", |cache| {
            cache.insert(1, 2);
            false
        }),
    ];
    for (name, remove) in ways {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&heard);
        let clock = Clock::new();
        let cache = Cache::builder()
            .ttl(secs(60))
            .clock(&clock)
            .listener(move |_: &u64, _: &u64, cause| sink.lock().unwrap().push(cause))
            .build();
        cache.insert(1, 1);
        clock.advance(secs(61));
        assert!(!remove(&cache), "{name}");
        // A predicate is not asked about it; the next purge finds it.
        cache.purge();
        assert_eq!(*heard.lock().unwrap(), [Cause::Expired], "{name}");
    }
}

#[test]
fn an_invalidation_lets_go_of_those_who_wait_for_a_change_that_hangs() {
    let cache = Cache::<u64, u64>::new(10);
    let (began, waits) = (Barrier::new(2), Barrier::new(2));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let (cache, began, waits) = (&cache, &began, &waits);
        scope.spawn(move || {
            cache.upsert(1, |_| {
                began.wait();
                let _ = released.recv();
                1
            });
        });
        began.wait();
        scope.spawn(move || {
            waits.wait();
            done.send(cache.upsert(1, |_| 2)).unwrap();
        });
        waits.wait();
        // The other mostly waits by now; if not, it does not begin to.
        (0..1_000).for_each(|_| std::thread::yield_now());
        cache.invalidate(&1);
        let seen = is_done.recv_timeout(secs(60));
        drop(release);
        assert_eq!(seen, Ok(2));
    });
    assert_eq!(cache.get(&1), Some(2));
}

#[test]
fn what_was_exported_comes_back_with_the_time_it_has_left() {
    let (clock, later) = (Clock::new(), Clock::new());
    let before = Cache::builder().clock(&clock).build();
    before.insert_with_ttl("short".to_owned(), 1, Some(secs(10)));
    before.insert_with_ttl("over".to_owned(), 2, Some(secs(4)));
    before.insert("forever".to_owned(), 3);
    clock.advance(secs(4));
    let bytes = serde_json::to_vec(&before.export()).unwrap();

    let after = Cache::builder().ttl(secs(100)).clock(&later).build();
    after.insert("forever".to_owned(), 30);
    after.import(serde_json::from_slice::<Vec<_>>(&bytes).unwrap());
    let left: BTreeMap<_, _> =
        after.iter().map(|item| (item.key().clone(), (*item.value(), item.left()))).collect();
    assert_eq!(left["short"], (1, Some(secs(6))));
    assert_eq!(left["forever"], (30, Some(secs(100))), "what is there is newer");
    assert_eq!(left.len(), 2);
}

#[test]
fn values_go_when_their_entries_go() {
    /// How an entry of key 1 ends.
    type End = fn(Cache<u64, Arc<()>>);
    let ends: [(&str, End); 8] = [
        ("invalidate", |cache| _ = cache.invalidate(&1)),
        ("remove", |cache| drop(cache.remove(&1))),
        ("predicate", |cache| _ = cache.invalidate_if(|_, _| true)),
        ("clear", |cache| cache.clear()),
        ("replace", |cache| cache.insert(1, Arc::new(()))),
        ("upsert", |cache| drop(cache.upsert(1, |_| Arc::new(())))),
        ("evict", |cache| cache.resize(0)),
        ("drop", |cache| drop(cache)),
    ];
    for (name, end) in ends {
        let value = Arc::new(());
        let cache = Cache::new(10);
        cache.insert(1, Arc::clone(&value));
        for _ in 0..50 {
            cache.get(&1);
        }
        let keep = (name != "drop").then(|| cache.clone());
        end(cache);
        assert_eq!(Arc::strong_count(&value), 1, "{name}");
        drop(keep);
    }
}

#[test]
fn another_thread_lets_go_at_its_next_call_of_anything() {
    let value = Arc::new(());
    let (cache, other) = (Cache::new(10), Cache::<u64, u64>::new(10));
    cache.insert(1, Arc::clone(&value));
    let (used, ended, called) = (Barrier::new(2), Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..50 {
                cache.get(&1);
            }
            used.wait();
            ended.wait();
            other.get(&5);
            called.wait();
        });
        used.wait();
        cache.invalidate(&1);
        ended.wait();
        called.wait();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn a_small_cache_keeps_no_more_values_alive_than_it_holds() {
    let made = Arc::new(());
    let cache = Cache::new(10);
    for n in 0..if cfg!(miri) { 300 } else { 20_000_u64 } {
        for _ in 0..9 {
            cache.get_or_insert_with(&(n % 1_000), || Arc::clone(&made));
        }
        assert!(Arc::strong_count(&made) <= 11, "{}", Arc::strong_count(&made));
    }
}
