//! Where the waiters of a flight wait until it lands, or until one of them must run the function itself.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::pulse::{self, Millis};
use crate::blocking;
use crate::contained::contained;
use crate::entry::Resident;
use crate::sync::{Mutex, lock};

#[cfg(all(test, not(cachekit_model)))]
mod tests;

/// How a flight ended. A waiter compares the key: of two keys with one hash, a call for one may wait for the leader
/// of the other.
#[derive(Clone)]
pub(crate) enum Landing {
    /// The value, stored or not, or one that the flight itself will replace.
    Ready(Resident),
    /// The function's return value, not to be stored but valid for every waiter: an entry with the key and
    /// the shared form of the value.
    Error(Resident),
    /// The function panicked, or returned something that cannot be shared.
    Failed,
    /// The leader was dropped before it finished; nothing is known about the function.
    Cancelled,
}

impl Landing {
    /// Whether it gives the waiters a result.
    pub(crate) fn is_an_answer(&self) -> bool {
        matches!(self, Self::Ready(_) | Self::Error(_))
    }
}

/// What a waiter waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// An answer: if none comes in time, it runs the function itself.
    Answered,
    /// The end alone. Reliefs are for the others: it would not run the function.
    Over,
}

/// Whether a waiting thread hands its runtime worker over to other tasks. If not, each waiter that steps in
/// may only let the next one begin to wait, so more of them step in each time.
const LETS_WORKERS_GO: bool = cfg!(any(feature = "tokio", cachekit_model));

struct State {
    landing: Option<Landing>,
    /// Those who wait for an answer, by the waiter's number. A waiter that gives up leaves nothing behind.
    wakers: BTreeMap<u64, Waker>,
    /// The same of those who wait for the end.
    until_over: BTreeMap<u64, Waker>,
    next_place: u64,
    /// How long the next wait is until one of them runs the function.
    patience: Millis,
    /// When that wait is over; set when the first waiter has come.
    relief_at: Option<Millis>,
    /// How many of them must run the function now.
    due: u32,
    /// How many more at the next relief.
    grant: u32,
    /// That number doubles each time.
    grows: bool,
    /// The watcher knows of it.
    watched: bool,
}

impl State {
    fn places(&mut self, until: Until) -> &mut BTreeMap<u64, Waker> {
        match until {
            Until::Answered => &mut self.wakers,
            Until::Over => &mut self.until_over,
        }
    }

    /// Records that it is `now`.
    fn note(&mut self, now: Millis) {
        let at = *self.relief_at.get_or_insert_with(|| now.saturating_add(self.patience));
        if now >= at {
            self.due = self.due.saturating_add(self.grant);
            if self.grows {
                self.grant = self.grant.saturating_mul(2);
            }
            // Twice as long each time: a slow function is run a few more times and no more.
            self.patience = self.patience.saturating_mul(2);
            self.relief_at = Some(now.saturating_add(self.patience));
        }
    }
}

/// Where a flight's waiters wait. A waiter that runs the function shares it with the leader that it relieves.
pub(crate) struct Wait {
    state: Mutex<State>,
}

/// Wakers to be called once no lock is held: when this is dropped, even by a panic. None of their panics
/// propagates.
#[must_use]
#[derive(Default)]
pub(crate) struct Wakers(BTreeMap<u64, Waker>);

impl Wakers {
    pub(crate) fn wake(self) {
        drop(self);
    }
}

impl Drop for Wakers {
    fn drop(&mut self) {
        for (_, waker) in std::mem::take(&mut self.0) {
            // A waker is its executor's code: if one panics, the others are woken all the same, and the caller
            // goes on.
            contained(|| waker.wake());
        }
    }
}

impl Wait {
    /// For waiters on a future, or on a thread.
    pub(crate) fn new(asynchronous: bool) -> Self {
        let (patience, grows) = if asynchronous {
            (pulse::PATIENCE_WITH_FUTURES, false)
        } else {
            (pulse::PATIENCE_WITH_THREADS, !LETS_WORKERS_GO)
        };
        let state = State {
            landing: None,
            wakers: BTreeMap::new(),
            until_over: BTreeMap::new(),
            next_place: 0,
            patience,
            relief_at: None,
            due: 0,
            grant: 1,
            grows,
            watched: false,
        };
        Self { state: Mutex::new(state) }
    }

    /// Ends the wait. The first of several leaders does this.
    pub(crate) fn complete(&self, landing: Landing) -> Wakers {
        let mut state = lock(&self.state);
        let mut late = Some(landing);
        if state.landing.is_none() {
            state.landing = late.take();
        }
        let mut wakers = std::mem::take(&mut state.wakers);
        wakers.append(&mut state.until_over);
        drop(state);
        // It may be the last reference to a value.
        drop(late);
        Wakers(wakers)
    }

