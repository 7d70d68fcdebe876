//! Waiters of a fill: what they learn, and how long they wait for a leader that does not move.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::fills::{HASH, flight, flights, leads, value, waits};
use super::{CALLER, check};
use crate::entry::Resident;
use crate::flight::{Landing, Wait};
use crate::store::{Caller, StoreRef, landing, watch};
use crate::sync::lock;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waiter that is a future, and how often it was woken.
struct Waiter {
    landing: std::pin::Pin<Box<dyn Future<Output = Option<Landing>>>>,
    woken: Arc<Woken>,
}

impl Waiter {
    fn new(store: &StoreRef, wait: Arc<Wait>) -> Self {
        let store = store.clone();
        let landing = Box::pin(async move { landing(&wait, &store, HASH).await });
        Self { landing, woken: Arc::default() }
    }
    fn poll(&mut self) -> Poll<Option<Landing>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.landing.as_mut().poll(&mut Context::from_waker(&waker))
    }
    fn is_to_run(&mut self) -> bool {
        matches!(self.poll(), Poll::Ready(None))
    }
}

#[test]
fn waiters_learn_how_it_ended() {
    let store = flights();
    let flight = leads(&store, true);
    assert!(!flight.has_waiters());
    let mut waiter = Waiter::new(&store, waits(&store, true));
    assert!(flight.has_waiters());
    assert!(waiter.poll().is_pending());
    // Dropped without landing: cancelled.
    drop(flight);
    let Poll::Ready(Some(Landing::Cancelled)) = waiter.poll() else { panic!("it was cancelled") };
}

#[test]
fn waiters_that_gave_up_leave_nothing_behind() {
    let store = flights();
    let _leader = leads(&store, true);
    let wait = waits(&store, true);
    let mut stays = Waiter::new(&store, Arc::clone(&wait));
    assert!(stays.poll().is_pending());
    // Miri takes its time for each.
    for _ in 0..if cfg!(miri) { 100 } else { 10_000 } {
        assert!(Waiter::new(&store, waits(&store, true)).poll().is_pending());
    }
    assert_eq!(wait.places(), 1);
    drop(stays);
    assert_eq!(wait.places(), 0);
    assert!(!watch::tick_of(&store, 0), "it is watched no more");
}

#[test]
fn a_leader_that_is_polled_no_more_is_relieved_by_one_waiter() {
    let store = flights();
    let leader = leads(&store, true);
    let knocked = Arc::new(Woken::default());
    leader.pending(&Waker::from(Arc::clone(&knocked)));
    let mut waiters: Vec<_> = (0..3).map(|_| Waiter::new(&store, waits(&store, true))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    assert!(watch::tick_of(&store, 0));
    assert_eq!(knocked.0.load(Ordering::SeqCst), 1, "it is woken");
    watch::tick_of(&store, 0);
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    watch::tick_of(&store, 0);
    assert!(waiters.iter().all(|waiter| waiter.woken.0.load(Ordering::SeqCst) == 1));
    let to_run = waiters.iter_mut().filter_map(|waiter| waiter.is_to_run().then_some(())).count();
    assert_eq!(to_run, 1);
    // Later callers do not wait for it either.
    drop(leads(&store, true));
}

#[test]
fn a_leader_that_answers_is_left_alone_for_a_time() {
    let store = flights();
    let leader = leads(&store, true);
    let mut waiter = Waiter::new(&store, waits(&store, true));
    assert!(waiter.poll().is_pending());
    let mut reliefs = Vec::new();
    for second in 0..40 {
        for _ in 0..4 {
            leader.pending(Waker::noop());
            watch::tick_of(&store, second * 1000);
            leader.polled();
        }
        while waiter.is_to_run() {
            reliefs.push(second);
            waiter = Waiter::new(&store, waits(&store, true));
        }
    }
    assert_eq!(reliefs, [5, 15, 35], "twice as long each time");
}

#[test]
fn a_thread_is_relieved_by_more_waiters_only_where_they_may_block_a_runtime() {
    let store = flights();
    let _leader = leads(&store, false);
    let mut waiters: Vec<_> = (0..40).map(|_| Waiter::new(&store, waits(&store, true))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    let mut reliefs = Vec::new();
    for second in 0..=60 {
        watch::tick_of(&store, second * 1000);
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
    let store = flights();
    let leader = leads(&store, true);
    let mut waiter = Waiter::new(&store, waits(&store, true));
    assert!(waiter.poll().is_pending());
    assert!((0..9).all(|_| watch::tick_of(&store, 0)));
    assert!(waiter.poll().is_pending());
    drop(leader);
}

#[test]
fn the_first_answer_ends_the_wait_for_all() {
    let store = flights();
    let leader = leads(&store, true);
    leader.pending(Waker::noop());
    let wait = waits(&store, true);
    let mut others: Vec<_> = (0..2).map(|_| Waiter::new(&store, Arc::clone(&wait))).collect();
    assert!(others.iter_mut().all(|waiter| waiter.poll().is_pending()));
    let caller = Caller { asynchronous: true, ..CALLER };
    let relieves = || store.relieve(HASH, caller, &wait).map(|row| flight(&store, row, true));
    let relief = relieves().expect("it still waits");
    assert!(relief.is_alone() && relief.has_waiters() && leader.has_waiters());
    // One that fails without an answer leaves the others to the leader.
    relief.abandon(Landing::Failed);
    assert!(others.iter_mut().all(|waiter| waiter.poll().is_pending()));
    let relief = relieves().expect("it still waits");
    let own: Resident = value(&store, 2);
    relief.land(Arc::clone(&own), 0);
    for waiter in &mut others {
        let Poll::Ready(Some(Landing::Ready(entry))) = waiter.poll() else { panic!("answered") };
        assert!(Arc::ptr_eq(&entry, &own));
    }
    store.remove(HASH, &|_| true);
    assert!(relieves().is_none(), "it is over");
    drop(leader);
    assert_eq!(store.running(), 0);
    check(&store);
}

#[test]
fn a_caller_that_comes_after_an_answer_waits_for_another() {
    let store = flights();
    let leader = leads(&store, true);
    leader.pending(Waker::noop());
    let wait = waits(&store, true);
    let caller = Caller { asynchronous: true, ..CALLER };
    let row = store.relieve(HASH, caller, &wait).expect("it still waits");
    // Its value is good for the waiters, and not kept.
    flight(&store, row, true).abandon(Landing::Ready(value(&store, 2)));
    let late = waits(&store, true);
    assert!(!Arc::ptr_eq(&late, &wait) && !late.is_over());
    drop(leader);
}

#[test]
fn a_waiter_takes_up_no_wait_that_has_ended_and_whose_waiters_do_not_know_yet() {
    for answers in [true, false] {
        let store = flights();
        let leader = leads(&store, false);
        let wait = waits(&store, false);
        store.remove(HASH, &|_| true);
        // The leader has ended its fill, and is about to tell the waiters.
        let ended = lock(&store.shard(HASH).inner).end(leader.into_row(), answers);
        let relief = store.relieve(HASH, CALLER, &wait).map(|row| flight(&store, row, true));
        assert!(relief.is_none(), "callers that come now would join it, and get what is told");
        let newcomer = leads(&store, false);
        let late = waits(&store, false);
        let old = value(&store, 1);
        ended.land(|| if answers { Landing::Ready(old) } else { Landing::Cancelled });
        assert!(wait.is_over() && !late.is_over());
        assert!(newcomer.land(value(&store, 2), 0));
        assert_eq!(store.running(), 0);
        check(&store);
    }
}
