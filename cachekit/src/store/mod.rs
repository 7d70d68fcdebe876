//! The in-process tier of one cache: its entries, the fills that are running, and what makes room.
//!
//! Places are found by the 64-bit hash alone, and entries are of any type, so that this is compiled once for all annotated
//! functions. Callers compare the key themselves, without a lock; two keys with the same hash share one place and can
//! only displace, never answer for, each other.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::clock::ClockSource;
use crate::clock::{NEVER, Ticks};
use crate::counters::{CounterId, HitCounter};
use crate::entry::{self, AnyEntry, Entry, Head, Plan, Resident, StoreNumber};
use crate::observe::Observed;
use crate::sync::{Mutex, lock};
use crate::thread_cache;

mod challenge;
mod change;
mod compact;
mod counting;
mod eviction;
mod explaining;
mod fills;
mod flight;
mod index;
mod lists;
mod look;
mod out;
mod reference;
mod refresh_log;
mod shard;
mod sketch;
mod slot;
mod sweep;
mod unkept;
pub(crate) mod watch;

#[cfg(test)]
mod tests;

pub(crate) use self::change::Listener;
use self::counting::Background;
pub(crate) use self::counting::Calls;
pub(crate) use self::fills::{Caller, Join, Row, Turn};
pub(crate) use self::flight::{Flight, block, block_until_over, drive, landing};
pub(crate) use self::look::Look;
pub use self::out::Cause;
pub(crate) use self::reference::{StoreRef, WeakStoreRef};
use self::refresh_log::RefreshLog;
use self::shard::Shard;
use self::unkept::Unkept;

/// Entries a cache holds unless told otherwise.
pub(crate) const DEFAULT_CAPACITY: u64 = 10_000;

/// Shards are at least this large, so that an uneven spread of keys costs little of the capacity.
const MIN_SHARD: u64 = 512;

/// The most that a store has room for. Sums of weights stay far from overflowing.
const MOST_ROOM: u64 = u64::MAX / 4;

/// How much a store holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Capacity {
    Entries(u64),
    Weight(u64),
}

/// One cache's entries, running fills and counters.
pub(crate) struct Store {
    number: StoreNumber,
    shards: Box<[Shard]>,
    hits: HitCounter,
    shared_hits: AtomicU64,
    shared_errors: AtomicU64,
    background: Background,
    invalidations: AtomicU64,
    clock: ClockSource,
    /// The process caches nothing.
    is_off: bool,
    /// Nor does this store: it is that, or has no room.
    disabled: AtomicBool,
    /// Held while the store gets another size.
    resizing: Mutex<()>,
    /// An entry with an end has come in.
    is_timed: AtomicBool,
    listener: Option<Listener>,
    /// What the storage keys of its entries have in common.
    attached: std::sync::OnceLock<Box<dyn std::any::Any + Send + Sync>>,
    log: RefreshLog,
    observed: Observed,
    /// Results that were not stored, for explanations.
    unkept: Unkept,
}

impl Store {
    pub(crate) fn new(capacity: Capacity, clock: ClockSource, disabled: bool) -> Self {
        let weighted = matches!(capacity, Capacity::Weight(_));
        let (room, count) = match capacity {
            Capacity::Entries(entries) => (entries.min(MOST_ROOM), shards(entries)),
            // An entry has to fit into a shard, and only the author knows how heavy they get.
            Capacity::Weight(weight) => (weight.min(MOST_ROOM), 1),
        };
        let shards: Box<[Shard]> =
            (0..count).map(|at| Shard::new(share(room, count, at), weighted)).collect();
        Self {
            number: next_number(),
            shards,
            hits: HitCounter::new(),
            shared_hits: AtomicU64::new(0),
            shared_errors: AtomicU64::new(0),
            background: Background::default(),
            invalidations: AtomicU64::new(0),
            clock,
            is_off: disabled,
            disabled: AtomicBool::new(disabled || room == 0),
            resizing: Mutex::new(()),
            is_timed: AtomicBool::new(false),
            listener: None,
            attached: std::sync::OnceLock::new(),
            log: RefreshLog::default(),
            observed: Observed::default(),
            unkept: Unkept::default(),
        }
    }

    /// Tells of every entry that leaves.
    pub(crate) fn telling(mut self, listener: Option<Listener>) -> Self {
        self.listener = listener;
        self
    }

    /// The store of a function, by its module and name.
    pub(crate) fn named(mut self, module: &'static str, name: &'static str) -> Self {
        self.log = RefreshLog::of(module, name);
        self
    }

    /// Has it observed under a name.
    pub(crate) fn observed_as(mut self, name: impl FnOnce() -> String) -> Self {
        self.observed.name(name);
        self
    }

    /// What is noted of its calls.
    #[inline]
    pub(crate) fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Notes how a refresh of a stale value ended.
    pub(crate) fn tell_refresh(&self, worked: bool) {
        self.log.note(worked);
    }

