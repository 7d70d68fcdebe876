use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use super::{Capacity, Found, Store, shards};
use crate::clock;
use crate::entry::{AnyEntry, Owner};
use crate::flight::{Caller, Flights};
use crate::testing::{Clock, ClockSource};

fn store(capacity: u64) -> (Store, Clock) {
    store_of(Capacity::Entries(capacity))
}

fn store_of(capacity: Capacity) -> (Store, Clock) {
    let clock = Clock::new();
    let owner = Owner { function: TypeId::of::<Store>(), instance: 0 };
    (Store::new(owner, capacity, ClockSource::Manual(clock.clone()), false), clock)
}

/// Spreads small numbers over the shards, as a hash would.
fn hash(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn put(store: &Store, n: u64, ttl: Option<Duration>, weight: u64) -> Arc<AnyEntry> {
    let entry = store.entry::<u64, u64>(hash(n), n);
    entry.body.value.set(n).unwrap();
    store.put(&entry, (clock::span(ttl), 0), weight);
    entry
}

fn found(store: &Store, n: u64) -> bool {
    matches!(store.find(hash(n)), Found::Alive(_))
}

#[test]
fn an_entry_lives_until_its_time_and_no_longer() {
    let (store, clock) = store(10);
    let entry = put(&store, 1, Some(Duration::from_secs(5)), 1);
    clock.advance(Duration::from_millis(4999));
    assert!(found(&store, 1));
    clock.advance(Duration::from_millis(1));
    assert!(matches!(store.find(hash(1)), Found::Expired));
    assert!(entry.head.is_dead());
    assert_eq!((store.len(), store.stats().expirations), (0, 1));
}

#[test]
fn replaced_evicted_removed_and_cleared_entries_are_dead() {
    let (store, _) = store(1);
    let replaced = put(&store, 1, None, 1);
    let evicted = put(&store, 1, None, 1);
    assert!(replaced.head.is_dead() && evicted.head.is_alive());
    assert_eq!(store.stats().evictions, 0);

    let removed = put(&store, 2, None, 1);
    assert!(evicted.head.is_dead());
    assert_eq!(store.stats().evictions, 1);

    assert!(!store.remove(hash(2), &|_| false));
    assert!(store.remove(hash(2), &|_| true));
    assert!(removed.head.is_dead());

    let cleared = put(&store, 3, None, 1);
    assert_eq!(store.clear(), 1);
    assert!(cleared.head.is_dead());

    let dropped = put(&store, 4, None, 1);
    drop(store);
    assert!(dropped.head.is_dead());
}

#[test]
fn capacity_is_never_exceeded() {
    let capacities = [1, 2, 3, 10, 100, 511, 512, 1_000, 1_025, 10_000];
    // Miri would take an hour for the large ones.
    let tried = if cfg!(miri) { &capacities[..5] } else { &capacities[..] };
    for &capacity in tried {
        let (store, _) = store(capacity);
        for n in 0..3 * capacity {
            put(&store, n, None, 1);
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
    assert!(heavy.head.is_dead() && !found(&store, 5_000));
}

#[test]
fn an_invalidated_fill_is_not_stored() {
    let (store, _) = store(10);
    let entry = store.entry::<u64, u64>(hash(1), 1);
    entry.body.value.set(1).unwrap();
    entry.head.kill();
    let entry: Arc<AnyEntry> = entry;
    let caller = Caller { asynchronous: false, asks: false, seen: 0 };
    let flight = Flights::global().lead_alone(Arc::clone(&entry), caller);
    assert!(!store.commit(&flight, Arc::clone(&entry), &entry.head));
    assert!(!found(&store, 1) && store.len() == 0);
}

#[test]
fn small_caches_have_one_shard() {
    assert_eq!(shards(1), 1);
    assert_eq!(shards(1_023), 1);
    assert_eq!(shards(1_024), 2);
    assert!(shards(u64::MAX) >= 4);
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
