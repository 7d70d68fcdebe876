//! Running fills: leading, joining, killing, landing.

use std::sync::Arc;

use super::{CALLER, check, store};
use crate::clock::NEVER;
use crate::entry::{Entry, Plan};
use crate::flight::{FlightId, Landing, Wait, wait_graph};
use crate::store::{Caller, Flight, Join, Look, Row, StoreRef, Turn};

pub(in crate::store) const HASH: u64 = 9;

pub(in crate::store) fn flights() -> StoreRef {
    store(100).0
}

pub(super) fn value(store: &StoreRef, value: u64) -> Arc<Entry<u64, u64>> {
    Arc::new(store.entry(1_u64, value, Plan::until(NEVER)))
}

fn kept(store: &StoreRef) -> Option<u64> {
    Some(store.fresh(HASH)?.typed::<u64, u64>()?.value)
}

fn look(store: &StoreRef, asynchronous: bool) -> Look {
    store.look(HASH, Caller { asynchronous, ..CALLER })
}

pub(super) fn flight(store: &StoreRef, row: Row, alone: bool) -> Flight {
    Flight::new(store.clone(), HASH, row, alone)
}

pub(super) fn leads(store: &StoreRef, asynchronous: bool) -> Flight {
    match look(store, asynchronous) {
        Look::Lead(row) => flight(store, row, false),
        _ => panic!("alone"),
    }
}

fn pending(store: &StoreRef, asynchronous: bool) -> Row {
    match look(store, asynchronous) {
        Look::Pending(row) => row,
        _ => panic!("there is a leader"),
    }
}

pub(super) fn waits(store: &StoreRef, asynchronous: bool) -> Arc<Wait> {
    match store.join(HASH, pending(store, asynchronous), asynchronous) {
        Join::Wait(waiting) => Arc::clone(waiting.wait()),
        _ => panic!("joins"),
    }
}

/// A fill beside the others.
fn beside(store: &StoreRef, asks: bool) -> Flight {
    flight(store, store.lead_alone(HASH, Caller { asks, ..CALLER }), true)
}

/// Whether a fill stores what it has.
fn lands(store: &StoreRef, flight: Flight, number: u64) -> bool {
    let stored = flight.land(value(store, number), 0);
    check(store);
    assert_eq!(stored, kept(store) == Some(number));
    stored
}

#[test]
fn a_killed_fill_is_not_joined_and_stores_nothing() {
    let store = flights();
    let leader = leads(&store, false);
    store.remove(HASH, &|_| true);
    let next = leads(&store, false);
    assert!(!lands(&store, leader, 1));
    assert!(lands(&store, next, 2));
    assert_eq!(store.running(), 0);
}

#[test]
fn every_way_to_empty_a_place_kills_its_fills() {
    let ways: [fn(&StoreRef); 2] =
        [|store| drop(store.remove(HASH, &|_| true)), |store| _ = store.clear()];
    for way in ways {
        let store = flights();
        let (leader, other) = (leads(&store, false), beside(&store, false));
        way(&store);
        assert!(!lands(&store, leader, 1) && !lands(&store, other, 2));
        assert_eq!((store.running(), store.len()), (0, 0));
    }
    let store = flights();
    let (leader, other) = (leads(&store, false), beside(&store, false));
    store.put(HASH, value(&store, 3));
    assert!(!lands(&store, leader, 1) && !lands(&store, other, 2));
    assert_eq!(kept(&store), Some(3));
}

#[test]
fn a_thread_does_not_wait_for_a_future() {
    let store = flights();
    let _leader = leads(&store, true);
    let row = pending(&store, false);
    assert!(matches!(store.join(HASH, row, false), Join::Alone));
    assert!(matches!(store.join(HASH, row, true), Join::Wait(..)));
}

#[test]
fn a_fill_that_ended_is_not_joined() {
    let store = flights();
    let leader = leads(&store, false);
    let row = pending(&store, false);
    drop(leader);
    assert!(matches!(store.join(HASH, row, false), Join::Gone));
    // Nor is the one that got its row.
    let _next = leads(&store, false);
    assert!(matches!(store.join(HASH, row, false), Join::Gone));
}

