//! The part that all entries have, whatever their types: the entry's store, its expiry, and whether it is alive.

use std::sync::Arc;
// Plain std on purpose: the model checker does not explore whether an entry was used.
use std::sync::atomic::AtomicBool as Visited;

use super::Fate;
use super::plan::{Extra, MOVES, Plan};
use crate::clock::{NEVER, Ticks};
use crate::counters::CounterId;
use crate::sync::atomic::{AtomicU8, Ordering};

// The state of an entry: one of these bits, or none.

/// Any thread that holds the entry may serve it until it expires. An entry is created with its value, and alive.
const ALIVE: u8 = 1;
/// A copy of a shared value that may be out of date: a look at the tier decides. It is not served; an invalidation
/// finds it like any other entry.
const DOUBTED: u8 = 2;
/// A copy that may be out of date, because the shared tier sent an event. It is not served, but a write that the tier
/// itself guards may still reach the tier.
const OUTDATED: u8 = 4;
/// It made room, and its value is as good as before. Final, like `DEAD`.
const EVICTED: u8 = 8;
/// Invalidated, replaced or expired, and final: no bit.
const DEAD: u8 = 0;
/// The bits of an entry that may still be served, now or later.
const LIVES: u8 = ALIVE | DOUBTED;

/// In addition: a thread cache may hold the entry. It is in the same byte, so that when one thread's cache takes an
/// entry while another thread ends it, at least one of them sees the other.
const IN_THREAD_CACHES: u8 = 128;

/// The number of one store of this process. Never reused; 0 belongs to stores without a number, whose entries enter no
/// thread cache.
pub(crate) type StoreNumber = u32;

/// The part that all entries have, whatever their types.
// The fields that a hit reads come first, with the key and the value behind them: as few cache lines as possible.
pub(crate) struct Head {
    /// When it stops being fresh: the only field that a hit compares with the time.
    expires: Ticks,
    store: StoreNumber,
    /// Which hit counter the entry's hits go to.
    counter: CounterId,
    state: AtomicU8,
    /// It was used since eviction last looked at it.
    visited: Visited,
    /// The fields that few entries have.
    extra: Option<Box<Extra>>,
}

impl Head {
    #[inline]
    pub(crate) fn new(store: StoreNumber, counter: CounterId, plan: Plan) -> Self {
        let mut head = Self::plain(store, counter, plan.expires);
        if !plan.is_plain() {
            head.extra = Some(Box::new(Extra::new(&mut head.expires, plan)));
        }
        head
    }

    /// The head of an entry that has an expiry, and nothing else.
    #[inline]
    pub(crate) fn plain(store: StoreNumber, counter: CounterId, expires: Ticks) -> Self {
        let (state, visited) = (AtomicU8::new(ALIVE), Visited::new(false));
        Self { expires, store, counter, state, visited, extra: None }
    }

