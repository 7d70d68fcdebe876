use std::sync::Arc;

use super::index::{Index, Reason};
use crate::clock::NEVER;
use crate::clock::{Clock, ClockSource};
use crate::entry::{Entry, Fate, Plan};
use crate::store::{Caller, Capacity, Flight, Store, StoreRef};

fn store(capacity: u64) -> StoreRef {
    let clock = ClockSource::Manual(Clock::new());
    StoreRef::Shared(Arc::new(Store::new(Capacity::Entries(capacity), clock, false)))
}

fn key(n: u64) -> String {
    format!("ns:default:func:here:args:{n}")
}

/// Spreads small numbers, as a hash would.
fn spread(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What becomes of a value that is on its way from the backend.
fn pending(store: &StoreRef, index: &Index, n: u64) -> Arc<Fate> {
    let fate = Fate::new(spread(n));
    assert!(index.cover(&key(n), &fate, store));
    fate
}

fn publish(store: &StoreRef, fate: &Arc<Fate>, n: u64) -> Option<Arc<Entry<u64, u64>>> {
    let row = store.lead_alone(fate.hash(), Caller { asynchronous: false, asks: true });
    let flight = Flight::new(store.clone(), fate.hash(), row, true);
    flight.asks(fate);
    let plan = Plan { fate: Some(Arc::clone(fate)), ..Plan::until(NEVER) };
    let entry = Arc::new(store.entry(n, n, plan));
    flight.land(entry.clone(), 0).then_some(entry)
}

fn fill(store: &StoreRef, index: &Index, n: u64) -> Arc<Fate> {
    let fate = pending(store, index, n);
    assert!(publish(store, &fate, n).is_some());
    fate
}

fn is_served(store: &StoreRef, n: u64) -> bool {
    store.fresh(spread(n)).is_some()
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
    assert!(there.is_dead() && !other.is_dead());
    assert!(publish(&store, &coming, 3).is_none(), "it is not kept");
    assert!(!is_served(&store, 1));
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
    assert!(entries.iter().enumerate().all(|(n, fate)| fate.is_dead() == (n != 3)));
    assert!(!index.settle(hash, &entries[3], Some(None)), "a look has to tell");
    assert!(index.confirm(hash, &entries[3]));
    assert_eq!(store.stats().shared_flushes, 9);

    assert_eq!(index.end().dead.len(), 1);
    assert!(entries[3].is_dead());
    let late = Fate::new(7);
    assert!(!index.cover(&key(7), &late, &store));
    assert_eq!(index.len(), 0);
}

#[test]
fn an_echo_takes_the_entry_out_of_service_until_the_look_has_decided() {
    let (store, index) = (store(64), Index::new());
    let hash = index.hash(key(1).as_bytes());
    for events in 0..3 {
        let fate = fill(&store, &index, 1);
        assert!(index.begin(hash, &fate));
        assert!(index.settle(hash, &fate, Some(Some(5))), "it was quiet");
        if events > 0 {
            let told = index.tell(&key(1));
            assert_eq!((told.dead.len(), told.doubted.len()), (0, 1));
            assert_eq!(told.doubted[0].2, Some(5));
            assert!(!is_served(&store, 1));
            for _ in 1..events {
                assert_eq!(index.tell(&key(1)).doubted.len(), 0);
            }
            // A second event meanwhile is news.
            assert_eq!(index.confirm(hash, &fate), events == 1);
        }
        assert_eq!(is_served(&store, 1), events < 2);
        // From here on every event is news, but for the first of a write that was not heard of.
        let told = index.tell(&key(1));
        assert_eq!(told.doubted.len(), usize::from(events == 0));
        assert!(!is_served(&store, 1));
    }
}

#[test]
fn what_was_invalidated_during_the_look_stays_so() {
    let (store, index) = (store(64), Index::new());
    let hash = index.hash(key(1).as_bytes());
    let fate = fill(&store, &index, 1);
    index.begin(hash, &fate);
    index.settle(hash, &fate, Some(None));
    index.tell(&key(1));
    store.remove(spread(1), &|_| true);
    assert!(!index.confirm(hash, &fate) && fate.is_dead());
}