#[test]
fn a_look_finds_an_entry_or_takes_the_lead() {
    let store = flights();
    assert!(lands(&store, leads(&store, false), 1));
    let Look::Found(old) = look(&store, false) else { panic!("it is there") };
    // It cannot be served, for all that is known: a fill replaces it.
    let Look::Lead(row) = store.lead_over(HASH, old.clone(), CALLER, true) else { panic!("leads") };
    assert!(matches!(store.lead_over(HASH, old.clone(), CALLER, true), Look::Pending(_)));
    assert!(matches!(look(&store, false), Look::Found(_)), "it is still there");
    assert!(lands(&store, flight(&store, row, false), 2));
    let Look::Found(new) = store.lead_over(HASH, old.clone(), CALLER, true) else {
        panic!("found")
    };
    assert!(!Arc::ptr_eq(&old, &new));
    store.remove(HASH, &|_| true);
    let Look::Lead(row) = store.lead_over(HASH, new, CALLER, true) else { panic!("leads") };
    // Its caller panicked.
    drop(flight(&store, row, false));
    check(&store);
}

#[test]
fn a_younger_value_ends_every_older_fill_and_no_younger_one() {
    let store = flights();
    let [first, second, third] = [0; 3].map(|_| beside(&store, false));
    assert!(second.overtake(), "a younger one is under way");
    assert!(!third.overtake());
    assert!(!lands(&store, first, 1) && !lands(&store, second, 2));
    assert!(lands(&store, third, 3));

    let [first, second, third] = [0; 3].map(|_| beside(&store, false));
    assert!(lands(&store, second, 5), "there was no younger value");
    assert!(!lands(&store, first, 4));
    assert!(lands(&store, third, 6));
}

#[test]
fn what_was_asked_for_is_older_than_every_run() {
    let store = flights();
    let runs = beside(&store, false);
    let asks = beside(&store, true);
    // It runs in any case: the one that is running is not to write to the shared tier.
    assert!(runs.overtake());
    assert!(!lands(&store, asks, 1), "what it found may be older");
    let asks = beside(&store, true);
    assert!(runs.overtake());
    asks.runs();
    assert!(runs.overtake(), "it has started later by now");
    assert!(lands(&store, asks, 2), "what it computes now is not older");
    drop(runs);
}

#[test]
fn what_was_found_ends_no_run() {
    let store = flights();
    let runs = beside(&store, false);
    let asks = beside(&store, true);
    assert!(lands(&store, asks, 1));
    assert!(lands(&store, runs, 2));
}

#[test]
fn a_fill_inside_of_another_leaves_that_one_alone() {
    let store = flights();
    let around = beside(&store, false);
    let within = beside(&store, false);
    on_chain(around.id(), || within.overtake());
    assert!(lands(&store, around, 1));
    drop(within);
}

#[test]
fn a_value_that_is_on_its_way_ends_with_the_first_younger_one() {
    let store = flights();
    let put = crate::store::Store::put_flying(&store, HASH, value(&store, 1));
    assert_eq!(kept(&store), Some(1));
    assert!(matches!(look(&store, false), Look::Found(_)));
    let younger = beside(&store, false);
    assert!(lands(&store, younger, 2));
    drop(put);
    assert_eq!((kept(&store), store.running()), (Some(2), 0));
}

#[test]
fn a_caller_that_comes_after_an_invalidation_does_not_wait_for_what_began_before() {
    let store = flights();
    let leader = leads(&store, false);
    let wait = waits(&store, false);
    store.remove(HASH, &|_| true);
    // One of the waiters runs the function itself, and shares the wait with the old leader.
    let row = store.relieve(HASH, CALLER, &wait).expect("it still waits");
    let relief = flight(&store, row, true);
    let newcomer = leads(&store, false);
    // Also when the relief ends, and leaves the wait to the leader.
    relief.abandon(Landing::Failed);
    assert!(matches!(store.join(HASH, pending(&store, false), false), Join::Wait(other)
        if !Arc::ptr_eq(other.wait(), &wait)));
    assert!(!lands(&store, leader, 1));
    assert!(wait.is_over());
    assert!(lands(&store, newcomer, 2));
    assert_eq!(store.running(), 0);
}

#[test]
fn a_change_that_removes_takes_only_what_it_saw() {
    let store = flights();
    for newer in [false, true] {
        store.put(HASH, value(&store, 1));
        let Turn::Mine(row) = store.turn(HASH) else { panic!("there is no other") };
        let changes = flight(&store, row, false);
        if newer {
            store.put(HASH, value(&store, 2));
        }
        changes.land_nothing();
        assert_eq!(kept(&store), newer.then_some(2));
        check(&store);
    }
}

#[test]
fn a_run_does_not_come_between_a_change() {
    let store = flights();
    let Turn::Mine(row) = store.turn(HASH) else { panic!("there is no other") };
    let changes = flight(&store, row, false);
    // Of a waiter that took it for a fill that takes too long.
    assert!(!lands(&store, beside(&store, false), 1));
    assert!(matches!(store.turn(HASH), Turn::Wait(..)), "another change waits");
    assert!(lands(&store, changes, 2));
}