    /// Whether the expiry is all that it has.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.extra.is_none()
    }

    /// Turns a plain head into that of another entry.
    #[inline]
    pub(super) fn renew(&mut self, store: StoreNumber, counter: CounterId, expires: Ticks) {
        debug_assert!(self.is_plain());
        // Not assigned as a whole: a plain head has nothing that would have to be dropped.
        (self.expires, self.store, self.counter) = (expires, store, counter);
        (*self.state.get_mut(), *self.visited.get_mut()) = (ALIVE, false);
    }

    #[inline]
    pub(crate) fn store(&self) -> StoreNumber {
        self.store
    }

    /// Whether it is alive, and in this store.
    #[inline]
    pub(crate) fn is_of(&self, store: StoreNumber) -> bool {
        self.store == store && self.is_alive()
    }

    #[inline]
    pub(crate) fn counter(&self) -> CounterId {
        self.counter
    }

    #[inline]
    pub(crate) fn is_alive(&self) -> bool {
        self.state.load(Ordering::Acquire) & ALIVE != 0
    }

    #[inline]
    pub(crate) fn is_dead(&self) -> bool {
        self.state.load(Ordering::Acquire) & LIVES == 0
    }

    /// Ends the entry for every thread at once. True if it was alive.
    #[inline]
    pub(crate) fn kill(&self) -> bool {
        let before = self.state.fetch_and(DEAD | IN_THREAD_CACHES, Ordering::AcqRel);
        self.note_end();
        before & ALIVE != 0
    }

    /// Like [`kill`](Self::kill), if only the caller holds the entry: no thread cache does, and none will.
    #[inline]
    pub(super) fn kill_unheld(&self) {
        self.state.store(DEAD, Ordering::Release);
        self.note_end();
    }

    /// Ends an entry that left only to make room: no thread may serve it, but its value is as good as before, and a write
    /// of it to the shared tier goes on.
    #[inline]
    pub(crate) fn evict(&self) {
        // If it has ended before, it is not as good as before.
        self.becomes(LIVES, EVICTED);
    }

    /// Like [`evict`](Self::evict), if only the caller holds the entry.
    #[inline]
    pub(super) fn evict_unheld(&self) {
        if self.is_plain() {
            self.state.store(EVICTED, Ordering::Release);
        } else {
            // News of the shared tier may be ending it.
            self.evict();
        }
    }

    /// Whether eviction, and nothing else, has ended it.
    pub(crate) fn is_evicted(&self) -> bool {
        self.state.load(Ordering::Acquire) & EVICTED != 0
    }

    /// Ends the fate of an entry together with the entry.
    #[inline]
    fn note_end(&self) {
        if let Some(fate) = self.fate() {
            fate.condemn();
        }
    }

    /// Whether it may be used now. If its deadline moves with uses, this moves it. The clock is read only if the entry
    /// has a deadline.
    #[inline]
    pub(crate) fn serves(&self, now: impl FnOnce() -> Ticks) -> bool {
        self.is_alive() && self.is_fresh_now(now)
    }

    /// Whether it has not expired; the caller knows that it is alive.
    #[inline]
    pub(crate) fn is_fresh_now(&self, now: impl FnOnce() -> Ticks) -> bool {
        if self.expires == NEVER {
            return true;
        }
        let now = now();
        // Here, a deadline that moves is in the past.
        self.expires > now || self.expires == MOVES && self.use_moving(now)
    }

    #[cold]
    #[inline(never)]
    fn use_moving(&self, now: Ticks) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.used(now))
    }

    /// When it stops being fresh if it is not used again.
    pub(crate) fn expires(&self) -> Ticks {
        match &self.extra {
            Some(extra) if self.expires == MOVES => extra.expires(),
            _ => self.expires,
        }
    }

    /// When it stops being fresh however often it is used.
    pub(crate) fn expires_in_use(&self) -> Ticks {
        match &self.extra {
            Some(extra) if self.expires == MOVES => {
                extra.most.min(extra.ruled.load(Ordering::Relaxed))
            }
            _ => self.expires,
        }
    }

    /// Sets the time at which the cache's rules end it.
    pub(crate) fn rule(&self, at: Ticks) {
        if let Some(extra) = self.extra.as_ref().filter(|extra| extra.is_ruled) {
            extra.ruled.store(at, Ordering::Relaxed);
        }
    }

    /// Whether the cache's rules decide about its deadline at every use.
    #[inline]
    pub(crate) fn is_ruled(&self) -> bool {
        self.expires == MOVES && self.extra.as_ref().is_some_and(|extra| extra.is_ruled)
    }

    /// The earliest time at which it may end, whatever its rules do; `NEVER` if it does not end.
    #[inline]
    pub(crate) fn first_end(&self) -> Ticks {
        if self.is_ruled() { 0 } else { self.ends() }
    }

    /// From when on it may not be served, not even during a refresh.
    #[inline]
    pub(crate) fn ends(&self) -> Ticks {
        match &self.extra {
            None => self.expires,
            Some(extra) => self.expires().max(extra.stale_until),
        }
    }

    /// Whether it may not be served any more.
    #[inline]
    pub(crate) fn is_over(&self, now: Ticks) -> bool {
        self.ends() <= now
    }

    pub(crate) fn stale_until(&self) -> Ticks {
        self.extra.as_ref().map_or(0, |extra| extra.stale_until)
    }

    pub(crate) fn weight(&self) -> u64 {
        self.extra.as_ref().map_or(1, |extra| extra.weight)
    }

    /// Makes the caller the one that refreshes the entry, unless another call is refreshing it or just failed to.
    pub(crate) fn claim_refresh(&self, now: Ticks) -> bool {
        let Some(extra) = &self.extra else { return false };
        let from = extra.refresh_from.load(Ordering::Acquire);
        let claim = || {
            extra.refresh_from.compare_exchange(from, NEVER, Ordering::AcqRel, Ordering::Relaxed)
        };
        from <= now && claim().is_ok()
    }

    /// Lets another call try, from this time on.
    pub(crate) fn release_refresh(&self, from: Ticks) {
        if let Some(extra) = &self.extra {
            extra.refresh_from.store(from, Ordering::Release);
        }
    }

    #[inline]
    pub(crate) fn fate(&self) -> Option<&Arc<Fate>> {
        self.extra.as_ref()?.fate.as_ref()
    }

    /// Records a use, for eviction. A line that many threads read is written only the first time.
    #[inline]
    pub(crate) fn visit(&self) {
        if !self.is_visited() {
            self.visited.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was used since this was last called. A use at the same moment may be missed.
    #[inline]
    pub(crate) fn take_visit(&self) -> bool {
        let visited = self.is_visited();
        if visited {
            self.visited.store(false, Ordering::Relaxed);
        }
        visited
    }

    #[inline]
    pub(crate) fn is_visited(&self) -> bool {
        self.visited.load(Ordering::Relaxed)
    }

    /// Records that a thread cache holds it. Returns false if the thread cache must not hold it: the entry has ended.
    pub(crate) fn enter_thread_cache(&self) -> bool {
        let mut state = self.state.load(Ordering::Acquire);
        if state & IN_THREAD_CACHES == 0 {
            state = self.state.fetch_or(IN_THREAD_CACHES, Ordering::AcqRel);
        }
        state & LIVES != 0
    }

    /// Whether a thread cache may hold it. For the thread that ended it.
    #[inline]
    pub(crate) fn is_in_thread_caches(&self) -> bool {
        self.state.load(Ordering::Acquire) & IN_THREAD_CACHES != 0
    }
}

/// What events of the shared tier do to a copy.
impl Head {
    /// Takes a servable entry out of service. False if it was not servable.
    pub(crate) fn doubt(&self) -> bool {
        self.becomes(ALIVE, DOUBTED)
    }

    /// Makes it servable again, unless it was invalidated, replaced or evicted meanwhile.
    pub(super) fn trust(&self) -> bool {
        self.becomes(DOUBTED, ALIVE)
    }

    /// Ends the copy, but not the write that it may belong to. True if it had not ended before.
    pub(super) fn outdate(&self) -> bool {
        self.becomes(LIVES, OUTDATED)
    }

    /// Changes an entry from one of these states to another. False if it is in none of them.
    fn becomes(&self, one_of: u8, other: u8) -> bool {
        let change = |state| (state & one_of != 0).then_some(other | state & IN_THREAD_CACHES);
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, change).is_ok()
    }
}
