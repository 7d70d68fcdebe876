use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::index::Index;
use super::shard::Shard;
use super::sketch::Sketch;
use super::{Caller, Capacity, Cause, Flight, Look, Store, shards};
use crate::clock::{self, Clock, ClockSource};
use crate::entry::{Entry, Plan, Resident};
use crate::flight::Landing;
use crate::store::StoreRef;
use crate::sync::lock;

#[cfg(not(cachekit_model))]
pub(super) mod fills;
#[cfg(not(cachekit_model))]
mod sizes;
#[cfg(not(cachekit_model))]
mod steps;
#[cfg(not(cachekit_model))]
mod waiters;

pub(super) const CALLER: Caller = Caller { asynchronous: false, asks: false };

pub(super) fn store(capacity: u64) -> (StoreRef, Clock) {
    store_of(Capacity::Entries(capacity))
}

fn store_of(capacity: Capacity) -> (StoreRef, Clock) {
    let clock = Clock::new();
    let store = Store::new(capacity, ClockSource::Manual(clock.clone()), false);
    (StoreRef::Shared(Arc::new(store)), clock)
}

/// Spreads small numbers over the shards, as a hash would.
fn hash(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn entry(store: &Store, n: u64, ttl: Option<Duration>, weight: u64) -> Arc<Entry<u64, u64>> {
    let expires = clock::deadline(|| store.now(), clock::span(ttl));
    Arc::new(store.entry(n, n, Plan { weight, ..Plan::until(expires) }))
}

fn put(store: &Store, n: u64, ttl: Option<Duration>, weight: u64) -> Resident {
    let entry: Resident = entry(store, n, ttl, weight);
    store.put(hash(n), Arc::clone(&entry));
    entry
}

fn found(store: &Store, n: u64) -> bool {
    store.fresh(hash(n)).is_some()
}

/// A call: a hit counts as a use, a miss fills. True for a hit.
fn call(store: &StoreRef, n: u64, ttl: Option<Duration>) -> bool {
    let mut look = store.look(hash(n), CALLER);
    loop {
        match look {
            Look::Found(entry) if store.serves(&*entry) => {
                entry.head().visit();
                return true;
            }
            Look::Found(entry) => look = store.lead_over(hash(n), entry, CALLER, true),
            Look::Lead(row) => {
                let flight = Flight::new(store.clone(), hash(n), row, false);
                flight.land(entry(store, n, ttl, 1), store.now());
                return false;
            }
            Look::Pending(_) => panic!("there is no other thread"),
        }
    }
}

#[test]
fn an_entry_lives_until_its_time_and_no_longer() {
    let (store, clock) = store(10);
    put(&store, 1, Some(Duration::from_secs(5)), 1);
    clock.advance(Duration::from_millis(4999));
    assert!(found(&store, 1));
    clock.advance(Duration::from_millis(1));
    assert!(!found(&store, 1));
    assert_eq!((store.purge(), store.len(), store.stats().expirations), (1, 0, 1));
}

#[test]
fn replaced_evicted_removed_and_cleared_entries_are_dead() {
    let (store, _) = store(1);
    let replaced = put(&store, 1, None, 1);
    let evicted = put(&store, 1, None, 1);
    assert!(replaced.head().is_dead() && evicted.head().is_alive());
    assert_eq!(store.stats().evictions, 0);

    let removed = put(&store, 2, None, 1);
    assert!(evicted.head().is_dead());
    assert_eq!(store.stats().evictions, 1);

    assert!(store.remove(hash(2), &|_| false).is_none());
    assert!(store.remove(hash(2), &|_| true).is_some());
    assert!(removed.head().is_dead());

    let cleared = put(&store, 3, None, 1);
    assert_eq!(store.clear(), 1);
    assert!(cleared.head().is_dead());

    let dropped = put(&store, 4, None, 1);
    drop(store);
    assert!(dropped.head().is_dead());
}

#[test]
fn a_listener_hears_why_entries_leave() {
    let heard: Arc<Mutex<Vec<(u64, Cause)>>> = Arc::default();
    let clock = Clock::new();
    let listener = {
        let heard = Arc::clone(&heard);
        move |entry: &Resident, cause| {
            heard.lock().unwrap().push((entry.typed::<u64, u64>().unwrap().key, cause));
        }
    };
    let store = Store::new(Capacity::Entries(2), ClockSource::Manual(clock.clone()), false);
    let store = store.telling(Some(Arc::new(listener)));
    let second = Some(Duration::from_secs(1));
    put(&store, 1, second, 1);
    put(&store, 1, second, 1);
    put(&store, 2, None, 1);
    clock.advance(Duration::from_secs(2));
    put(&store, 3, second, 1);
    put(&store, 4, None, 1);
    store.remove(hash(4), &|_| true);
    store.clear();
    let heard = heard.lock().unwrap();
    assert_eq!(heard[..2], [(1, Cause::Replaced), (1, Cause::Expired)]);
    let evicted = heard.iter().filter(|(_, cause)| *cause == Cause::Evicted).count();
    assert_eq!(evicted, 1, "{heard:?}");
    assert!(heard.contains(&(4, Cause::Removed)), "{heard:?}");
    assert_eq!(heard.last().unwrap().1, Cause::Cleared);
}

#[test]
fn capacity_is_never_exceeded() {
    let capacities = [1, 2, 3, 10, 100, 511, 512, 1_000, 1_025, 10_000];
    // Miri would take an hour for the large ones.
    let tried = if cfg!(miri) { &capacities[..5] } else { &capacities[..] };
    for &capacity in tried {
        let (store, _) = store(capacity);
        for n in 0..3 * capacity {
            call(&store, n % (capacity * 2), None);
            assert!(store.len() as u64 <= capacity, "{} of {capacity}", store.len());
        }
        // Uneven shards may leave a little room, not much.
        assert!(store.len() as u64 * 100 >= capacity * 95, "{} of {capacity}", store.len());
    }
}

#[test]
fn weight_is_never_exceeded_and_what_is_too_heavy_is_not_kept() {
    let (store, _) = store_of(Capacity::Weight(1_000));
    for n in 0..if cfg!(miri) { 100 } else { 1_000 } {
        put(&store, n, None, 1 + n % 90);
        assert!(store.weight() <= 1_000);
    }
    put(&store, 4_000, None, 900);
    assert!(found(&store, 4_000), "one entry may take most of the cache");
    let heavy = put(&store, 5_000, None, 1_001);
    assert!(heavy.head().is_dead() && !found(&store, 5_000));
    let heaviest = put(&store, 4_000, None, u64::MAX);
    assert!(heaviest.head().is_dead() && !found(&store, 4_000), "what it replaced is old");
}

#[test]
fn weights_and_capacities_of_any_size_add_up() {
    let (store, _) = store_of(Capacity::Weight(u64::MAX));
    for n in 0..5 {
        put(&store, n, None, u64::MAX / 5);
        put(&store, n, None, u64::MAX / 6);
    }
    assert!((1..5).contains(&store.len()), "{}", store.len());
    let (store, _) = store_of(Capacity::Entries(u64::MAX));
    put(&store, 1, None, 1);
    assert!(found(&store, 1));
}

#[test]
fn another_size_evicts_or_makes_room() {
    let (store, _) = store(100);
    for n in 0..100 {
        call(&store, n, None);
    }
    store.resize(10);
    assert_eq!(store.len(), 10);
    store.resize(50);
    for n in 0..100 {
        call(&store, n, None);
        assert!(store.len() <= 50);
    }
    assert_eq!(store.len(), 50);
}

#[test]
fn expired_entries_give_way_to_live_ones() {
    let sizes = [(100, 50), (2_000, 1_000)];
    for (capacity, keys) in if cfg!(miri) { &sizes[..1] } else { &sizes[..] } {
        let (capacity, keys) = (*capacity, *keys);
        let (store, clock) = store(capacity);
        let day = Some(Duration::from_secs(3600));
        for _ in 0..5 {
            for n in 0..capacity {
                call(&store, 1_000_000 + n, day);
            }
        }
        clock.advance(Duration::from_secs(2 * 86_400));
        for _ in 0..2 {
            for n in 0..keys {
                call(&store, n, day);
            }
        }
        let hits = (0..keys).filter(|n| call(&store, *n, day)).count() as u64;
        assert_eq!(hits, keys, "capacity {capacity}");
    }
}

#[test]
fn expired_entries_go_although_nothing_asks_for_them() {
    let (store, clock) = store(1_000);
    let second = Some(Duration::from_secs(1));
    for n in 0..400 {
        call(&store, n, second);
    }
    clock.advance(Duration::from_secs(2));
    // Each entry that comes in looks at two slots.
    for n in 0..250 {
        call(&store, 10_000 + n, second);
    }
    assert_eq!(store.len(), 250);
}

#[test]
fn a_new_working_set_is_served_in_full_after_a_few_rounds() {
    let keys = if cfg!(miri) { return } else { [100, 500, 900] };
    for asked in [1, 5] {
        for keys in keys {
            let (store, _) = store(1_000);
            for n in 0..1_000 {
                for _ in 0..asked {
                    call(&store, 1_000_000 + n, None);
                }
            }
            let served = |_| (0..keys).filter(|n| call(&store, *n, None)).count() as u64;
            let rounds = (1..=60).find(|round| served(*round) == keys);
            assert!(rounds.is_some_and(|rounds| rounds <= 12), "{keys} keys: {rounds:?}");
        }
    }
}

#[test]
fn what_was_used_outlives_a_scan() {
    let (store, _) = store(100);
    for _ in 0..10 {
        for n in 0..50 {
            call(&store, n, None);
        }
    }
    for n in 0..300 {
        call(&store, 1_000 + n, None);
    }
    let kept = (0..50).filter(|n| found(&store, *n)).count();
    assert!(kept >= 48, "{kept}");
}

#[test]
fn small_caches_have_one_shard() {
    assert_eq!(shards(1), 1);
    assert_eq!(shards(1_023), 1);
    assert_eq!(shards(1_024), 2);
    assert!((4..=64).contains(&shards(u64::MAX)));
    assert!(shards(u64::MAX).is_power_of_two());
}

#[test]
fn deadlines_saturate_before_never() {
    assert_eq!(clock::deadline(|| 5, clock::NEVER), clock::NEVER);
    assert!(clock::deadline(|| u64::MAX - 3, clock::ticks(Duration::MAX)) < clock::NEVER);
    assert_eq!(clock::ticks(Duration::from_nanos(0)), 0);
    assert!(clock::ticks(Duration::from_nanos(1)) > 0);
    let span = Duration::from_millis(1_500);
    assert!(clock::duration(clock::ticks(span)).abs_diff(span) < Duration::from_micros(1));
}

#[test]
fn a_store_of_nothing_holds_nothing() {
    for capacity in [Capacity::Entries(0), Capacity::Weight(0)] {
        let (store, _) = store_of(capacity);
        assert!(store.is_disabled());
        put(&store, 1, None, 1);
        assert!(!found(&store, 1) && store.len() == 0 && store.weight() == 0);
    }
}

#[test]
fn the_index_finds_what_a_map_has() {
    let mut random = 7_u64;
    let mut next = || {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        random >> 33
    };
    let (mut index, mut map) = (Index::new(), HashMap::new());
    for step in 0..if cfg!(miri) { 500 } else { 100_000 } {
        // Few different homes, so that there are long rows of them.
        let n = next() % 300;
        let hash = (n % 40) << 32 | n;
        let slot = u32::try_from(n).unwrap();
        if next() % 2 == 0 && !map.contains_key(&hash) {
            let hole = index.find(hash, |_| false).unwrap_err();
            index.insert(hash, slot, hole);
            map.insert(hash, slot);
        } else {
            index.remove(hash, slot);
            map.remove(&hash);
        }
        assert_eq!(index.len(), map.len());
        if step % 100 == 0 {
            for n in 0..300 {
                let hash = (n % 40) << 32 | n;
                let found = index.find(hash, |slot| u64::from(slot) == n);
                assert_eq!(found.ok(), map.get(&hash).copied());
            }
        }
    }
}

#[test]
fn the_short_way_to_make_room_comes_to_the_same_as_the_long_one() {
    // Where entries have weights, every landing takes the long way.
    let ((short, _), (long, _)) = (store(100), store_of(Capacity::Weight(100)));
    for step in 0..if cfg!(miri) { 1_000 } else { 30_000_u64 } {
        // Keys that never come back, and some that do, more or less often.
        let random = hash(step) >> 40;
        let n = if step % 3 == 0 { 1_000 + step } else { random % (1 + random % 300) };
        assert_eq!(call(&short, n, None), call(&long, n, None), "{step}");
    }
    let [short, long] = [&short, &long].map(|store| {
        check(store);
        let stats = store.stats();
        (stats.misses, stats.loads, stats.evictions, stats.entries)
    });
    assert_eq!(short, long);
}

#[test]
fn estimates_are_near_and_age() {
    let mut sketch = Sketch::new();
    sketch.fit(1_000);
    for n in 0..500 {
        for _ in 0..n % 8 {
            sketch.increment(hash(n));
        }
    }
    let near = (0..500).filter(|n| sketch.estimate(hash(*n)) == n % 8).count();
    assert!(near > 450, "{near}");
    assert!((0..500).all(|n| sketch.estimate(hash(n)) >= n % 8), "never too low");
    sketch.fit(4_000);
    assert!((0..500).all(|n| sketch.estimate(hash(n)) >= n % 8), "nor when it has grown");
    for _ in 0..100 {
        sketch.increment(hash(1));
    }
    assert_eq!(sketch.estimate(hash(1)), 15);
    for n in 0..if cfg!(miri) { 0 } else { 70_000 } {
        sketch.increment(hash(1_000 + n));
    }
    assert!(cfg!(miri) || sketch.estimate(hash(1)) < 15);
}

/// What must hold of a shard whatever happened to it.
pub(super) fn check(store: &Store) {
    for Shard { inner } in &store.shards {
        lock(inner).check();
    }
}

#[test]
fn an_unkept_result_leaves_nothing_behind() {
    let (store, _) = store(10);
    for n in 0..100 {
        let Look::Lead(row) = store.look(hash(n), CALLER) else { panic!("alone") };
        let flight = Flight::new(store.clone(), hash(n), row, false);
        match n % 3 {
            0 => flight.abandon(Landing::Cancelled),
            1 => drop(flight),
            _ => {
                store.remove(hash(n), &|_| true);
                assert!(!flight.land(entry(&store, n, None, 1), 0), "it was invalidated");
            }
        }
        check(&store);
    }
    assert_eq!((store.running(), store.len()), (0, 0));
}