#[test]
fn a_change_is_not_lost_to_a_run_that_began_while_it_was_made() {
    for removes in [false, true] {
        let store = flights();
        store.put(HASH, value(&store, 1));
        let Turn::Mine(row) = store.turn(HASH) else { panic!("there is no other") };
        let changes = flight(&store, row, false);
        // Forced, or of a waiter that took the change for a fill that takes too long; and one that asks the shared tier.
        let runs = [beside(&store, false), beside(&store, true)];
        if removes {
            changes.land_nothing();
        } else {
            assert!(lands(&store, changes, 2));
        }
        for run in runs {
            run.runs();
            assert!(!lands(&store, run, 3), "it did not see the change");
        }
        assert_eq!(kept(&store), (!removes).then_some(2));
        assert_eq!(store.running(), 0);
    }
}

#[test]
fn a_change_within_a_change_leaves_that_one_alone() {
    let store = flights();
    let Turn::Mine(row) = store.turn(HASH) else { panic!("there is no other") };
    let around = flight(&store, row, false);
    on_chain(around.id(), || {
        let Turn::Alone(row) = store.turn(HASH) else { panic!("it would wait for itself") };
        assert!(lands(&store, flight(&store, row, true), 1));
    });
    assert!(lands(&store, around, 2));
}

fn on_chain<R>(flight: FlightId, f: impl FnOnce() -> R) -> R {
    let _running = wait_graph::enter(flight);
    f()
}

#[test]
fn circles_are_seen_however_long() {
    let [a, b, c] = [1, 2, 3].map(|n| FlightId(u64::MAX - n));
    let wait_for = |flight| wait_graph::wait_for(flight, || Arc::new(Wait::new(false)));
    assert!(wait_for(a).is_some(), "nobody waits for anybody");
    let a_waits = on_chain(a, || wait_for(b)).expect("a may wait for b");
    let b_waits = on_chain(b, || wait_for(c)).expect("b may wait for c");
    on_chain(c, || {
        assert!(wait_for(c).is_none(), "itself");
        assert!(wait_for(b).is_none(), "b waits for c");
        assert!(wait_for(a).is_none(), "a waits for b");
    });
    drop(b_waits);
    on_chain(c, || assert!(wait_for(a).is_some(), "b waits no more"));
    drop(a_waits);
}

#[test]
fn a_fill_that_nothing_has_looked_at_is_killed_by_whatever_kills_fills() {
    let kills: [fn(&StoreRef); 5] = [
        |store| {
            store.clear();
        },
        |store| store.end_fills(),
        |store| drop(store.remove(HASH, &|_| true)),
        |store| {
            store.put(HASH, value(store, 2));
            store.remove(HASH, &|_| true);
        },
        |store| {
            beside(store, false).land(value(store, 2), 0);
        },
    ];
    for (way, kill) in kills.into_iter().enumerate() {
        let store = flights();
        let leader = leads(&store, false);
        kill(&store);
        let before = kept(&store);
        assert!(!leader.land(value(&store, 1), 0), "{way}");
        assert_eq!((kept(&store), store.running()), (before, 0), "{way}");
        check(&store);
    }
}

#[test]
fn a_fill_that_ended_is_not_taken_for_the_next_one_in_its_slot() {
    let store = flights();
    let Look::Lead(ended) = look(&store, false) else { panic!("alone") };
    flight(&store, ended, false).abandon(Landing::Cancelled);
    let Look::Lead(row) = look(&store, false) else { panic!("alone") };
    assert_eq!(ended.slot(), row.slot(), "the slot is used again");
    assert_ne!(ended.flight(), row.flight());

    assert!(!flight(&store, ended, false).land(value(&store, 1), 0));
    assert_eq!((kept(&store), store.running()), (None, 1));
    assert!(flight(&store, row, false).land(value(&store, 2), 0));
    assert_eq!((kept(&store), store.running()), (Some(2), 0));
    check(&store);
}

#[test]
fn no_two_flights_have_the_same_number_and_later_ones_of_a_shard_have_higher_ones() {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        let store = store(10_000).0;
        let mut last = 0;
        for n in 0..200_u64 {
            // Spread over the shards by the upper bits.
            let Look::Lead(row) = store.look(n << 58 | n, CALLER) else { panic!("alone") };
            assert!(seen.insert(row.flight()), "{n}");
            if n << 58 == 0 {
                assert!(row.flight().0 > last, "{n}");
                last = row.flight().0;
            }
        }
    }
}
