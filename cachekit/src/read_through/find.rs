//! Steps 2 and 3 of a call ([`super`]): looks into the store, and makes the miss of a call that finds nothing.

use super::order::{self, Order};
use super::rare::Rare;
use super::remote::{Behind, MakeRemote};
use super::revalidate::Ticket;
use super::{Found, Miss};
use crate::cached_function::{CachedFunction, FunctionRef, Tier};
use crate::clock::{self, NEVER, Ticks};
use crate::flight::wait_graph;
use crate::key::CacheKey;
use crate::observe::spans;
use crate::scope;
use crate::shape::Shape;
use crate::stats::Refusal;
use crate::store::{Caller, Look, Row, Store, StoreRef};
use crate::thread_cache::{self, Wanted};

/// Takes an entry out that did not open.
pub(super) fn drop_refused<Q: CacheKey, S: Shape>(
    store: &Store,
    hash: u64,
    key: &Q,
    refusal: Refusal,
) {
    store.drop_refused(hash, refusal, &|other| {
        other.of_key::<Q::Owned, S::Stored>(|owned| key.matches(owned)).is_some()
    });
}

/// Returns the value that a look found, if it is fresh, after `$count` has counted the hit. A macro, because a function would
/// have a large value copied once more, and its call would cost a hit as much as what it does.
macro_rules! return_if_fresh {
    ($look:ident, $store:expr, $hash:expr, $key:expr, $count:expr) => {
        if let Look::Found(entry) = &$look
            && let Some(typed) = entry.typed::<Q::Owned, S::Stored>()
            && typed.head.serves(|| $store.now())
            && $key.matches(&typed.key)
        {
            if !S::SEALED {
                $count(entry, &typed.head);
            }
            match S::read(&typed.value) {
                Ok(ret) => {
                    // What is sealed and does not open is no hit.
                    if S::SEALED {
                        $count(entry, &typed.head);
                    }
                    return Ok(ret);
                }
                // It is dead then, and what follows takes the lead over it.
                Err(refusal) => drop_refused::<Q, S>($store, $hash, $key, refusal),
            }
        }
    };
}

/// Looks into the store of an annotated function.
#[inline(never)]
pub(super) fn find_of_function<Q: CacheKey, S: Shape>(
    function: FunctionRef,
    hash: u64,
    key: Q,
    remote: MakeRemote<Q::Owned, S>,
) -> Found<Q, S> {
    let special = thread_cache::with(thread_cache::ThreadCache::is_special).unwrap_or(false);
    let Some(store) = function.static_store().filter(|store| !special && !store.is_disabled())
    else {
        if cfg!(feature = "tracing") && spans::samples_hits() {
            return find_observed(function, hash, key, remote);
        }
        return find_of_new_function(function, hash, key, remote);
    };
    find_at(store, function, hash, key, remote)
}

/// Apart, so that in a debug build the calls that take another way do not have room for its values on their stacks.
#[inline]
fn find_at<Q: CacheKey, S: Shape>(
    store: &'static Store,
    function: FunctionRef,
    hash: u64,
    key: Q,
    remote: MakeRemote<Q::Owned, S>,
) -> Found<Q, S> {
    let caller = caller_in_process(function);
    let look = match store.look(hash, caller) {
        Look::Lead(row) => {
            if !Q::COPIES_PLAINLY || caller.asks || function.definition.idle() != NEVER {
                return find_on(store, function, hash, caller, &key, remote, Look::Lead(row));
            }
            // Most misses: the copy runs no code of the user's, which could panic while nothing gives the lead up.
            let key = Some(key.to_owned_key());
            let times = (function.definition.ttl(), function.definition.window());
            let (store, turn) = (StoreRef::Static(store), Turn::Lead(row));
            let mut miss = Miss::new(store, hash, key, turn, times, caller, Behind::Nowhere);
            miss.begins(true);
            return Err(miss);
        }
        look => look,
    };
    // No observer wants to hear of it: the call would have taken the long way.
    return_if_fresh!(look, store, hash, &key, |entry, head| {
        store.count_hit(hash, entry, head);
    });
    find_on(store, function, hash, caller, &key, remote, look)
}

/// Goes on where the way is longer.
#[inline(never)]
fn find_on<Q: CacheKey, S: Shape>(
    store: &'static Store,
    function: FunctionRef,
    hash: u64,
    caller: Caller,
    key: &Q,
    remote: MakeRemote<Q::Owned, S>,
    look: Look,
) -> Found<Q, S> {
    let keep = || StoreRef::Static(store);
    Lookup::of(function, store, hash, caller, key, remote, &keep).goes_on(look)
}

