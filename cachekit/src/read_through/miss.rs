//! A miss: one caller runs the function, the others wait for its result.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{Remote, blocking, value_of};
use crate::clock::{self, Ticks};
use crate::entry::{AnyEntry, Entry};
use crate::flight::{Caller, Failure, Flight, FlightId, Flights, Join, Landing, Wait, chain};
use crate::rules::{Defaults, Judge, Rules, Verdict};
use crate::shape::Shape;
use crate::site::StoreRef;
use crate::store::Found;

/// Runs of the function that a caller waits for in vain before it runs the function itself.
///
/// More than one, so that a short failure is not answered by a stampede; few, so that callers do not
/// queue up behind one failing run after the other.
const MAX_FAILED_WAITS: u8 = 2;

/// A call that found nothing. It runs the author's function, or waits for somebody who does.
#[must_use]
pub struct Miss<K, S: Shape> {
    /// Not published yet; the flight, once there is one.
    pub(super) entry: Arc<Entry<K, S::Stored>>,
    pub(super) store: StoreRef,
    /// Landings when the store was looked into.
    pub(super) seen: u64,
    /// Run the function whatever else is going on.
    pub(super) forced: bool,
    pub(super) ttl: Ticks,
    /// Failed runs waited for.
    pub(super) failed: u8,
    pub(super) remote: Remote<K, S::Stored>,
    /// What the cache says of an entry's weight, over what the attribute says.
    pub(super) weigh: Option<Weigh<K, S::Stored>>,
    pub(super) shape: PhantomData<S>,
}

/// Weight of an entry by its key and value.
pub(crate) type Weigh<K, V> = Arc<dyn Fn(&K, &V) -> u64 + Send + Sync>;

impl<K, S: Shape> std::fmt::Debug for Miss<K, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Miss").finish_non_exhaustive()
    }
}

/// How a miss goes on.
enum Begun<R> {
    /// Somebody else's result.
    Value(R),
    /// Run the function; the flight is ours.
    Lead(Flight),
    /// Run the function, tell nobody: caching is off.
    Disabled,
}

