//! A miss: one caller runs the function, the others wait for its result.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use super::lead::{Asked, Lead};
use super::refresh_ahead::Ticket;
use super::{Remote, Turn};
use crate::background;
use crate::clock::{NEVER, Ticks};
use crate::entry::{Fate, Plan};
use crate::flight::chain;
use crate::flight::chain::Link;
use crate::rules::{Defaults, Judge, Rules};
use crate::shape::Shape;
use crate::site::StoreRef;
use crate::store::{Caller, Flight, Store};

/// A call that found nothing. It runs the author's function, or waits for a caller that does.
#[must_use]
pub struct Miss<K, S: Shape> {
    /// Taken when an entry is made of it: the last thing that a miss does.
    pub(super) key: Option<K>,
    pub(super) hash: u64,
    pub(super) store: StoreRef,
    pub(super) caller: Caller,
    /// In a cell: the attribute's options may have it given up.
    pub(super) turn: Cell<Turn>,
    /// Run the function whatever else is going on.
    pub(super) forced: bool,
    pub(super) ttl: Ticks,
    /// For how long after that the value may be served while the function runs again.
    pub(super) window: Ticks,
    /// Failed runs waited for.
    pub(super) failed: u8,
    pub(super) remote: Remote<K, S>,
    /// Made when it is needed: a plain miss is carried about a few times, and should be small.
    pub(super) rare: Option<Box<Rare<K, S::Stored>>>,
    pub(super) shape: PhantomData<S>,
}

/// What few misses have.
pub(super) struct Rare<K, V> {
    /// A stale value was found, and this call is to see to its refresh.
    pub(super) stale: Option<Ticket>,
    /// This call is the refresh.
    pub(super) refresh: Option<Ticket>,
    /// The refresh is its caller's own call: there is no place to run it behind that one's back.
    pub(super) in_place: bool,
    /// How long the value stays after a use.
    pub(super) idle: Ticks,
    /// A second copy of the key, where the call may go on after an entry was made of the first: with `stale`.
    pub(super) spare: Option<K>,
    /// What may end the fill besides this process; once the shared tier is asked.
    pub(super) fate: Option<Arc<Fate>>,
    pub(super) plans: Option<Arc<dyn Plans<K, V>>>,
}

impl<K, V> Default for Rare<K, V> {
    fn default() -> Self {
        Self {
            stale: None,
            refresh: None,
            in_place: false,
            idle: NEVER,
            spare: None,
            fate: None,
            plans: None,
        }
    }
}

/// What a cache says of its entries, over what an attribute says.
pub(crate) trait Plans<K, V>: Send + Sync {
    /// What an entry of this key and value is to be that lives so long at most; `None`: it is not stored.
    fn plan(&self, store: &Store, hash: u64, entry: (&K, &V), ttl: Ticks) -> Option<Plan>;
}

impl<K, S: Shape> std::fmt::Debug for Miss<K, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Miss").finish_non_exhaustive()
    }
}

impl<K, S: Shape> Miss<K, S> {
    /// Gives the lead up, if it is this call's.
    pub(super) fn give_up_turn(&self) {
        if let Turn::Lead(row) = self.turn.take() {
            drop(Flight::new(self.store.clone(), self.hash, row, false));
        }
    }
}

impl<K, S: Shape> Drop for Miss<K, S> {
    #[inline]
    fn drop(&mut self) {
        // The caller panicked, or has found its value elsewhere.
        if matches!(self.turn.get(), Turn::Lead(_)) {
            self.give_up_turn();
        }
    }
}

/// How a miss goes on.
pub(super) enum Begun<R> {
    /// Another call's result.
    Value(R),
    /// A stale value; the ticket for its refresh is in the miss.
    Stale(R),
    /// Run the function; the flight is ours.
    Lead(Flight),
    /// Run the function alone: caching is off.
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

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    pub(crate) fn planned(mut self, plans: Arc<dyn Plans<K, S::Stored>>) -> Self {
        self.rare().plans = Some(plans);
        self
    }

    pub(super) fn rare(&mut self) -> &mut Rare<K, S::Stored> {
        self.rare.get_or_insert_with(Box::default)
    }

