//! Wakers that panic, and waiters for the end alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};

use super::{Landing, Until, Wait, WakerSlot};

/// Counts, and panics if it is the first.
struct Bomb(Arc<AtomicUsize>);

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "on purpose");
    }
}

fn slot(wait: &Wait, until: Until) -> WakerSlot<'_> {
    WakerSlot { wait, number: None, until }
}

#[test]
fn a_waker_that_panics_keeps_none_of_the_others_waiting() {
    let wait = Wait::new(true);
    let woken = Arc::new(AtomicUsize::new(0));
    let waker = Waker::from(Arc::new(Bomb(Arc::clone(&woken))));
    let mut slots = [Until::Answered, Until::Answered, Until::Over].map(|until| slot(&wait, until));
    assert!(slots.iter_mut().all(|slot| slot.look(&waker, None).is_pending()));
    wait.complete(Landing::Cancelled).wake();
    assert_eq!(woken.load(Ordering::SeqCst), 3);
}

#[test]
fn a_relief_is_for_a_waiter_that_runs_the_function() {
    let wait = Wait::new(false);
    let mut changes = [Until::Over, Until::Over].map(|until| slot(&wait, until));
    let mut asks = slot(&wait, Until::Answered);
    let look = |slot: &mut WakerSlot<'_>, now| slot.look(Waker::noop(), Some(now));
    // The clock runs from the first one that can be relieved.
    assert!(changes.iter_mut().all(|slot| look(slot, 0).is_pending() && !slot.is_unwatched()));
    assert!(look(&mut asks, 1_000_000).is_pending());
    wait.tick(1_900_000, false).wake();
    assert!(changes.iter_mut().all(|slot| look(slot, 1_900_000).is_pending()));
    assert!(matches!(look(&mut asks, 1_900_000), Poll::Ready(None)), "it is still due");
    drop(asks);
    assert!(wait.ends_watch(), "the others need no watcher");
    wait.complete(Landing::Cancelled).wake();
    for slot in &mut changes {
        assert!(matches!(look(slot, 1_900_000), Poll::Ready(Some(Landing::Cancelled))));
    }
}

#[test]
fn without_a_watcher_a_future_runs_the_function() {
    let wait = Wait::new(true);
    let mut first = Box::pin(wait.landing(|| true));
    let mut second = Box::pin(wait.landing(|| false));
    let woken = Arc::new(AtomicUsize::new(1));
    let waker = Waker::from(Arc::new(Bomb(Arc::clone(&woken))));
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(first.as_mut().poll(&mut cx).is_pending(), "it is watched");
    assert!(second.as_mut().poll(&mut cx).is_pending(), "and so is this one");
    wait.goes_unwatched().wake();
    assert_eq!(woken.load(Ordering::SeqCst), 3, "both are woken");
    assert!(matches!(second.as_mut().poll(&mut cx), Poll::Ready(None)));
}
