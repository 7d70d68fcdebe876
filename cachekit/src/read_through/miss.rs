//! A miss: one caller runs the function, the others wait for its result.

use std::marker::PhantomData;
use std::sync::Arc;

use super::land::failure_of;
use super::lead::{Asked, Lead};
use super::refresh_ahead::Ticket;
use super::remote::Answer;
use super::{Purpose, Remote, blocking, held_by};
use crate::clock::Ticks;
use crate::entry::{AnyEntry, Entry};
use crate::flight::chain::Link;
use crate::flight::{Caller, Failure, Flight, FlightId, Flights, Join, Landing, Wait, chain};
use crate::rules::{Defaults, Judge, Rules};
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
    /// For how long after that the value may be served while the function runs again.
    pub(super) window: Ticks,
    /// A stale value was found, and this call is to see to its refresh.
    pub(super) stale: Option<Box<Ticket>>,
    /// This call is the refresh.
    pub(super) refresh: Option<Box<Ticket>>,
    /// Failed runs waited for.
    pub(super) failed: u8,
    pub(super) remote: Remote<K, S>,
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
    /// A stale value; the ticket for its refresh is in the miss.
    Stale(R),
    /// Run the function; the flight is ours.
    Lead(Flight),
    /// Run the function, tell nobody: caching is off.
    Disabled,
}

/// What a sync call does next.
enum Start<R> {
    Value(R),
    Run(Running),
}

/// A sync function that runs, and what comes after it: the rules and the value's `Clone` belong to the
/// run, since they, too, may call the function.
pub(super) struct Running {
    /// Left before the flight lands.
    _link: Option<Link>,
    /// None where caching is off.
    flight: Option<Flight>,
}