    /// The ticket of this call, if it is a refresh.
    pub(super) fn refresh(&self) -> Option<&Ticket> {
        self.rare.as_ref()?.refresh.as_ref()
    }

    pub(super) fn take_refresh(&mut self) -> Option<Ticket> {
        self.rare.as_mut()?.refresh.take()
    }

    /// The ticket for a stale value that was found.
    pub(super) fn stale(&self) -> Option<&Ticket> {
        self.rare.as_ref()?.stale.as_ref()
    }

    fn take_stale(&mut self) -> Option<Ticket> {
        self.rare.as_mut()?.stale.take()
    }

    /// Starts the options that need the value.
    ///
    /// They are the user's code, and run before this call is known to wait or to run: it leads nothing meanwhile, so that
    /// no other call waits for them.
    pub fn rules(&self) -> Rules<K, S> {
        self.give_up_turn();
        Rules::new()
    }

    /// Runs a sync function.
    // Out of line, so that the annotated function itself is little more than its hit path.
    #[inline(never)]
    pub fn run(mut self, f: impl FnOnce() -> S::Return) -> S::Return {
        // Compiled for each function, so it does nothing itself.
        if let Some((link, flight)) = self.start_plain() {
            let ret = f();
            self.complete_plain(link, flight, &Defaults, &ret);
            return ret;
        }
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
        if let Some((link, flight)) = self.start_plain() {
            let ret = f();
            self.complete_plain(link, flight, &rules, &ret);
            return ret;
        }
        match self.start() {
            Start::Value(value) => value,
            Start::Run(running) => {
                let ret = f();
                self.complete(running, &rules, &ret);
                ret
            }
        }
    }

    /// Starts the run if there is nothing to look at but whose turn it is, and that is this call's.
    #[inline]
    fn start_plain(&mut self) -> Option<(Link, Flight)> {
        if self.rare.is_some() || !self.remote.is_nowhere() || self.caller.asks {
            return None;
        }
        let Turn::Lead(row) = self.turn.get() else { return None };
        self.turn.set(Turn::Unknown);
        let flight = self.flight(row, false);
        Some((chain::enter(flight.id()), flight))
    }

    /// Judges what such a run returned and keeps it.
    #[inline]
    fn complete_plain(
        &mut self,
        link: Link,
        flight: Flight,
        rules: &dyn Judge<K, S>,
        ret: &S::Return,
    ) {
        let Some(key) = &self.key else { return };
        let verdict = rules.judge(key, ret, self.ttl);
        if let Some(value) = S::stored(ret).filter(|_| verdict.keep) {
            self.publish_plain(link, flight, value, verdict, S::kind(ret));
        } else {
            self.finish_blocking(flight, ret, verdict);
            drop(link);
        }
    }

    #[cold]
    #[inline(never)]
    fn start(&mut self) -> Start<S::Return> {
        match self.begin_blocking() {
            Begun::Value(value) => {
                if let Some(ticket) = self.take_refresh() {
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
        if let (Some(flight), Some(key)) = (running.flight.take(), &self.key) {
            let verdict = rules.judge(key, ret, self.ttl);
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
        let mut begun = this.begin().await;
        if matches!(begun, Begun::Stale(_))
            && !background::takes_futures()
            && let Some(ticket) = this.take_stale()
        {
            // The function may need the runtime that its caller is on, which we do not know: it runs there,
            // as this call. Others are served the old value meanwhile.
            this.rare().refresh = Some(ticket);
            this.rare().in_place = true;
            begun = this.begin().await;
        }
        this.asked(begun)
    }

    fn asked(mut self, begun: Begun<S::Return>) -> Asked<K, S> {
        match begun {
            Begun::Value(value) => {
                if let Some(ticket) = self.take_refresh() {
                    ticket.moot();
                }
                Asked::Value(value)
            }
            Begun::Stale(value) => match self.take_stale() {
                Some(ticket) => Asked::Stale(value, ticket),
                None => Asked::Value(value),
            },
            Begun::Lead(flight) => Asked::Lead(Lead { miss: self, flight: Some(flight) }),
            Begun::Disabled => Asked::Lead(Lead { miss: self, flight: None }),
        }
    }
}
