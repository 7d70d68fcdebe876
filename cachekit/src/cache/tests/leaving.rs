//! How entries leave a cache: what listeners hear, and when the values are dropped.

use super::*;
use crate::clock::ticks;
use crate::entry::Plan;

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
        assert_eq!(*heard.lock().unwrap(), [Cause::Expired], "{name}");
    }
}

#[test]
fn a_predicate_removes_what_may_still_be_served_though_it_has_expired() {
    let clock = Clock::new();
    let cache = Cache::<u64, u64>::builder().idle(secs(10)).clock(&clock).build();
    cache.insert(1, 1);
    let found = cache.store.peek(cache.hash(&1)).unwrap();
    clock.advance(secs(10));
    // A use that read the clock a moment ago ends while the predicate is asked: from here on it is in use again.
    let asked = |_: &u64, _: &u64| {
        assert!(found.head().serves(|| cache.store.now() - 1));
        true
    };
    assert_eq!((cache.invalidate_if(asked), cache.get(&1)), (1, None));

    // One that is served while it is refreshed.
    let minute = ticks(secs(60));
    let plan = Plan { window: minute, ..Plan::until(cache.store.now() + minute) };
    cache.store.put(cache.hash(&2), Arc::new(cache.store.entry(2_u64, 2_u64, plan)));
    clock.advance(secs(61));
    let served =
        || cache.store.peek(cache.hash(&2)).is_some_and(|it| cache.store.serves_stale(&*it));
    assert!(served());
    assert_eq!((cache.invalidate_if(|_, value| *value == 2), served()), (0, false));
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
