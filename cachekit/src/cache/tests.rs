use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use crate::testing::Clock;
use crate::{Cache, Cause, Expiry};

mod leaving;
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