/// What a call outside of test scopes is: where the process has no backend, `#[cache]` functions ask none.
#[inline]
fn caller_in_process(function: FunctionRef) -> Caller {
    let caller = function.caller();
    let info = &function.definition.info;
    let policy = &info.policy;
    // A key of the ecosystem is made in any case: its errors do not depend on where the program runs.
    let is_configured =
        info.tier == Tier::Shared && !policy.own_backend && policy.interop.is_none();
    Caller { asks: caller.asks && !(is_configured && scope::is_nowhere()), ..caller }
}

/// Calls that observers may want to hear of even if they are hits.
#[cold]
#[inline(never)]
fn find_observed<Q: CacheKey, S: Shape>(
    function: FunctionRef,
    hash: u64,
    key: Q,
    remote: MakeRemote<Q::Owned, S>,
) -> Found<Q, S> {
    let mut hit = None;
    thread_cache::with(|thread_cache| {
        let same = |owned: &Q::Owned| key.matches(owned);
        let read = |stored: &S::Stored| hit.insert(S::read(stored)).is_ok();
        let wanted = Wanted { store: function.store_number(), hash, quietly: false };
        thread_cache.get(wanted, clock::coarse_now, same, read, |served| *served)
    });
    match hit {
        Some(Ok(ret)) => {
            function.observe_hit();
            return Ok(ret);
        }
        Some(Err(refusal)) => drop_refused::<Q, S>(&function.store(), hash, &key, refusal),
        None => {}
    }
    find_of_new_function(function, hash, key, remote)
}

/// The first call of a function, calls in test scopes, forced ones, and all calls where caching is off.
#[cold]
#[inline(never)]
fn find_of_new_function<Q: CacheKey, S: Shape>(
    function: FunctionRef,
    hash: u64,
    key: Q,
    remote: MakeRemote<Q::Owned, S>,
) -> Found<Q, S> {
    let store = function.store();
    let keep = || store.clone();
    find(Lookup::of(function, &store, hash, function.caller(), &key, remote, &keep))
}

/// The look-up of one call: where its entry belongs, and what a miss is made of.
pub(crate) struct Lookup<'a, Q: CacheKey, S: Shape> {
    pub(crate) store: &'a Store,
    pub(crate) hash: u64,
    pub(crate) key: &'a Q,
    /// How long entries live if the attribute has nothing better to say.
    pub(crate) ttl: Ticks,
    /// For how long after that they may be served while the function runs again.
    pub(crate) window: Ticks,
    /// How long they stay after a use; `NEVER`: uses change nothing.
    pub(crate) idle: Ticks,
    pub(crate) caller: Caller,
    /// Whether the call can refresh what is stale. One that cannot leaves that to the next.
    pub(crate) refreshes: bool,
    /// Makes the tier behind this process, if the call may have one.
    pub(crate) remote: Option<(FunctionRef, MakeRemote<Q::Owned, S>)>,
    /// Holds the store for a miss.
    pub(crate) keep: &'a dyn Fn() -> StoreRef,
}

/// Looks into the store. A miss carries what a fill needs.
#[inline]
pub(crate) fn find<Q: CacheKey, S: Shape>(lookup: Lookup<'_, Q, S>) -> Found<Q, S> {
    let is_forced = thread_cache::with(|thread_cache| {
        // No look into the thread's cache has done that.
        thread_cache.settle();
        thread_cache.is_forced()
    });
    if lookup.store.is_disabled() || is_forced.unwrap_or(false) {
        return lookup.special();
    }
    lookup.plain()
}

impl<'a, Q: CacheKey, S: Shape> Lookup<'a, Q, S> {
    /// Of a call of a function.
    #[inline]
    fn of(
        function: FunctionRef,
        store: &'a Store,
        hash: u64,
        caller: Caller,
        key: &'a Q,
        remote: MakeRemote<Q::Owned, S>,
        keep: &'a dyn Fn() -> StoreRef,
    ) -> Self {
        let (ttl, window, idle) =
            (function.definition.ttl(), function.definition.window(), function.definition.idle());
        let remote = Some((function, remote));
        Self { store, hash, key, ttl, window, idle, caller, refreshes: true, remote, keep }
    }

    /// Looks for what can be served as it is. Apart, as [`find_at`] is.
    #[inline]
    fn plain(self) -> Found<Q, S> {
        let Self { store, hash, caller, .. } = self;
        let look = store.look(hash, caller);
        return_if_fresh!(look, store, hash, self.key, |entry, head| {
            if store.count_hit(hash, entry, head) {
                store.observed().hit(false);
            }
        });
        self.goes_on(look)
    }

    /// Leads where nothing was found, or see [`on`](Self::on): a call that leads has no room for a value on its stack.
    fn goes_on(self, look: Look) -> Found<Q, S> {
        match look {
            Look::Lead(row) => Err(self.missed(Turn::Lead(row), true)),
            look => self.on(look),
        }
    }