/// What one attempt to begin came to.
enum Attempt<R> {
    Begun(Begun<R>),
    Wait(Arc<Wait>, Arc<dyn AnyEntry>),
}

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    pub(crate) fn weighed(mut self, weigh: Option<&Weigh<K, S::Stored>>) -> Self {
        self.weigh = weigh.cloned();
        self
    }

    /// Starts the options that need the value.
    pub fn rules(&self) -> Rules<K, S> {
        Rules::new()
    }

    /// Runs a sync function.
    // Out of line, so that the annotated function itself is little more than its hit path.
    #[inline(never)]
    pub fn run(self, f: impl FnOnce() -> S::Return) -> S::Return {
        self.run_with(Defaults, f)
    }

    /// Runs a sync function under rules.
    #[inline(never)]
    #[allow(clippy::needless_pass_by_value)] // A temporary of generated code.
    pub fn run_with(mut self, rules: impl Judge<K, S>, f: impl FnOnce() -> S::Return) -> S::Return {
        match self.begin_blocking() {
            Begun::Value(value) => value,
            Begun::Disabled => f(),
            Begun::Lead(flight) => {
                // The rules and the value's `Clone` belong to the run: they, too, may call the function.
                let _link = chain::enter(flight.id());
                let ret = f();
                let verdict = rules.judge(&self.entry.key, &ret, self.ttl);
                self.finish_blocking(flight, &ret, verdict);
                ret
            }
        }
    }

    /// Runs an async function.
    pub async fn run_async(self, future: impl Future<Output = S::Return>) -> S::Return {
        self.run_async_with(Defaults, future).await
    }

    /// Runs an async function under rules.
    pub async fn run_async_with(
        self,
        rules: impl Judge<K, S>,
        future: impl Future<Output = S::Return>,
    ) -> S::Return {
        let mut this = self;
        match this.begin().await {
            Begun::Value(value) => value,
            Begun::Disabled => future.await,
            Begun::Lead(flight) => {
                let id = flight.id();
                let run = async {
                    let ret = future.await;
                    let verdict = rules.judge(&this.entry.key, &ret, this.ttl);
                    this.finish(flight, &ret, verdict).await;
                    ret
                };
                chain::drive(id, run).await
            }
        }
    }

    async fn begin(&mut self) -> Begun<S::Return> {
        loop {
            match self.attempt(true) {
                Attempt::Begun(Begun::Lead(flight)) => {
                    return chain::drive(flight.id(), self.ask_remote(flight)).await;
                }
                Attempt::Begun(begun) => return begun,
                Attempt::Wait(wait, leader) => {
                    if let Some(value) = self.wait(&wait, &leader).await {
                        return Begun::Value(value);
                    }
                }
            }
        }
    }

    fn begin_blocking(&mut self) -> Begun<S::Return> {
        loop {
            match self.attempt(false) {
                Attempt::Begun(Begun::Lead(flight)) if self.remote.is_some() => {
                    let _link = chain::enter(flight.id());
                    return blocking::block_on(self.ask_remote(flight));
                }
                Attempt::Begun(begun) => return begun,
                Attempt::Wait(wait, leader) => {
                    if let Some(value) = blocking::block_on(self.wait(&wait, &leader)) {
                        return Begun::Value(value);
                    }
                }
            }
        }
    }

    /// Takes the lead, or finds out who has it.
    fn attempt(&mut self, asynchronous: bool) -> Attempt<S::Return> {
        if self.store.is_disabled() {
            return Attempt::Begun(Begun::Disabled);
        }
        let flights = Flights::global();
        let erased: Arc<dyn AnyEntry> = Arc::clone(&self.entry) as Arc<dyn AnyEntry>;
        if self.forced || self.failed >= MAX_FAILED_WAITS {
            return Attempt::Begun(Begun::Lead(flights.lead_alone(erased)));
        }
        let caller = Caller { asynchronous, seen: self.seen };
        let hash = self.entry.head.hash;
        match flights.join(erased, hash, caller, |other| self.entry.is_same(other)) {
            Join::Wait(wait, leader) => Attempt::Wait(wait, leader),
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
        let value = value_of::<K, S::Stored>(&*entry, |key| *key == self.entry.key)?;
        Some(S::restore(value))
    }

    /// Waits for the leader. `None`: try again.
    async fn wait(&mut self, wait: &Wait, leader: &Arc<dyn AnyEntry>) -> Option<S::Return> {
        let Some(waiting) = chain::wait_for(FlightId::of(leader)) else {
            // Another caller closed the circle just now: go alone.
            self.failed = MAX_FAILED_WAITS;
            return None;
        };
        let landing = wait.landing().await;
        drop(waiting);
        // What the next attempt finds in the store is newer than this.
        self.seen = Flights::global().landed(self.entry.head.hash).wrapping_sub(1);
        match landing {
            Landing::Ready => {
                let value = value_of::<K, S::Stored>(&**leader, |_| true)?;
                Some(S::restore(value))
            }
            Landing::Failed(failure) => {
                self.failed += 1;
                match failure {
                    Failure::Shared(shared) => S::unshare(&*shared),
                    Failure::Unshared => None,
                }
            }
            Landing::Cancelled => None,
        }
    }

    /// Asks the shared tier before running the function.
    async fn ask_remote(&mut self, flight: Flight) -> Begun<S::Return> {
        // The fence stands before the look: a removal between the two is noticed.
        self.remote.fence(&self.store).await;
        if self.forced {
            return Begun::Lead(flight);
        }
        let Some(found) = self.remote.fetch(&self.store).await else {
            return Begun::Lead(flight);
        };
        let ttl = self.ttl.min(found.remaining);
        self.store.count_shared_hit();
        let ret = S::restore(found.value.clone());
        self.publish(&flight, found.value, Verdict { keep: true, ttl, weight: found.weight });
        flight.land(Landing::Ready);
        Begun::Value(ret)
    }

    /// Stores a leader's result and lets the waiters have it.
    async fn finish(&self, flight: Flight, ret: &S::Return, mut verdict: Verdict) {
        if self.remote.is_some() {
            if let (true, Some(stored)) = (verdict.keep, S::stored(ret)) {
                verdict.keep = self.remote.store(&self.entry, stored, verdict, &self.store).await;
            }
        }
        self.settle(flight, ret, verdict);
    }

    fn finish_blocking(&self, flight: Flight, ret: &S::Return, verdict: Verdict) {
        if self.remote.is_some() {
            blocking::block_on(self.finish(flight, ret, verdict));
        } else {
            self.settle(flight, ret, verdict);
        }
    }

    fn settle(&self, flight: Flight, ret: &S::Return, verdict: Verdict) {
        self.store.count_load();
        let landing = match (S::stored(ret), verdict.keep) {
            (Some(stored), true) => {
                self.publish(&flight, stored.clone(), verdict);
                Landing::Ready
            }
            // Not to be stored, but whoever waited for this very run gets it.
            (Some(stored), false) if flight.has_waiters() => {
                self.entry.head.kill();
                let _ = self.entry.value.set(stored.clone());
                Landing::Ready
            }
            (Some(_), false) => Landing::Cancelled,
            (None, _) if flight.has_waiters() => {
                Landing::Failed(S::share(ret).map_or(Failure::Unshared, Failure::Shared))
            }
            (None, _) => Landing::Failed(Failure::Unshared),
        };
        flight.land(landing);
    }

    /// Puts a value into the entry and the entry into the store, unless it was invalidated meanwhile.
    fn publish(&self, flight: &Flight, value: S::Stored, verdict: Verdict) {
        let head = &self.entry.head;
        if self.forced {
            flight.overtake(&|other| self.entry.is_same(other));
        }
        let weight =
            self.weigh.as_ref().map_or(verdict.weight, |weigh| weigh(&self.entry.key, &value));
        let _ = self.entry.value.set(value);
        let expires = clock::deadline(|| self.store.now(), verdict.ttl);
        head.set_expires(expires);
        head.set_weight(weight);
        // Not into the front yet: that is for entries that are used again.
        let entry: Arc<dyn AnyEntry> = Arc::clone(&self.entry) as Arc<dyn AnyEntry>;
        self.store.commit(&entry);
    }
}
