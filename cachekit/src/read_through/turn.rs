//! Whose turn it is: this call's, another's that it waits for, or this one's after all.

use std::sync::Arc;

use super::miss::{Begun, Miss};
use super::{blocking, held_by};
use crate::entry::AnyEntry;
use crate::flight::{Caller, Failure, FlightId, Flights, Join, Landing, Wait, Waited, chain};
use crate::shape::Shape;
use crate::store::Found;

/// Runs of the function that a caller waits for in vain before it runs the function itself.
///
/// More than one, so that a short failure is not answered by a stampede; few, so that callers do not
/// queue up behind one failing run after the other.
const MAX_FAILED_WAITS: u8 = 2;

/// What one attempt to begin came to.
enum Attempt<R> {
    Begun(Begun<R>),
    Wait(Arc<Wait>, Arc<AnyEntry>),
}

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// The stale value that the look-up found here.
    fn found_stale(&self) -> Option<Begun<S::Return>> {
        let ticket = self.stale.as_ref()?;
        let owner = self.entry.head.owner;
        let entry = ticket.entry_of::<K, S::Stored>(owner, |key| *key == self.entry.body.key)?;
        match S::read(entry.value.get()?) {
            Ok(ret) => Some(Begun::Stale(ret)),
            Err(refusal) => {
                ticket.void(refusal);
                None
            }
        }
    }

    /// What the call comes to without a flight or a backend.
    fn settled_at_once(&mut self) -> Option<Begun<S::Return>> {
        if self.store.is_disabled() {
            return None;
        }
        if let Some(ret) = self.remote.refused(&self.store) {
            return Some(Begun::Value(ret));
        }
        self.found_stale()
    }

    pub(super) async fn begin(&mut self) -> Begun<S::Return> {
        if let Some(begun) = self.settled_at_once() {
            return begun;
        }
        loop {
            let begun = match self.attempt(true) {
                Attempt::Begun(begun) => Some(begun),
                Attempt::Wait(wait, leader) => match chain::wait_for(FlightId::of(&leader)) {
                    Some(waiting) => {
                        let waited = wait.landing().await;
                        drop(waiting);
                        self.waited(waited, &wait, true)
                    }
                    None => self.goes_alone(),
                },
            };
            match begun {
                Some(Begun::Lead(flight)) if self.remote.is_some() => {
                    // Boxed: without a shared tier the caller's future does not carry this one.
                    let pilot = flight.pilot();
                    let mut asked = Box::pin(self.ask_remote(flight, true));
                    return chain::drive(pilot, asked.as_mut()).await;
                }
                Some(begun) => return begun,
                None => {}
            }
        }
    }

    pub(super) fn begin_blocking(&mut self) -> Begun<S::Return> {
        if let Some(begun) = self.settled_at_once() {
            return begun;
        }
        loop {
            let begun = match self.attempt(false) {
                Attempt::Begun(begun) => Some(begun),
                Attempt::Wait(wait, leader) => match chain::wait_for(FlightId::of(&leader)) {
                    Some(waiting) => {
                        let waited = wait.block();
                        drop(waiting);
                        self.waited(waited, &wait, false)
                    }
                    None => self.goes_alone(),
                },
            };
            match begun {
                Some(Begun::Lead(flight)) if self.remote.is_some() => {
                    let _link = chain::enter(flight.id());
                    return blocking::block_on(self.ask_remote(flight, false));
                }
                Some(begun) => return begun,
                None => {}
            }
        }
    }

    fn caller(&self, asynchronous: bool) -> Caller {
        Caller { asynchronous, asks: self.remote.is_some(), seen: self.seen }
    }

    /// Takes the lead, or finds out which call has it.
    fn attempt(&mut self, asynchronous: bool) -> Attempt<S::Return> {
        if self.store.is_disabled() {
            return Attempt::Begun(Begun::Disabled);
        }
        let flights = Flights::global();
        let erased: Arc<AnyEntry> = Arc::clone(&self.entry) as Arc<AnyEntry>;
        if self.forced || self.failed >= MAX_FAILED_WAITS {
            let flight = flights.lead_alone(erased, self.caller(asynchronous));
            return Attempt::Begun(Begun::Lead(flight));
        }
        let caller = self.caller(asynchronous);
        match flights.join(erased, caller, &|other| self.entry.is_same(other)) {
            // A refresh that finds another run under way stands down.
            Join::Wait(..) if self.refresh.is_some() => match self.served_before() {
                Some(value) => Attempt::Begun(Begun::Value(value)),
                None => Attempt::Begun(Begun::Disabled),
            },
            Join::Wait(wait, leader) => Attempt::Wait(wait, leader),
            Join::Lead { flight, .. } if self.refresh.is_some() => match self.superseded() {
                Some(value) => {
                    flight.land(Landing::Cancelled);
                    Attempt::Begun(Begun::Value(value))
                }
                None => Attempt::Begun(Begun::Lead(flight)),
            },
            Join::Lead { flight, recheck: false } => Attempt::Begun(Begun::Lead(flight)),
            Join::Lead { flight, recheck: true } => match self.look_again() {
                Some(value) => {
                    flight.land(Landing::Cancelled);
                    Attempt::Begun(Begun::Value(value))
                }
                None => Attempt::Begun(Begun::Lead(flight)),
            },
        }
    }

    /// Another fill may have landed between our look at the store and our taking the lead.
    fn look_again(&self) -> Option<S::Return> {
        let Found::Alive(entry) = self.store.find(self.entry.head.hash) else { return None };
        S::read(held_by::<K, S>(&entry, |key| *key == self.entry.body.key)?).ok()
    }

    /// For a refresh: what was served when it was ordered.
    pub(super) fn served_before(&self) -> Option<S::Return> {
        let owner = self.entry.head.owner;
        let ticket = self.refresh.as_ref()?;
        if let Some(before) = ticket.before() {
            return S::read(before).ok();
        }
        let entry = ticket.entry_of::<K, S::Stored>(owner, |key| *key == self.entry.body.key)?;
        S::read(entry.value.get()?).ok()
    }

    /// For a refresh that leads: some value, if there is nothing left to refresh.
    ///
    /// An invalidation from here on kills the flight; one that came before shows in the stale entry.
    fn superseded(&self) -> Option<S::Return> {
        let ticket = self.refresh.as_ref()?;
        if ticket.is_outdated() {
            return self.served_before();
        }
        if ticket.is_resident() { None } else { self.look_again() }
    }

    /// Another caller closed the circle just now: go alone.
    fn goes_alone(&mut self) -> Option<Begun<S::Return>> {
        self.failed = MAX_FAILED_WAITS;
        None
    }

    /// What a wait came to. `None`: try again.
    fn waited(
        &mut self,
        waited: Waited,
        wait: &Arc<Wait>,
        asynchronous: bool,
    ) -> Option<Begun<S::Return>> {
        // What the next attempt finds in the store is newer than this.
        self.seen = Flights::global().landed(self.entry.head.hash).wrapping_sub(1);
        let (landing, entry) = match waited {
            Waited::Landed(landing, entry) => (landing, entry),
            Waited::Relieve => {
                let erased: Arc<AnyEntry> = Arc::clone(&self.entry) as Arc<AnyEntry>;
                let caller = self.caller(asynchronous);
                return Flights::global().relieve(erased, caller, wait).map(Begun::Lead);
            }
        };
        let value = match landing {
            Landing::Ready => S::read(held_by::<K, S>(&entry, |_| true)?).ok(),
            Landing::Passed(value) => S::read(value.downcast_ref::<S::Stored>()?).ok(),
            Landing::Failed(failure) => {
                self.failed += 1;
                match failure {
                    Failure::Shared(shared) => S::unshare(&*shared),
                    Failure::Unshared => None,
                }
            }
            Landing::Cancelled => None,
        };
        value.map(Begun::Value)
    }
}