impl Running {
    pub(super) fn new(flight: Option<Flight>) -> Self {
        Self { _link: flight.as_ref().map(|flight| chain::enter(flight.id())), flight }
    }
}

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
    pub fn run(mut self, f: impl FnOnce() -> S::Return) -> S::Return {
        // Compiled for each function, so it does nothing itself.
        match self.start() {
            Start::Value(value) => value,
            Start::Run(running) => {
                let ret = f();
                self.complete(running, &Defaults, &ret);
                ret
            }
        }
    }

    /// Runs a sync function under rules.
    #[inline(never)]
    #[allow(clippy::needless_pass_by_value)] // A temporary of generated code.
    pub fn run_with(mut self, rules: impl Judge<K, S>, f: impl FnOnce() -> S::Return) -> S::Return {
        match self.start() {
            Start::Value(value) => value,
            Start::Run(running) => {
                let ret = f();
                self.complete(running, &rules, &ret);
                ret
            }
        }
    }

    fn start(&mut self) -> Start<S::Return> {
        match self.begin_blocking() {
            Begun::Value(value) => {
                if let Some(ticket) = self.refresh.take() {
                    ticket.moot();
                }
                Start::Value(value)
            }
            Begun::Stale(value) => Start::Value(value),
            Begun::Lead(flight) => Start::Run(Running::new(Some(flight))),
            Begun::Disabled => Start::Run(Running::new(None)),
        }
    }

    /// Judges what a sync function returned and keeps it.
    pub(super) fn complete(
        &mut self,
        mut running: Running,
        rules: &dyn Judge<K, S>,
        ret: &S::Return,
    ) {
        if let Some(flight) = running.flight.take() {
            let verdict = rules.judge(&self.entry.body.key, ret, self.ttl);
            self.finish_blocking(flight, ret, verdict);
        }
    }

    /// Runs an async function.
    pub fn run_async(
        self,
        future: impl Future<Output = S::Return>,
    ) -> impl Future<Output = S::Return> {
        self.run_async_with(Defaults, future)
    }

    /// Runs an async function under rules.
    pub async fn run_async_with(
        self,
        rules: impl Judge<K, S>,
        future: impl Future<Output = S::Return>,
    ) -> S::Return {
        let mut this = self;
        let begun = this.begin().await;
        match this.asked(begun) {
            Asked::Value(value) | Asked::Stale(value, _) => value,
            Asked::Lead(lead) => lead.run_async_with(rules, future).await,
        }
    }

    /// Looks for a value everywhere else before a sync function runs.
    #[inline(never)]
    pub fn ask(mut self) -> Asked<K, S> {
        let begun = self.begin_blocking();
        self.asked(begun)
    }

    /// Looks for a value everywhere else before an async function runs.
    pub async fn ask_async(self) -> Asked<K, S> {
        let mut this = self;
        let begun = this.begin().await;
        this.asked(begun)
    }

    fn asked(mut self, begun: Begun<S::Return>) -> Asked<K, S> {
        match begun {
            Begun::Value(value) => {
                if let Some(ticket) = self.refresh.take() {
                    ticket.moot();
                }
                Asked::Value(value)
            }
            Begun::Stale(value) => match self.stale.take() {
                Some(ticket) => Asked::Stale(value, *ticket),
                None => Asked::Value(value),
            },
            Begun::Lead(flight) => Asked::Lead(Lead { miss: self, flight: Some(flight) }),
            Begun::Disabled => Asked::Lead(Lead { miss: self, flight: None }),
        }
    }

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

    /// What the call comes to before anybody is asked.
    fn settled_at_once(&mut self) -> Option<Begun<S::Return>> {
        if self.store.is_disabled() {
            return None;
        }
        if let Some(ret) = self.remote.refused(&self.store) {
            return Some(Begun::Value(ret));
        }
        self.found_stale()
    }

    async fn begin(&mut self) -> Begun<S::Return> {
        if let Some(begun) = self.settled_at_once() {
            return begun;
        }
        loop {
            match self.attempt(true) {
                Attempt::Begun(Begun::Lead(flight)) if self.remote.is_some() => {
                    // Boxed: without a shared tier the caller's future does not carry this one.
                    let id = flight.id();
                    let mut asked = Box::pin(self.ask_remote(flight));
                    return chain::drive(id, asked.as_mut()).await;
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
        if let Some(begun) = self.settled_at_once() {
            return begun;
        }
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
        let erased: Arc<AnyEntry> = Arc::clone(&self.entry) as Arc<AnyEntry>;
        if self.forced || self.failed >= MAX_FAILED_WAITS {
            return Attempt::Begun(Begun::Lead(flights.lead_alone(erased)));
        }
        let caller = Caller { asynchronous, seen: self.seen };
        let hash = self.entry.head.hash;
        match flights.join(erased, hash, caller, &|other| self.entry.is_same(other)) {
            // A refresh that finds somebody at it stands down.
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

    /// For a refresh: what was served when it was ordered, for a caller that is not there.
    fn served_before(&self) -> Option<S::Return> {
        let owner = self.entry.head.owner;
        let ticket = self.refresh.as_ref()?;
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

    /// Waits for the leader. `None`: try again.
    async fn wait(&mut self, wait: &Wait, leader: &Arc<AnyEntry>) -> Option<S::Return> {
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
            Landing::Ready => S::read(held_by::<K, S>(leader, |_| true)?).ok(),
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
        let purpose = match (self.forced, &self.refresh) {
            (true, _) => Purpose::Forced,
            (false, Some(_)) => Purpose::Refresh,
            (false, None) if flight.is_alone() => Purpose::Alone,
            (false, None) => Purpose::Fill,
        };
        match self.remote.consult(&self.entry, &self.store, purpose).await {
            Answer::Run => Begun::Lead(flight),
            Answer::Fresh(found) => {
                self.store.count_shared_hit();
                Begun::Value(self.keep_found(flight, found))
            }
            Answer::Stale(found) => {
                self.store.count_shared_hit();
                self.store.count_stale_hit();
                let ret = self.pass_on(flight, found.value);
                let entry = Arc::clone(&self.entry) as Arc<AnyEntry>;
                self.stale = Ticket::passing(entry, self.store.clone()).map(Box::new);
                Begun::Stale(ret)
            }
            Answer::Refused(error) => match S::refuse(&error) {
                Some(ret) => {
                    flight.land(Landing::Failed(failure_of::<S>(&ret)));
                    Begun::Value(ret)
                }
                None => Begun::Lead(flight),
            },
            Answer::StandDown => match self.served_before() {
                Some(value) => {
                    flight.land(Landing::Cancelled);
                    Begun::Value(value)
                }
                None => Begun::Lead(flight),
            },
        }
    }
}
