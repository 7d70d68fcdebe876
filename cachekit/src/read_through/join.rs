//! Which call leads: this call, another one that it waits for, or this one after all.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;

use super::Turn;
use super::miss::{Begun, Miss};
use super::remote::Remote;
use crate::blocking;
use crate::entry::{AnyEntry, Resident};
use crate::flight::wait_graph::{self, Waiting};
use crate::flight::{Landing, Wait};
use crate::shape::Shape;
use crate::stats::Refusal;
use crate::store::{Caller, Flight, Join, Look, Row, block, drive, landing};

/// Failed runs of the function that a caller waits for before it runs the function itself.
///
/// More than one, so that a brief failure does not cause a stampede; few, so that callers do not
/// queue behind one failing run after the other.
pub(super) const MAX_FAILED_WAITS: u8 = 2;

/// Waits that come to nothing, because their leaders are cancelled, until a caller waits for no other.
///
/// Many: they say nothing about the function, and callers that gave up together would all run it. But some number: a call
/// comes to its end whatever others do, and never goes round and round.
const MAX_WAITS_IN_VAIN: u8 = 16;

/// An error that is shared with waiters.
pub(super) type SharedError = Arc<dyn Any + Send + Sync>;

/// The value of an entry, boxed because it may be large.
#[inline(never)]
pub(crate) fn read<S: Shape>(stored: &S::Stored) -> Result<Box<S::Return>, Refusal> {
    S::read(stored).map(Box::new)
}

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// Whether a key belongs to this call.
    pub(super) fn is_own(&self, key: &K) -> bool {
        self.key.as_ref() == Some(key)
    }

    /// The value of an entry with this call's key.
    fn held<'a>(&self, entry: &'a dyn AnyEntry) -> Option<&'a S::Stored> {
        Some(&entry.of_key::<K, S::Stored>(|key| self.is_own(key))?.value)
    }

    /// The stale value that the look-up found here. Only now is it known whether that was a hit.
    fn found_stale(&self) -> Option<Result<Box<S::Return>, Refusal>> {
        let ticket = self.stale()?;
        let found = read::<S>(self.held(ticket.entry())?);
        match found {
            Ok(_) => self.store.count_stale_hit(ticket.entry().head()),
            Err(refusal) => ticket.void(refusal),
        }
        Some(found)
    }

    /// The result of the call without a flight or a backend.
    fn settled_at_once(&mut self) -> Option<Begun<S::Return>> {
        if self.store.is_disabled() {
            return None;
        }
        if let Ok(ret) = self.found_stale()? {
            self.call.stale();
            return Some(Begun::Stale(ret));
        }
        self.call.misses();
        None
    }

    // Code that creates a value, or a future of one, is separate: callers then need no stack for it.

    #[inline(never)]
    fn refused(&mut self) -> Option<Box<S::Return>> {
        let remote = self.behind.made()?;
        let refused = remote.refused(&self.store).map(Box::new);
        if refused.is_none() && remote.stores_nothing() {
            self.call.bypasses(self.store.observed());
        }
        refused
    }

    #[inline(never)]
    fn ask_remote_later(
        &mut self,
        flight: Flight,
    ) -> Pin<Box<impl Future<Output = Begun<S::Return>> + use<'_, K, S>>> {
        Box::pin(self.ask_remote(flight, true))
    }

    #[inline(never)]
    fn ask_remote_now(&mut self, flight: Flight) -> Begun<S::Return> {
        let _running = wait_graph::enter(flight.id());
        blocking::block_on(self.ask_remote(flight, false))
    }

    pub(super) async fn begin(&mut self) -> Begun<S::Return> {
        self.caller.asynchronous = true;
        if let Some(begun) = self.settled_at_once() {
            return begun;
        }
        loop {
            let begun = match self.attempt() {
                Ok(begun) => Some(begun),
                Err(waiting) => {
                    let wait = Arc::clone(waiting.wait());
                    let counted = self.store.observed().waits();
                    let landing = landing(&wait, &self.store, self.hash).await;
                    drop((counted, waiting));
                    self.waited(landing, &wait)
                }
            };
            match begun {
                Some(Begun::Lead(flight)) if self.has_backend() => {
                    // Boxed: without a shared tier the caller's future does not carry this one.
                    let (store, hash, row) = (self.store.clone(), self.hash, flight.row());
                    let mut asked = self.ask_remote_later(flight);
                    return drive(&store, hash, row, asked.as_mut()).await;
                }
                Some(begun) => return begun,
                None => {}
            }
        }
    }

    pub(super) fn begin_blocking(&mut self) -> Begun<S::Return> {
        self.caller.asynchronous = false;
        if let Some(begun) = self.settled_at_once() {
            return begun;
        }
        loop {
            let begun = match self.attempt() {
                Ok(begun) => Some(begun),
                Err(waiting) => {
                    let wait = Arc::clone(waiting.wait());
                    let counted = self.store.observed().waits();
                    let landing = block(&wait, &self.store, self.hash);
                    drop((counted, waiting));
                    self.waited(landing, &wait)
                }
            };
            match begun {
                Some(Begun::Lead(flight)) if self.has_backend() => {
                    return self.ask_remote_now(flight);
                }
                Some(begun) => return begun,
                None => {}
            }
        }
    }

    fn caller(&self) -> Caller {
        Caller { asks: self.caller.asks && !self.behind.is_nowhere(), ..self.caller }
    }

    pub(super) fn flight(&self, row: Row, alone: bool) -> Flight {
        Flight::new(self.store.clone(), self.hash, row, alone)
    }

    /// This call leads. Only now does it look up its tier: a waiter needs none.
    fn leads(&mut self, flight: Flight) -> Begun<S::Return> {
        // The user's code runs inside the fill (`Serialize` of the key; conversions and clones of errors): its own
        // cached calls must not wait for that fill.
        let _running = wait_graph::enter(flight.id());
        if let Some(key) = &self.key {
            self.behind.make(&self.store, key);
        }
        if let Some(ret) = self.refused() {
            // A refresh that is refused has failed.
            drop(self.take_refresh());
            return self.fails(flight, ret);
        }
        if self.caller.asks && !self.has_backend() {
            // It might have had a backend to consult.
            flight.runs();
        }
        Begun::Lead(flight)
    }

    /// The call returns this without a run of its function.
    pub(super) fn fails(&mut self, flight: Flight, ret: Box<S::Return>) -> Begun<S::Return> {
        let landing = self.failure_of(&ret);
        flight.abandon(landing);
        Begun::Value(ret)
    }

    pub(super) fn has_backend(&self) -> bool {
        self.behind.made().is_some_and(Remote::has_backend)
    }

    fn leads_alone(&mut self) -> Begun<S::Return> {
        let row = self.store.lead_alone(self.hash, self.caller());
        self.leads(self.flight(row, true))
    }

    /// Takes the lead, or else waits for the call that has it.
    fn attempt(&mut self) -> Result<Begun<S::Return>, Waiting> {
        if self.store.is_disabled() {
            return Ok(Begun::Disabled);
        }
        if self.refresh().is_some() {
            return Ok(self.attempt_refresh());
        }
        loop {
            if self.forced || self.failed >= MAX_FAILED_WAITS {
                self.give_up_turn();
                return Ok(self.leads_alone());
            }
            match self.turn.take() {
                Turn::Lead(row) => return Ok(self.leads(self.flight(row, false))),
                Turn::Beside(row) => return Ok(self.leads(self.flight(row, true))),
                Turn::Pending(row) => {
                    match self.store.join(self.hash, row, self.caller.asynchronous) {
                        Join::Wait(waiting) => return Err(waiting),
                        Join::Alone => return Ok(self.leads_alone()),
                        Join::Gone => {}
                    }
                }
                Turn::Unknown => {
                    if let Some(value) = self.look_again() {
                        return Ok(Begun::Value(value));
                    }
                }
            }
        }
    }

    /// Looks again: for a value, or for the leader.
    fn look_again(&mut self) -> Option<Box<S::Return>> {
        let caller = self.caller();
        let mut look = self.store.look_again(self.hash, caller);
        loop {
            match look {
                Look::Found(entry) => {
                    let held = if self.store.serves(&*entry) { self.held(&*entry) } else { None };
                    match held.map(read::<S>) {
                        Some(Ok(value)) => return Some(value),
                        Some(Err(refusal)) => {
                            let same = |other: &dyn AnyEntry| self.held(other).is_some();
                            self.store.drop_refused(self.hash, refusal, &same);
                        }
                        None => {}
                    }
                    look = self.store.lead_over(self.hash, entry, caller, false);
                }
                Look::Pending(row) => {
                    self.turn.set(Turn::Pending(row));
                    return None;
                }
                Look::Lead(row) => {
                    self.turn.set(Turn::Lead(row));
                    return None;
                }
            }
        }
    }

    /// For a refresh: it leads unless another run is in flight, and only while there is an entry to refresh.
    fn attempt_refresh(&mut self) -> Begun<S::Return> {
        let Look::Lead(row) = self.store.lead(self.hash, self.caller()) else {
            // It gives way.
            return self.served_before().map_or(Begun::Disabled, Begun::Value);
        };
        let flight = self.flight(row, false);
        match self.superseded() {
            Some(value) => {
                flight.abandon(Landing::Cancelled);
                Begun::Value(value)
            }
            None => self.leads(flight),
        }
    }

    /// For a refresh: the value that was served when it was started.
    pub(super) fn served_before(&self) -> Option<Box<S::Return>> {
        let entry = self.refresh()?.entry();
        // It was compared with the call when the call took the ticket.
        read::<S>(&entry.typed::<K, S::Stored>()?.value).ok()
    }

    /// For a refresh that leads: some value, if there is nothing left to refresh.
    ///
    /// A later invalidation kills the flight; an earlier one shows in the stale entry.
    fn superseded(&self) -> Option<Box<S::Return>> {
        let ticket = self.refresh()?;
        if ticket.is_outdated() {
            return self.served_before();
        }
        if ticket.is_resident() && !ticket.entry().head().is_evicted() {
            return None;
        }
        // Another call, or `set`, may have stored a value where the stale one made room.
        let entry = self.store.fresh(self.hash)?;
        read::<S>(self.held(&*entry)?).ok()
    }

    /// It waited for another key with the same hash: run alone.
    fn goes_alone(&mut self) -> Option<Begun<S::Return>> {
        self.failed = MAX_FAILED_WAITS;
        None
    }

    /// A wait came to nothing: try again, though not forever.
    fn waited_in_vain(&mut self) -> Option<Begun<S::Return>> {
        self.in_vain += 1;
        if self.in_vain >= MAX_WAITS_IN_VAIN {
            self.failed = MAX_FAILED_WAITS;
        }
        None
    }

    /// The result of a wait. `None`: try again.
    fn waited(&mut self, landing: Option<Landing>, wait: &Arc<Wait>) -> Option<Begun<S::Return>> {
        let Some(landing) = landing else {
            let Some(row) = self.store.relieve(self.hash, self.caller(), wait) else {
                return self.waited_in_vain();
            };
            return Some(self.leads(self.flight(row, true)));
        };
        let value = match landing {
            Landing::Ready(entry) => match self.held(&*entry) {
                Some(held) => read::<S>(held).ok(),
                None => return self.goes_alone(),
            },
            Landing::Error(entry) => {
                let Some(error) = self.shared_error(&entry) else { return self.goes_alone() };
                self.failed += 1;
                S::unshare(&**error).map(Box::new)
            }
            Landing::Failed => {
                self.failed += 1;
                None
            }
            Landing::Cancelled => return self.waited_in_vain(),
        };
        value.map(Begun::Value)
    }

    /// The error in an entry that was created for the waiters of this key.
    fn shared_error<'a>(&self, entry: &'a Resident) -> Option<&'a SharedError> {
        Some(&entry.of_key::<K, SharedError>(|key| self.is_own(key))?.value)
    }
}
