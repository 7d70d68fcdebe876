use std::any::TypeId;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::{Caller, Failure, Flight, FlightId, Flights, Join, Landing, Wait, Waited, chain};
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
    flights.join(erased, caller(flights, asynchronous), &|other| entry.is_same(other))
}

fn caller(flights: &Flights, asynchronous: bool) -> Caller {
    Caller { asynchronous, asks: false, seen: flights.landed(9) }
}

fn leads(flights: &'static Flights, entry: &Arc<Entry<u64, u64>>, asynchronous: bool) -> Flight {
    match join(flights, entry, asynchronous) {
        Join::Lead { flight, .. } => flight,
        Join::Wait(..) => panic!("alone"),
    }
}

fn waits(flights: &'static Flights, asynchronous: bool) -> Arc<Wait> {
    match join(flights, &entry(9, 1), asynchronous) {
        Join::Wait(wait, _) => wait,
        Join::Lead { .. } => panic!("joins"),
    }
}

/// A flight beside the others.
fn beside(flights: &'static Flights, entry: &Arc<Entry<u64, u64>>, asks: bool) -> Flight {
    let erased: Arc<AnyEntry> = Arc::clone(entry) as Arc<AnyEntry>;
    flights.lead_alone(erased, Caller { asks, ..caller(flights, false) })
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
    let caller = Caller { asynchronous: false, asks: false, seen };
    let Join::Lead { recheck, .. } = flights.join(erased, caller, &|_| true) else {
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
    let Poll::Ready(Waited::Landed(Landing::Cancelled, _)) = landing.as_mut().poll(&mut cx) else {
        panic!("it was cancelled")
    };
}

#[test]
fn a_younger_value_ends_every_older_flight_and_no_younger_one() {
    let flights = flights();
    let entries: Vec<_> = (0..3).map(|_| entry(9, 1)).collect();
    let held: Vec<_> = entries.iter().map(|entry| beside(flights, entry, false)).collect();
    assert!(held[1].overtake(&|other| entries[1].is_same(other)), "a younger one is under way");
    let dead: Vec<_> = entries.iter().map(|entry| entry.head.is_dead()).collect();
    assert_eq!(dead, [true, false, false]);
    assert!(!held[2].overtake(&|other| entries[2].is_same(other)));
    assert!(entries[1].head.is_dead());
    assert!(held[2].publish(|| entries[2].head.publish()));
    assert!(!held[0].publish(|| entries[0].head.publish()));
}

#[test]
fn what_was_asked_for_is_older_than_every_run() {
    let flights = flights();
    let (run, found) = (entry(9, 1), entry(9, 1));
    let runs = beside(flights, &run, false);
    let asks = beside(flights, &found, true);
    // It runs in any case: the one that is running is not to write to the shared tier.
    assert!(runs.overtake(&|other| run.is_same(other)));
    assert!(!found.head.is_dead(), "it may still find nothing, and run");
    assert!(!asks.publish(|| true), "what it found may be older");
    asks.runs();
    assert!(asks.publish(|| true), "what it computes now is not");
    assert!(runs.overtake(&|other| run.is_same(other)), "it has started later by now");
    assert!(!found.head.is_dead());
}

#[test]
fn a_flight_inside_of_another_leaves_that_one_alone() {
    let flights = flights();
    let (outer, inner) = (entry(9, 1), entry(9, 1));
    let around = beside(flights, &outer, false);
    let within = beside(flights, &inner, false);
    on_chain(around.id(), || within.overtake(&|other| inner.is_same(other)));
    assert!(!outer.head.is_dead());
}

#[test]
fn waiters_that_gave_up_leave_nothing_behind() {
    let flights = flights();
    let _leader = leads(flights, &entry(9, 1), true);
    let wait = waits(flights, true);
    let mut cx = Context::from_waker(Waker::noop());
    let mut stays = Box::pin(wait.landing());
    assert!(stays.as_mut().poll(&mut cx).is_pending());
    // Miri takes its time for each.
    for _ in 0..if cfg!(miri) { 100 } else { 10_000 } {
        let wait = waits(flights, true);
        let mut gives_up = Box::pin(wait.landing());
        assert!(gives_up.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(wait.places(), 1);
    drop(stays);
    assert_eq!(wait.places(), 0);
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waiter that is a future, and how often it was woken.
struct Waiter {
    landing: std::pin::Pin<Box<dyn Future<Output = Waited>>>,
    woken: Arc<Woken>,
}

impl Waiter {
    fn new(wait: Arc<Wait>) -> Self {
        Self { landing: Box::pin(async move { wait.landing().await }), woken: Arc::default() }
    }
    fn poll(&mut self) -> Poll<Waited> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.landing.as_mut().poll(&mut Context::from_waker(&waker))
    }
    fn is_to_run(&mut self) -> bool {
        matches!(self.poll(), Poll::Ready(Waited::Relieve))
    }
}

#[test]
fn a_leader_that_is_polled_no_more_is_relieved_by_one_waiter() {
    let flights = flights();
    let leader = leads(flights, &entry(9, 1), true);
    let knocked = Arc::new(Woken::default());
    leader.pilot().pending(&Waker::from(Arc::clone(&knocked)));
    let mut waiters: Vec<_> = (0..3).map(|_| Waiter::new(waits(flights, true))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    assert!(flights.tick(0));
    assert_eq!(knocked.0.load(Ordering::SeqCst), 1, "it is woken");
    flights.tick(0);
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    flights.tick(0);
    assert!(waiters.iter().all(|waiter| waiter.woken.0.load(Ordering::SeqCst) == 1));
    let to_run = waiters.iter_mut().filter_map(|waiter| waiter.is_to_run().then_some(())).count();
    assert_eq!(to_run, 1);
    // Later callers do not wait for it either.
    assert!(matches!(join(flights, &entry(9, 1), true), Join::Lead { .. }));
}

#[test]
fn a_leader_that_answers_is_left_alone_for_a_time() {
    let flights = flights();
    let leader = leads(flights, &entry(9, 1), true);
    let mut waiter = Waiter::new(waits(flights, true));
    assert!(waiter.poll().is_pending());
    let mut reliefs = Vec::new();
    for second in 0..40 {
        for _ in 0..4 {
            leader.pilot().pending(Waker::noop());
            flights.tick(second * 1000);
            leader.pilot().polled();
        }
        while waiter.is_to_run() {
            reliefs.push(second);
            waiter = Waiter::new(waits(flights, true));
        }
    }
    assert_eq!(reliefs, [5, 15, 35], "twice as long each time");
}

#[test]
fn a_thread_is_relieved_by_more_waiters_only_where_they_may_block_a_runtime() {
    let flights = flights();
    let _leader = leads(flights, &entry(9, 1), false);
    let mut waiters: Vec<_> = (0..40).map(|_| Waiter::new(waits(flights, true))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    let mut reliefs = Vec::new();
    for second in 0..=60 {
        flights.tick(second * 1000);
        waiters.retain_mut(|waiter| {
            let stays = !waiter.is_to_run();
            reliefs.extend((!stays).then_some(second));
            stays
        });
    }
    reliefs.dedup();
    assert_eq!(reliefs, [2, 6, 14, 30]);
    let left = if cfg!(feature = "tokio") { 40 - 4 } else { 40 - 15 };
    assert_eq!(waiters.len(), left);
}

#[test]
fn a_leader_inside_a_long_poll_is_at_work() {
    let flights = flights();
    let leader = leads(flights, &entry(9, 1), true);
    let mut waiter = Waiter::new(waits(flights, true));
    assert!(waiter.poll().is_pending());
    assert!((0..9).all(|_| flights.tick(0)));
    assert!(waiter.poll().is_pending());
    drop(leader);
}

#[test]
fn the_first_answer_ends_the_wait_for_all() {
    let flights = flights();
    let old = entry(9, 1);
    let leader = leads(flights, &old, true);
    leader.pilot().pending(Waker::noop());
    let wait = waits(flights, true);
    let mut others: Vec<_> = (0..2).map(|_| Waiter::new(Arc::clone(&wait))).collect();
    assert!(others.iter_mut().all(|waiter| waiter.poll().is_pending()));
    let own = entry(9, 1);
    let erased: Arc<AnyEntry> = Arc::clone(&own) as Arc<AnyEntry>;
    let relief = flights.relieve(erased, caller(flights, true), &wait).expect("it still waits");
    assert!(relief.is_alone() && relief.has_waiters() && leader.has_waiters());
    // One that fails without an answer leaves the others to the leader.
    relief.land(Landing::Failed(Failure::Unshared));
    assert!(others.iter_mut().all(|waiter| waiter.poll().is_pending()));
    let erased: Arc<AnyEntry> = Arc::clone(&own) as Arc<AnyEntry>;
    let relief = flights.relieve(erased, caller(flights, true), &wait).expect("it still waits");
    relief.land(Landing::Ready);
    for waiter in &mut others {
        let Poll::Ready(Waited::Landed(Landing::Ready, entry)) = waiter.poll() else {
            panic!("answered")
        };
        assert_eq!(FlightId::of(&entry), FlightId::of(&own));
    }
    // A caller that comes later waits for the leader, not for what was there before it asked.
    let late = waits(flights, true);
    assert!(!Arc::ptr_eq(&late, &wait) && !late.is_over());
    let erased: Arc<AnyEntry> = own;
    assert!(flights.relieve(erased, caller(flights, true), &wait).is_none(), "it is over");
    drop(leader);
    assert_eq!(flights.running(), 0);
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