    /// What goes with the store, of one type that the store does not know; made at the first use.
    pub(crate) fn attached<T: std::any::Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> &T {
        let attached = self.attached.get_or_init(|| Box::new(make()));
        attached.downcast_ref().unwrap_or_else(|| unreachable!("one type for all stores"))
    }

    /// Its number in this process.
    #[inline]
    pub(crate) fn number(&self) -> StoreNumber {
        self.number
    }

    #[inline]
    pub(crate) fn is_disabled(&self) -> bool {
        self.disabled.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn now(&self) -> Ticks {
        self.clock.now()
    }

    #[inline]
    fn shard_index(&self, hash: u64) -> usize {
        // The ends of the hash place an entry in the thread cache, its upper half in the shard's index. There are at most 64.
        #[allow(clippy::cast_possible_truncation)]
        let top = (hash >> 58) as usize;
        top & (self.shards.len() - 1)
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Shard {
        &self.shards[self.shard_index(hash)]
    }

    /// An entry for this store.
    #[inline]
    pub(crate) fn entry<K, V>(&self, key: K, value: V, plan: Plan) -> Entry<K, V> {
        let head = Head::new(self.number, self.counter(plan.negative), plan);
        Entry { head, key, value }
    }

    /// An entry for this store that has a time, and nothing else.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn plain_entry<K, V>(
        &self,
        key: K,
        value: V,
        expires: Ticks,
        negative: bool,
    ) -> Resident
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        entry::reuse::plain((self.number, self.counter(negative), expires), key, value)
    }

    #[inline]
    fn counter(&self, negative: bool) -> CounterId {
        self.observed.counter(self.hits.id(), negative)
    }

    /// The entry under `hash`, whatever its key, whether it may be served or not. Does not count as a use.
    pub(crate) fn peek(&self, hash: u64) -> Option<Resident> {
        let inner = lock(&self.shard(hash).inner);
        let at = inner.find(hash)?;
        inner.slot(at).entry.clone()
    }

    /// The same for a call: nothing there is a miss.
    pub(crate) fn get(&self, hash: u64) -> Option<Resident> {
        let mut inner = lock(&self.shard(hash).inner);
        let entry = inner.find(hash).and_then(|at| inner.slot(at).entry.clone());
        if entry.is_none() {
            inner.counts.misses += 1;
            inner.sketch.increment(hash);
            self.observed.missed();
        }
        entry
    }

    /// How much it has room for.
    pub(crate) fn capacity(&self) -> u64 {
        self.shards.iter().map(|shard| lock(&shard.inner).room).sum()
    }

    /// The same, if it may be served: alive and within its time.
    pub(crate) fn fresh(&self, hash: u64) -> Option<Resident> {
        let entry = self.peek(hash)?;
        let head = entry.head();
        let expires = head.expires();
        let fresh = head.is_alive() && (expires == NEVER || expires > self.now());
        fresh.then_some(entry)
    }

    /// Whether an entry that was found may be served; a use moves its time if it is one that uses move.
    #[inline]
    pub(crate) fn serves(&self, entry: &dyn AnyEntry) -> bool {
        entry.head().serves(|| self.now())
    }

    /// Whether an entry is past its time, and within the window in which it may be served while it is replaced.
    pub(crate) fn serves_stale(&self, entry: &dyn AnyEntry) -> bool {
        let head = entry.head();
        head.is_alive() && head.stale_until() > self.now()
    }

    /// Counts a hit; this thread's cache may remember the entry. Whether observers may want to hear of it.
    #[inline]
    pub(crate) fn count_hit(&self, hash: u64, entry: &Resident, head: &Head) -> bool {
        head.visit();
        let id = head.counter();
        if !id.is_none()
            && let Some(is_observed) =
                thread_cache::with(|thread_cache| thread_cache.served(id, hash, entry))
        {
            return is_observed;
        }
        self.hits.count_shared();
        true
    }

    /// Entries held, expired ones that nothing has looked at since included.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(&shard.inner).entries).sum()
    }

    pub(crate) fn weight(&self) -> u64 {
        self.shards.iter().map(|shard| lock(&shard.inner).held).sum()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // ThreadCaches of other threads may hold entries: end them, so that the sweeps drop them.
        self.clear();
    }
}

/// A number that no other store has, as long as there are any.
fn next_number() -> StoreNumber {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let next = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| match next {
        0 => None,
        next => Some(next.wrapping_add(1)),
    });
    next.unwrap_or(0)
}

/// The share of a shard: the shares add up to the whole.
fn share(room: u64, shards: u64, at: u64) -> u64 {
    room / shards + u64::from(at < room % shards)
}

/// How many shards a capacity is worth: enough for the machine's threads, none smaller than `MIN_SHARD`.
fn shards(capacity: u64) -> u64 {
    let threads = std::thread::available_parallelism().map_or(4, |n| n.get() as u64);
    let wanted = (threads * 4).next_power_of_two();
    let affordable = (capacity / MIN_SHARD).max(1);
    let affordable =
        if affordable.is_power_of_two() { affordable } else { affordable.next_power_of_two() / 2 };
    // Its number is six bits of the hash.
    wanted.min(affordable).min(64)
}