    /// Removes it from the watcher if there are no waiters. The next waiter adds it again.
    pub(crate) fn ends_watch(&self) -> bool {
        let mut state = lock(&self.state);
        let ends = state.landing.is_some() || state.wakers.is_empty();
        state.watched &= !ends;
        ends
    }

    /// There is no watcher after all. The waiters it was to look after see to it themselves.
    pub(crate) fn goes_unwatched(&self) -> Wakers {
        let mut state = lock(&self.state);
        state.watched = false;
        Wakers(std::mem::take(&mut state.wakers))
    }

    /// Checks the time for waiters that cannot do so themselves. `abandoned`: no leader makes progress any more.
    pub(crate) fn tick(&self, now: Millis, abandoned: bool) -> Wakers {
        let mut state = lock(&self.state);
        if state.landing.is_some() || state.wakers.is_empty() {
            return Wakers::default();
        }
        state.note(now);
        if abandoned {
            state.due = state.due.max(1);
        }
        // All of them: the one that is polled first steps in, and some may never be polled.
        if state.due > 0 { Wakers(std::mem::take(&mut state.wakers)) } else { Wakers::default() }
    }

    /// Waits as a future does, for the end of one of its flights. `None`: it has taken too long, or the leader is no
    /// longer polled, and this waiter must run the function itself. `watch` adds it to the watcher; false: there is none,
    /// and the waiter runs the function at once.
    pub(crate) async fn landing(&self, watch: impl Fn() -> bool) -> Option<Landing> {
        let mut slot = WakerSlot { wait: self, number: None, until: Until::Answered };
        poll_fn(|cx| {
            let polled = slot.look(cx.waker(), None);
            if polled.is_pending() && slot.is_unwatched() && !watch() {
                return Poll::Ready(None);
            }
            polled
        })
        .await
    }

    /// The same, as a thread waits. It checks the clock itself; in the model, which has no clock, `watch` adds it to the
    /// watcher. `goes_on` is asked now and then: once it says no, the wait is over.
    pub(crate) fn block(
        &self,
        until: Until,
        watch: impl Fn() -> bool,
        goes_on: impl Fn() -> bool,
    ) -> Option<Landing> {
        let mut slot = WakerSlot { wait: self, number: None, until };

        let waker = blocking::unparks_this_thread();
        blocking::parked(move || {
            loop {
                match slot.look(&waker, Some(pulse::now())) {
                    Poll::Ready(waited) => return waited,
                    Poll::Pending => {
                        if cfg!(cachekit_model) && slot.is_unwatched() && !watch() {
                            return None;
                        }
                        blocking::park_for(pulse::TICK);
                        if !goes_on() {
                            return None;
                        }
                    }
                }
            }
        })
    }

    #[cfg(all(test, not(cachekit_model)))]
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.state).landing.is_some()
    }

    #[cfg(all(test, not(cachekit_model)))]
    pub(crate) fn places(&self) -> usize {
        let state = lock(&self.state);
        state.wakers.len() + state.until_over.len()
    }
}

/// Removes the waker when the waiter is dropped before the flight lands.
struct WakerSlot<'a> {
    wait: &'a Wait,
    number: Option<u64>,
    until: Until,
}

impl WakerSlot<'_> {
    fn look(&mut self, waker: &Waker, now: Option<Millis>) -> Poll<Option<Landing>> {
        // Cloned and dropped without our lock, because a waker's code is its executor's.
        let waker = waker.clone();
        let mut state = lock(&self.wait.state);
        if let Some(landing) = &state.landing {
            return Poll::Ready(Some(landing.clone()));
        }
        if self.until == Until::Answered {
            if let Some(now) = now {
                state.note(now);
            }
            if state.due > 0 {
                state.due -= 1;
                return Poll::Ready(None);
            }
        }
        let next = state.next_place;
        let number = *self.number.get_or_insert(next);
        if number == next {
            state.next_place += 1;
        }
        let former = state.places(self.until).insert(number, waker);
        drop(state);
        drop(former);
        Poll::Pending
    }
}

impl WakerSlot<'_> {
    /// Whether the watcher is to know of the wait and does not yet; after this call it does.
    fn is_unwatched(&self) -> bool {
        if self.until == Until::Over {
            return false;
        }
        let mut state = lock(&self.wait.state);
        state.landing.is_none() && !std::mem::replace(&mut state.watched, true)
    }
}

impl Drop for WakerSlot<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let waker = lock(&self.wait.state).places(self.until).remove(&number);
            drop(waker);
        }
    }
}
