//! A miss: one caller runs the function, the others wait for its result.

use std::cell::Cell;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use super::Turn;
use super::join::MAX_FAILED_WAITS;
use super::lead::{Asked, Lead};
use super::publish::{Made, plain_entry};
use super::remote::Behind;
use super::revalidate::Ticket;
use crate::background;
use crate::clock::{NEVER, Ticks};
use crate::entry::{Fate, Plan, Resident};
use crate::explain::NotStored;
use crate::flight::wait_graph;
use crate::flight::wait_graph::Running;
use crate::observe::{Call, Cause, Entered, Outcome};
use crate::rules::{Judge, Rules, Verdict};
use crate::shape::{Kind, Shape};
use crate::store::{Caller, Flight, Newcomer, Row, Store, StoreRef};

/// A call that found nothing. It runs the author's function, or waits for a caller that does.
#[must_use]
pub struct Miss<K, S: Shape> {
    /// While a sync function of this call runs.
    pub(super) running: Option<Running>,
    /// In a cell: the attribute's options may have it given up.
    pub(super) turn: Cell<Turn>,
    /// Taken when an entry is made of it: the last thing that a miss does.
    pub(super) key: Option<K>,
    pub(super) hash: u64,
    pub(super) store: StoreRef,
    pub(super) caller: Caller,
    /// Run the function whatever else is going on.
    pub(super) forced: bool,
    pub(super) ttl: Ticks,
    /// For how long after that the value may be served while the function runs again.
    pub(super) window: Ticks,
    /// Failed runs waited for.
    pub(super) failed: u8,
    pub(super) behind: Behind<K, S>,
    /// Made when it is needed: a plain miss is carried about a few times, and should be small.
    pub(super) rare: Option<Box<Rare<K, S::Stored>>>,
    /// What is noted of the call.
    pub(super) call: Call,
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
    /// `times`: how long the value lives, and for how long after that it may be served while the function runs again.
    ///
    /// Nothing foreign runs in here: the caller may have taken a lead, which nothing gives up before there is a miss. What
    /// is foreign comes after it: the clone of a key, and [`begins`](Self::begins).
    // Inlined: it is written where its caller wants it.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn new(
        store: StoreRef,
        hash: u64,
        key: Option<K>,
        turn: Turn,
        times: (Ticks, Ticks),
        caller: Caller,
        behind: Behind<K, S>,
    ) -> Self {
        Self {
            running: None,
            turn: Cell::new(turn),
            key,
            hash,
            store,
            caller,
            forced: false,
            ttl: times.0,
            window: times.1,
            failed: 0,
            behind,
            rare: None,
            call: Call::default(),
            shape: PhantomData,
        }
    }

    /// Tells observers of the call. `counts`: the look-up counted a miss.
    #[inline]
    pub(super) fn begins(&mut self, counts: bool) {
        if counts {
            self.call.misses();
        }
        self.call.opens(self.store.observed());
    }

    /// Gives the lead up, if it is this call's.
    pub(super) fn give_up_turn(&self) {
        drop(self.take_flight());
    }

    /// The fill that this call leads, to be ended.
    #[inline]
    pub(super) fn take_flight(&self) -> Option<Flight> {
        let (Turn::Lead(row) | Turn::Beside(row)) = self.turn.get() else { return None };
        let alone = matches!(self.turn.replace(Turn::Unknown), Turn::Beside(_));
        Some(Flight::new(self.store.clone(), self.hash, row, alone))
    }

    /// Leads a fill from here on: it is given up when the miss is dropped.
    pub(super) fn put_flight(&self, flight: Flight) {
        let alone = flight.is_alone();
        let row = flight.row();
        self.turn.set(if alone { Turn::Beside(row) } else { Turn::Lead(row) });
    }

    fn has_lead(&self) -> bool {
        matches!(self.turn.get(), Turn::Lead(_) | Turn::Beside(_))
    }
}

impl<K, S: Shape> Drop for Miss<K, S> {
    #[inline]
    fn drop(&mut self) {
        // The caller panicked, or was dropped, or has found its value elsewhere.
        if self.has_lead() {
            self.running = None;
            self.give_up_turn();
        }
        self.call.dropped(self.store.observed());
    }
}

