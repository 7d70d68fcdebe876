use std::any::TypeId;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::{Caller, FlightId, Flights, Join, Landing, chain};
use crate::counters::CounterId;
use crate::entry::{AnyEntry, Entry, Head, Owner};

fn flights() -> &'static Flights {
    // Reachable for as long as the process lives, so that Miri sees no leak.
    static ALL: Mutex<Vec<&'static Flights>> = Mutex::new(Vec::new());
    let flights: &'static Flights = Box::leak(Box::new(Flights::new()));
    ALL.lock().unwrap().push(flights);
    flights
}

fn entry(hash: u64, key: u64) -> Arc<Entry<u64, u64>> {
    let owner = Owner { function: TypeId::of::<Flights>(), instance: 0 };
    let head = Head::new(owner, hash, CounterId::NONE);
    Arc::new(Entry::new(head, key))
}

fn join(flights: &'static Flights, entry: &Arc<Entry<u64, u64>>, asynchronous: bool) -> Join {
    let erased: Arc<AnyEntry> = Arc::clone(entry) as Arc<AnyEntry>;
    let caller = Caller { asynchronous, seen: flights.landed(entry.head.hash) };
    flights.join(erased, entry.head.hash, caller, &|other| entry.is_same(other))
}

#[test]
fn keys_with_one_hash_fly_apart() {
    let flights = flights();
    let first = join(flights, &entry(9, 1), false);
    let second = join(flights, &entry(9, 2), false);
    assert!(matches!((&first, &second), (Join::Lead { .. }, Join::Lead { .. })));
    assert_eq!(flights.running(), 2);
    drop((first, second));
    assert_eq!(flights.running(), 0);
}

#[test]
fn a_killed_flight_is_not_joined() {
    let flights = flights();
    let old = entry(9, 1);
    let leader = join(flights, &old, false);
    flights.kill(9, &|other| old.is_same(other));
    assert!(!old.head.publish());
    assert!(matches!(join(flights, &entry(9, 1), false), Join::Lead { .. }));
    drop(leader);
}

#[test]
fn a_thread_does_not_wait_for_a_future() {
    let flights = flights();
    let leader = join(flights, &entry(9, 1), true);
    assert!(matches!(join(flights, &entry(9, 1), false), Join::Lead { .. }));
    assert!(matches!(join(flights, &entry(9, 1), true), Join::Wait(..)));
    drop(leader);
}

#[test]
fn a_leader_that_looked_before_a_landing_looks_again() {
    let flights = flights();
    let seen = flights.landed(9);
    let Join::Lead { flight, recheck } = join(flights, &entry(9, 1), false) else {
        panic!("alone")
    };
    assert!(!recheck);
    flight.land(Landing::Ready);
    let late = entry(9, 1);
    let erased: Arc<AnyEntry> = late;
    let caller = Caller { asynchronous: false, seen };
    let Join::Lead { recheck, .. } = flights.join(erased, 9, caller, &|_| true) else {
        panic!("alone")
    };
    assert!(recheck);
}

#[test]
fn waiters_learn_how_it_ended() {
    let flights = flights();
    let Join::Lead { flight, .. } = join(flights, &entry(9, 1), true) else { panic!("alone") };
    assert!(!flight.has_waiters());
    let Join::Wait(wait, _) = join(flights, &entry(9, 1), true) else { panic!("joins") };
    assert!(flight.has_waiters());
    let mut landing = Box::pin(wait.landing());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(landing.as_mut().poll(&mut cx).is_pending());
    // Dropped without landing: cancelled.
    drop(flight);
    assert!(matches!(landing.as_mut().poll(&mut cx), Poll::Ready(Landing::Cancelled)));
}

fn on_chain<R>(flight: FlightId, f: impl FnOnce() -> R) -> R {
    let _link = chain::enter(flight);
    f()
}

#[test]
fn circles_are_seen_however_long() {
    let entries: Vec<Arc<AnyEntry>> = (0..3).map(|n| -> Arc<AnyEntry> { entry(n, n) }).collect();
    let [a, b, c] = [0, 1, 2].map(|n: usize| FlightId::of(&entries[n]));
    assert!(!chain::would_deadlock(a), "nobody waits for anybody");
    let a_waits = on_chain(a, || chain::wait_for(b)).expect("a may wait for b");
    let b_waits = on_chain(b, || chain::wait_for(c)).expect("b may wait for c");
    on_chain(c, || {
        assert!(chain::would_deadlock(c), "itself");
        assert!(chain::would_deadlock(b), "b waits for c");
        assert!(chain::would_deadlock(a), "a waits for b");
        assert!(chain::wait_for(a).is_none());
    });
    drop(b_waits);
    on_chain(c, || assert!(!chain::would_deadlock(a), "b waits no more"));
    drop(a_waits);
}
