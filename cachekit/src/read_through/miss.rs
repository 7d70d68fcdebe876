//! A miss: one caller runs the function, the others wait for its result.

use std::cell::Cell;
use std::marker::PhantomData;
use std::pin::Pin;

use super::Turn;
use super::join::MAX_FAILED_WAITS;
use super::lead::{Asked, Lead};
use super::rare::Rare;
use super::remote::Behind;
use crate::background;
use crate::clock::Ticks;
use crate::explain::NotStored;
use crate::flight::wait_graph;
use crate::flight::wait_graph::Running;
use crate::observe::{Call, Cause, Outcome};
use crate::rules::{Judge, Rules, Verdict};
use crate::shape::{Kind, Shape};
use crate::store::{Caller, Flight, StoreRef};

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
    /// Waits that came to nothing.
    pub(super) in_vain: u8,
    pub(super) behind: Behind<K, S>,
    /// Made when it is needed: a plain miss is carried about a few times, and should be small.
    pub(super) rare: Option<Box<Rare<K, S::Stored>>>,
    /// What is noted of the call.
    pub(super) call: Call,
    pub(super) shape: PhantomData<S>,
}

opaque!([K, S: Shape] "Miss", Miss<K, S>);

impl<K, S: Shape> Miss<K, S> {
    /// `times`: how long the value lives, and for how long after that it may be served while the function runs again.
    ///
    /// Nothing foreign runs in here: the caller may have taken a lead, which nothing gives up before there is a miss. What
    /// is foreign comes after it: the clone of a key, and [`begins`](Self::begins).
    // Inlined: it is written where its caller wants it.
    #[inline]
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
            in_vain: 0,
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
        let row = flight.into_row();
        self.turn.set(if alone { Turn::Beside(row) } else { Turn::Lead(row) });
    }

    pub(super) fn has_lead(&self) -> bool {
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
    /// Waits for one leader at most: if that one has nothing to share, this call runs its own.
    pub(crate) fn waits_once(mut self) -> Self {
        self.failed = MAX_FAILED_WAITS - 1;
        self
    }

    /// For how long its result may be served after its TTL, if the look-up took nothing stale.
    pub(crate) fn with_window(mut self, window: Ticks) -> Self {
        self.window = window;
        self
    }

    /// Starts the options that need the value.
    ///
    /// They are the user's code, and run before this call is known to wait or to run: it leads nothing meanwhile, so that
    /// no other call waits for them.
    pub fn rules(&self) -> Rules<K, S> {
        self.give_up_turn();
        Rules::new()
    }

    /// A function runs from here on, and what comes after it: the rules and the value's `Clone` belong to the run, since
    /// they, too, may call the function.
    #[inline]
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
    pub(super) fn start_otherwise(&mut self) -> Option<Box<S::Return>> {
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
    pub(super) fn judged_unkept(&mut self, kind: Kind, ttl: Ticks) {
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
    pub(super) fn complete_otherwise(&mut self, ret: &S::Return, verdict: Verdict) {
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