/// Ends a fill with this entry where there are waiters, or other fills of the key.
#[cold]
#[inline(never)]
fn land_otherwise(store: &'static Store, hash: u64, row: Row, entry: Resident, now: Ticks) {
    Flight::new(StoreRef::Static(store), hash, row, false).land(Newcomer::of(entry), now);
}

/// A run of a sync function.
enum Run {
    Plain(PlainRun),
    Other(OtherRun),
}

/// What is in it ends in this order.
struct OtherRun {
    fill: Entered,
    call: Entered,
}

/// How the run of a sync function begins.
enum Started<R> {
    Run(Run),
    /// Not at all: a value came from elsewhere.
    Value(Entered, Box<R>),
}

/// A run in the short way of a miss. What is in it ends in this order.
struct PlainRun {
    fill: Entered,
    running: Running,
    call: Entered,
    store: &'static Store,
    row: Row,
}

/// Results up to this size, in bytes, take the short way of a miss.
pub(super) const MAX_PLAIN: usize = 512;

/// How a miss goes on.
// Values are boxed: a caller that gets one here has waited for it, and a large one is moved by its address.
pub(super) enum Begun<R> {
    /// Another call's result.
    Value(Box<R>),
    /// A stale value; the ticket for its refresh is in the miss.
    Stale(Box<R>),
    /// Run the function; the flight is ours.
    Lead(Flight),
    /// Run the function alone: caching is off.
    Disabled,
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