    /// Goes on after the first look, which found nothing that could be served as it was.
    #[inline(never)]
    fn on(self, mut look: Look) -> Found<Q, S> {
        let Self { store, hash, window, caller, refreshes, .. } = self;
        let (turn, stale) = loop {
            let entry = match look {
                Look::Found(entry) => entry,
                Look::Pending(row) => break (Turn::Pending(row), None),
                Look::Lead(row) => break (Turn::Lead(row), None),
            };
            let same = |owned: &Q::Owned| self.key.matches(owned);
            if let Some(held) = entry.of_key::<Q::Owned, S::Stored>(same) {
                let fresh = store.serves(&*entry);
                if fresh || window > 0 && store.serves_stale(&*entry) {
                    if !fresh && refreshes && entry.head().claim_refresh(store.now()) {
                        // Counted once it has opened.
                        let ticket = Ticket::resident(hash, entry, (self.keep)());
                        break (Turn::Unknown, Some(ticket));
                    }
                    match S::read(&held.value) {
                        Ok(ret) => {
                            if fresh {
                                store.count_hit(hash, &entry, entry.head());
                            } else {
                                store.count_stale_hit(entry.head());
                            }
                            store.observed().hit(!fresh);
                            return Ok(ret);
                        }
                        Err(refusal) => drop_refused::<Q, S>(store, hash, self.key, refusal),
                    }
                }
            }
            look = store.lead_over(hash, entry, caller, true);
        };
        let mut miss = self.missed(turn, stale.is_none());
        if stale.is_some() {
            miss.rare().stale = stale;
        }
        Err(miss)
    }

    /// The call is to run its function, or to refresh an entry, or caching is off.
    #[cold]
    #[inline(never)]
    fn special(self) -> Found<Q, S> {
        let Self { store, hash, caller, .. } = self;
        let (mut forced, mut refresh) = (false, None);
        // Taken out first: the user's `Eq` runs, and may call cached functions.
        match order::is_placed().then(order::take).flatten() {
            None => {}
            Some(Order::Any) => forced = true,
            Some(Order::Of(function)) if self.is_of(function) => forced = true,
            Some(Order::Refresh(ticket)) if self.is_for(&ticket) => refresh = Some(ticket),
            Some(other) => order::put_back(other),
        }
        if !store.is_disabled() && !forced && refresh.is_none() {
            return self.on(store.look(hash, caller));
        }
        // What is cached does not count then.
        if forced && !store.is_disabled() {
            store.count_forced();
        }
        let mut miss = self.missed(Turn::Unknown, false);
        miss.forced = forced;
        if refresh.is_some() {
            miss.rare().refresh = refresh;
        }
        Err(miss)
    }

    fn is_of(&self, function: &'static CachedFunction) -> bool {
        self.remote.is_some_and(|(called, _)| std::ptr::eq(called.definition, function))
    }

    /// Whether a ticket is for the entry of this call.
    fn is_for(&self, ticket: &Ticket) -> bool {
        ticket.is_for::<Q::Owned, S::Stored>(self.store, |owned| self.key.matches(owned))
    }

    /// `counts`: the look-up counted a miss.
    fn missed(&self, turn: Turn, counts: bool) -> Miss<Q::Owned, S> {
        let Self { hash, ttl, window, idle, caller, .. } = *self;
        let behind = match self.remote {
            // If the look-up decided to ask no backend, none is asked now: the fill has counted as a run since then.
            Some((function, make)) if caller.asks => Behind::unmade(function, make),
            _ => Behind::Nowhere,
        };
        let may_be_spared = window > 0 && !behind.is_nowhere();
        // From here on the miss gives the lead up if it is dropped.
        let mut miss = Miss::new((self.keep)(), hash, None, turn, (ttl, window), caller, behind);
        // The user's code runs inside of the fill, if it is led: what it calls must not wait for that.
        let running = match turn {
            Turn::Lead(row) if !Q::COPIES_PLAINLY => Some(wait_graph::enter(row.flight())),
            _ => None,
        };
        miss.key = Some(self.key.to_owned_key());
        if may_be_spared || idle != NEVER {
            let spare = (window > 0).then(|| self.key.to_owned_key());
            miss.rare = Some(Box::new(Rare { idle, spare, ..Rare::default() }));
        }
        drop(running);
        miss.begins(counts);
        miss
    }
}

/// Whose turn a miss found it to be.
#[derive(Clone, Copy, Default)]
pub(crate) enum Turn {
    /// Still to be found out.
    #[default]
    Unknown,
    /// This call's.
    Lead(Row),
    /// This call's, beside others of its key.
    Beside(Row),
    /// Another's, when it was looked.
    Pending(Row),
}
