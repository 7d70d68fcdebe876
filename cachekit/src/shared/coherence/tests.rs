use std::any::TypeId;
use std::sync::Arc;

use super::index::{Index, Reason};
use crate::entry::{AnyEntry, Owner};
use crate::flight::{Caller, Flights, Landing};
use crate::site::StoreRef;
use crate::store::{Capacity, Found, Store};
use crate::testing::{Clock, ClockSource};

struct Here;

fn store(capacity: u64) -> StoreRef {
    let owner = Owner { function: TypeId::of::<Here>(), instance: 0 };
    let clock = ClockSource::Manual(Clock::new());
    StoreRef::Shared(Arc::new(Store::new(owner, Capacity::Entries(capacity), clock, false)))
}

fn key(n: u64) -> String {
    format!("ns:default:func:here:args:{n}")
}

/// Spreads small numbers, as a hash would.
fn spread(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// An entry whose value is on its way from the backend.
fn pending(store: &StoreRef, index: &Index, n: u64) -> Arc<AnyEntry> {
    let entry = store.entry::<u64, u64>(spread(n), n);
    entry.body.value.set(n).unwrap();
    let entry: Arc<AnyEntry> = entry;
    assert!(index.cover(&key(n), &entry, store));
    entry
}

fn publish(store: &StoreRef, entry: &Arc<AnyEntry>) -> bool {
    let caller = Caller { asynchronous: false, asks: true, seen: 0 };
    let flight = Flights::global().lead_alone(Arc::clone(entry), caller);
    let published = store.commit(&flight, Arc::clone(entry), &entry.head);
    flight.land(Landing::Ready);
    published
}

fn fill(store: &StoreRef, index: &Index, n: u64) -> Arc<AnyEntry> {
    let entry = pending(store, index, n);
    assert!(publish(store, &entry));
    entry
}

#[test]
fn an_event_ends_an_entry_that_is_there_and_one_that_is_on_its_way() {
    let (store, index) = (store(64), Index::new());
    let there = fill(&store, &index, 1);
    let other = fill(&store, &index, 2);
    let coming = pending(&store, &index, 3);
    for n in [1, 3, 4] {
        index.tell(&key(n));
    }
    assert!(there.head.is_dead() && other.head.is_alive());
    assert!(!publish(&store, &coming), "it is not kept");
    assert!(matches!(store.find(spread(1)), Found::Nothing));
    assert_eq!((index.len(), store.stats().shared_invalidations), (1, 2));
}

#[test]
fn rows_go_with_their_entries() {
    let (store, index) = (store(64), Index::new());
    for n in 0..if cfg!(miri) { 300 } else { 20_000 } {
        fill(&store, &index, n);
        // Twice as many as there are, and the few of each shard that no sweep is worth.
        assert!(index.len() <= 2 * 64 + 16 * 128, "{}", index.len());
    }
    // The same keys again and again: a row for each, and one for what was there before.
    let index = Index::new();
    for n in 0..1_000 {
        fill(&store, &index, n % 8);
        assert!(index.len() <= 16);
    }
    // Fills that came to nothing leave nothing.
    let index = Index::new();
    for _ in 0..1_000 {
        drop(pending(&store, &index, 1));
        assert_eq!(index.len(), 1);
    }
}

#[test]
fn a_flush_ends_all_but_what_is_being_written_and_an_end_all() {
    let (store, index) = (store(64), Index::new());
    let entries: Vec<_> = (0..10).map(|n| fill(&store, &index, n)).collect();
    let hash = index.hash(key(3).as_bytes());
    assert!(index.begin(hash, &entries[3]));
    let told = index.flush(Reason::Gap);
    assert_eq!((told.dead.len(), index.len()), (9, 1));
    assert!(entries.iter().enumerate().all(|(n, entry)| entry.head.is_alive() == (n == 3)));
    assert!(!index.settle(hash, &entries[3], Some(None)), "a look has to tell");
    assert!(index.confirm(hash, &entries[3]));
    assert_eq!(store.stats().shared_flushes, 9);

    assert_eq!(index.end().dead.len(), 1);
    assert!(entries[3].head.is_dead());
    let late = store.entry::<u64, u64>(7, 7) as Arc<AnyEntry>;
    assert!(!index.cover(&key(7), &late, &store));
    assert_eq!(index.len(), 0);
}

#[test]
fn an_echo_takes_the_entry_out_of_service_until_the_look_has_decided() {
    let (store, index) = (store(64), Index::new());
    let hash = index.hash(key(1).as_bytes());
    for events in 0..3 {
        let entry = fill(&store, &index, 1);
        assert!(index.begin(hash, &entry));
        assert!(index.settle(hash, &entry, Some(Some(5))), "it was quiet");
        if events > 0 {
            let told = index.tell(&key(1));
            assert_eq!((told.dead.len(), told.doubted.len()), (0, 1));
            assert_eq!(told.doubted[0].1, Some(5));
            assert!(matches!(store.find(spread(1)), Found::Nothing));
            for _ in 1..events {
                assert_eq!(index.tell(&key(1)).doubted.len(), 0);
            }
            // A second event meanwhile is news.
            assert_eq!(index.confirm(hash, &entry), events == 1);
        }
        assert_eq!(entry.head.is_alive(), events < 2);
        // From here on every event is news, but for the first of a write that was not heard of.
        let told = index.tell(&key(1));
        assert_eq!(told.doubted.len(), usize::from(events == 0));
        assert!(!entry.head.is_alive());
    }
}

#[test]
fn what_was_invalidated_during_the_look_stays_so() {
    let (store, index) = (store(64), Index::new());
    let hash = index.hash(key(1).as_bytes());
    let entry = fill(&store, &index, 1);
    index.begin(hash, &entry);
    index.settle(hash, &entry, Some(None));
    index.tell(&key(1));
    store.remove(spread(1), &|_| true);
    assert!(!index.confirm(hash, &entry) && entry.head.is_dead());
}