    /// Waits for one leader at most: if that one has nothing to share, this call runs its own.
    #[cfg_attr(not(feature = "tower"), allow(dead_code))]
    pub(crate) fn waits_once(mut self) -> Self {
        self.failed = MAX_FAILED_WAITS - 1;
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

    /// Runs a sync function under rules.
    // Out of line, so that the annotated function itself is little more than its hit path. Compiled for each function, so
    // it does nothing but call that: what comes before and after depends on the key and the value only.
    #[inline(never)]
    #[allow(clippy::needless_pass_by_value)] // A temporary of generated code.
    pub fn run(mut self, rules: impl Judge<K, S>, f: impl FnOnce() -> S::Return) -> S::Return {
        match self.starts() {
            Started::Run(run) => {
                let ret = f();
                self.ends(run, &rules, &ret);
                ret
            }
            Started::Value(call, value) => self.instead(call, value),
        }
    }

    /// Whether the function is to run, and how.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn starts(&mut self) -> Started<S::Return> {
        // A large value gains nothing from the shorter way.
        if const { size_of::<S::Return>() <= MAX_PLAIN }
            && let Some(run) = self.starts_plainly()
        {
            return Started::Run(Run::Plain(run));
        }
        self.starts_otherwise()
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn ends(mut self, run: Run, rules: &impl Judge<K, S>, ret: &S::Return) {
        match run {
            Run::Plain(run) => {
                self.ends_plainly(run, rules, ret);
                self.is_over();
            }
            Run::Other(run) => self.ends_otherwise(run, rules, ret),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn starts_otherwise(&mut self) -> Started<S::Return> {
        let call = self.call.enter();
        if self.leads_plainly() {
            self.enters();
        } else if let Some(value) = self.start_otherwise() {
            return Started::Value(call, value);
        }
        let fill = self.call.enter_fill();
        Started::Run(Run::Other(OtherRun { fill, call }))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn ends_otherwise(&mut self, run: OtherRun, rules: &impl Judge<K, S>, ret: &S::Return) {
        let OtherRun { fill, call } = run;
        drop(fill);
        self.complete(rules, ret);
        drop(call);
    }

    /// Runs a function whose call leads, where that is all that there is to it. Most misses do this, and no other way has as
    /// many steps that are none: what it takes from the miss stays in registers.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn starts_plainly(&mut self) -> Option<PlainRun> {
        if !self.leads_plainly() {
            return None;
        }
        let (&StoreRef::Static(store), Turn::Lead(row)) = (&self.store, self.turn.get()) else {
            return None;
        };
        let call = self.call.enter();
        // If the function panics, or what else is the user's, the lead is given up as the miss is dropped.
        let running = wait_graph::enter(row.flight());
        self.call.fills(Cause::Miss);
        let fill = self.call.enter_fill();
        Some(PlainRun { fill, running, call, store, row })
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn ends_plainly(&mut self, run: PlainRun, rules: &impl Judge<K, S>, ret: &S::Return) {
        // In this order: the span is left last, also if the user's code panics.
        let PlainRun { fill, call: _call, running, store, row } = run;
        drop(fill);
        let key = self.key.take().unwrap_or_else(|| unreachable!("nothing took it"));
        let verdict = rules.judge(&key, ret, self.ttl);
        if verdict.keep
            && let Some(value) = S::stored(ret)
        {
            self.call.ended(store.observed(), Outcome::Ok);
            let (value, how) = (S::kept(value), (self.window, S::kind(ret)));
            // The user's code is over.
            drop(running);
            let Made { entry, ends, now } = plain_entry(store, key, value, verdict, how);
            self.turn.set(Turn::Unknown);
            let mut entry = Some(entry);
            store.land_plainly(self.hash, row, &mut entry, ends, now);
            if let Some(entry) = entry {
                land_otherwise(store, self.hash, row, entry, now);
            }
        } else {
            self.key = Some(key);
            self.end_unkept(verdict.ttl, ret);
        }
    }

    /// After a plain run.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn is_over(self) {
        if self.call.is_spent() {
            debug_assert!(self.is_spent());
            // Nothing in it is to be dropped any more, and the drop of the whole would be a call.
            std::mem::forget(self);
        }
    }

    #[cold]
    #[inline(never)]
    fn end_unkept(&mut self, ttl: Ticks, ret: &S::Return) {
        self.judged_unkept(S::kind(ret), ttl);
        if let Some(flight) = self.take_flight() {
            self.settle_unkept(flight, ret);
        }
        // Not all callers drop the miss.
        self.key = None;
    }

    /// Whether there is nothing to look at but whose turn it is.
    #[inline]
    fn is_plain(&self) -> bool {
        self.rare.is_none() && self.behind.is_nowhere()
    }

    /// Whether that is all, and it is this call's turn.
    #[inline]
    pub(super) fn leads_plainly(&self) -> bool {
        self.is_plain() && !self.caller.asks && matches!(self.turn.get(), Turn::Lead(_))
    }

    /// A function runs from here on, and what comes after it: the rules and the value's `Clone` belong to the run, since
    /// they, too, may call the function.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn enters(&mut self) {
        if let Turn::Lead(row) | Turn::Beside(row) = self.turn.get() {
            self.running = Some(wait_graph::enter(row.flight()));
            self.call.fills(self.cause());
        }
    }

    /// Why the function runs.
    #[inline]
    pub(super) fn cause(&self) -> Cause {
        match (self.forced, self.refresh()) {
            (true, _) => Cause::Forced,
            (false, Some(_)) => Cause::Refresh,
            (false, None) => Cause::Miss,
        }
    }

    /// The value, or nothing: then the function is to run, and its result to be completed.
    ///
    /// A value comes from elsewhere and has taken its time, so it may take an allocation, too: it is moved by its address.
    #[cold]
    #[inline(never)]
    fn start_otherwise(&mut self) -> Option<Box<S::Return>> {
        let begun = self.begin_blocking();
        let value = self.settles(begun);
        if value.is_none() {
            self.enters();
        }
        value
    }

    /// The value that came, or nothing: then it is this call's turn.
    pub(super) fn settles(&mut self, begun: Begun<S::Return>) -> Option<Box<S::Return>> {
        match begun {
            Begun::Value(value) => {
                if let Some(ticket) = self.take_refresh() {
                    ticket.moot();
                }
                return Some(value);
            }
            Begun::Stale(value) => return Some(value),
            Begun::Lead(flight) => self.put_flight(flight),
            // The function runs, and nothing is kept. It may have had room when the call took its lead.
            Begun::Disabled => self.give_up_turn(),
        }
        None
    }

    /// Ends a call whose function did not run.
    #[cold]
    #[inline(never)]
    #[allow(clippy::boxed_local)] // It was moved by its address up to here.
    fn instead(self, call: Entered, value: Box<S::Return>) -> S::Return {
        drop(self);
        drop(call);
        *value
    }

    /// Whether all that would have to be dropped is gone.
    fn is_spent(&self) -> bool {
        // Each field is named, so that one more with a destructor is not forgotten.
        let Self {
            running,
            turn,
            key,
            store,
            behind,
            rare,
            call,
            hash: _,
            caller: _,
            forced: _,
            ttl: _,
            window: _,
            failed: _,
            shape: _,
        } = self;
        running.is_none()
            && matches!(turn.get(), Turn::Unknown)
            && key.is_none()
            && matches!(store, StoreRef::Static(_))
            && behind.is_nowhere()
            && rare.is_none()
            && call.is_spent()
    }

    /// Judges what a function returned and keeps it.
    #[inline(never)]
    pub(super) fn complete(&mut self, rules: &dyn Judge<K, S>, ret: &S::Return) {
        if self.has_lead() && self.is_plain() {
            self.complete_plainly(rules, ret);
        } else if let (true, Some(key)) = (self.has_lead(), &self.key) {
            let verdict = rules.judge(key, ret, self.ttl);
            self.judged(ret, verdict);
            self.complete_otherwise(ret, verdict);
        }
    }

    /// The same where it is this call's turn, and there is nothing else to look at.
    fn complete_plainly(&mut self, rules: &dyn Judge<K, S>, ret: &S::Return) {
        let Some(key) = &self.key else { return };
        let verdict = rules.judge(key, ret, self.ttl);
        self.judged(ret, verdict);
        if verdict.keep
            && let Some(value) = S::stored(ret)
        {
            self.publish_plain(value, verdict, S::kind(ret));
        } else {
            self.complete_otherwise(ret, verdict);
        }
    }

    /// Notes how a run ended that returned this.
    #[inline]
    pub(super) fn judged(&mut self, ret: &S::Return, verdict: Verdict) {
        if verdict.keep && S::stored(ret).is_some() {
            self.call.ended(self.store.observed(), Outcome::Ok);
        } else {
            self.judged_unkept(S::kind(ret), verdict.ttl);
        }
    }

    #[cold]
    #[inline(never)]
    fn judged_unkept(&mut self, kind: Kind, ttl: Ticks) {
        let (outcome, why) = match kind {
            Kind::Err => (Outcome::Error, NotStored::Error),
            Kind::None if ttl != 0 => (Outcome::NotStored, NotStored::None),
            _ if ttl == 0 => (Outcome::NotStored, NotStored::NoTime),
            _ => (Outcome::NotStored, NotStored::Condition),
        };
        self.store.note_unkept(self.hash, why);
        self.call.ended(self.store.observed(), outcome);
    }

    #[cold]
    #[inline(never)]
    fn complete_otherwise(&mut self, ret: &S::Return, verdict: Verdict) {
        let Some(flight) = self.take_flight() else { return };
        let _link = self.running.take();
        self.finish_blocking(flight, ret, verdict);
    }

    /// Looks for a value everywhere else before a sync function runs.
    #[inline(never)]
    pub fn ask(mut self) -> Asked<K, S> {
        let _entered = self.call.enter();
        let begun = self.begin_blocking();
        self.asked(begun)
    }

    /// Looks for a value everywhere else before an async function runs.
    // Boxed: the future of the function that awaits this does not grow by it.
    pub fn ask_async(self) -> Pin<Box<impl Future<Output = Asked<K, S>>>> {
        let span = self.call.span();
        Box::pin(span.within(self.ask_here()))
    }

    async fn ask_here(self) -> Asked<K, S> {
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
        let is_stale = matches!(begun, Begun::Stale(_));
        match self.settles(begun) {
            Some(value) => match self.take_stale().filter(|_| is_stale) {
                Some(ticket) => Asked::Stale(*value, ticket),
                None => Asked::Value(*value),
            },
            None => Asked::Lead(Lead { miss: self }),
        }
    }
}
