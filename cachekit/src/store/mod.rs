//! The shared in-process tier of one cache: a bounded map of entries of any type.
//!
//! The map is keyed by the 64-bit hash alone and holds type-erased entries, so that one instantiation,
//! compiled once, serves every annotated function. Callers compare the key themselves; two keys with the
//! same hash share one place and can only displace, never answer for, each other.

use std::sync::Arc;

use quick_cache::OptionsBuilder;
use quick_cache::sync::Cache as Map;

use crate::clock::{self, Ticks};
use crate::counters::HitCounter;
use crate::entry::{AnyEntry, Entry, Head, Owner};
use crate::front;
use crate::stats::{Refusal, RefusalCounters, Stats};
use crate::testing::ClockSource;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

mod eviction;
mod publish;
mod refresh_log;
#[cfg(test)]
mod tests;

use self::eviction::{ByWeight, Identity, KillEvicted, Resident};
use self::refresh_log::RefreshLog;

/// Entries a cache holds unless told otherwise.
pub(crate) const DEFAULT_CAPACITY: u64 = 10_000;

/// Shards are at least this large, so that an uneven spread of keys costs little of the capacity.
const MIN_SHARD: u64 = 512;

/// The share of the capacity for entries that have been asked for again. More resists loops better, less
/// adapts faster.
const HOT: f64 = 0.98;

/// How many evicted keys are remembered, as a share of the capacity: one that comes back enters as hot. Few
/// enough that a loop somewhat longer than the cache is not among them, or each of its keys would push out
/// another.
const GHOSTS: f64 = 0.34;

/// How much a store holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Capacity {
    Entries(u64),
    Weight(u64),
}

/// Whether any store of the process has evicted something: while none has, no use needs to be noted.
static EVICTING: AtomicBool = AtomicBool::new(false);

/// Whether stores may have to hear that entries are in use.
pub(crate) fn notes_uses() -> bool {
    EVICTING.load(Ordering::Relaxed)
}

/// What a look-up found.
pub(crate) enum Found {
    Alive(Resident),
    /// Past its time, and within the window in which it may be served while it is replaced.
    Stale(Resident),
    Expired,
    Nothing,
}

/// What is counted off the hit path, and seldom.
#[derive(Default)]
struct Background {
    shared_skips: AtomicU64,
    shared_unguarded: AtomicU64,
    shared_invalidations: AtomicU64,
    shared_flushes: AtomicU64,
    lock_waits: AtomicU64,
    stale_hits: AtomicU64,
    refreshes: AtomicU64,
    failed_refreshes: AtomicU64,
    refused: RefusalCounters,
    /// Hits counted before the entry turned out not to open.
    void_hits: AtomicU64,
    unsealed: AtomicU64,
}

/// One cache's entries and counters.
pub(crate) struct Store {
    owner: Owner,
    map: Map<u64, Resident, ByWeight, Identity, KillEvicted>,
    hits: HitCounter,
    misses: AtomicU64,
    loads: AtomicU64,
    shared_hits: AtomicU64,
    shared_errors: AtomicU64,
    background: Background,
    evictions: AtomicU64,
    expirations: AtomicU64,
    invalidations: AtomicU64,
    clock: ClockSource,
    disabled: bool,
    /// What the names of its entries in the shared tier have in common.
    #[cfg(feature = "shared")]
    origin: std::sync::OnceLock<Box<crate::shared::origin::Origin>>,
    log: RefreshLog,
}

impl Store {
    pub(crate) fn new(
        owner: Owner,
        capacity: Capacity,
        clock: ClockSource,
        disabled: bool,
    ) -> Self {
        let weighted = matches!(capacity, Capacity::Weight(_));
        let disabled = disabled || matches!(capacity, Capacity::Entries(0) | Capacity::Weight(0));
        let (capacity, shards) = match capacity {
            // Off. The map has to have some size.
            Capacity::Entries(0) | Capacity::Weight(0) => (1, 1),
            Capacity::Entries(entries) => (entries, shards(entries)),
            // An entry has to fit into a shard, and only the author knows how heavy they get.
            Capacity::Weight(weight) => (weight, 1),
        };
        // A multiple of the shard count, rounded down: the map rounds each shard up.
        let capacity = capacity - capacity % shards;
        let items = usize::try_from(capacity).unwrap_or(usize::MAX).min(1 << 20);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(items)
            .weight_capacity(capacity)
            .shards(usize::try_from(shards).unwrap_or(1))
            .hot_allocation(HOT)
            .ghost_allocation(GHOSTS)
            .build()
            .unwrap_or_else(|_| unreachable!("both capacities are given"));
        Self {
            owner,
            map: Map::with_options(options, ByWeight { weighted }, Identity, KillEvicted),
            hits: HitCounter::new(),
            misses: AtomicU64::new(0),
            loads: AtomicU64::new(0),
            shared_hits: AtomicU64::new(0),
            shared_errors: AtomicU64::new(0),
            background: Background::default(),
            evictions: AtomicU64::new(0),
            expirations: AtomicU64::new(0),
            invalidations: AtomicU64::new(0),
            clock,
            disabled,
            #[cfg(feature = "shared")]
            origin: std::sync::OnceLock::new(),
            log: RefreshLog::default(),
        }
    }

    /// The store of a function, by its module and name.
    pub(crate) fn named(mut self, module: &'static str, name: &'static str) -> Self {
        self.log = RefreshLog::of(module, name);
        self
    }

    /// Notes how a refresh of a stale value ended.
    pub(crate) fn tell_refresh(&self, worked: bool) {
        self.log.note(worked);
    }

    /// What the names of its entries in the shared tier have in common; made at the first use.
    #[cfg(feature = "shared")]
    pub(crate) fn origin(
        &self,
        make: impl FnOnce() -> crate::shared::origin::Origin,
    ) -> &crate::shared::origin::Origin {
        self.origin.get_or_init(|| Box::new(make()))
    }

    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    pub(crate) fn is_disabled(&self) -> bool {
        self.disabled
    }

    #[inline]
    pub(crate) fn now(&self) -> Ticks {
        self.clock.now()
    }

    /// A new, still unpublished entry of this store.
    pub(crate) fn entry<K, V>(&self, hash: u64, key: K) -> Arc<Entry<K, V>> {
        let head = Head::new(self.owner, hash, self.hits.id());
        Arc::new(Entry::new(head, key))
    }

    /// The entry under `hash`, whatever its key.
    pub(crate) fn find(&self, hash: u64) -> Found {
        let Some(entry) = self.map.get(&hash) else { return Found::Nothing };
        if !entry.head.is_alive() {
            return Found::Nothing;
        }
        let expires = entry.head.expires();
        if expires != clock::NEVER && expires <= self.now() {
            if entry.head.stale_until() > self.now() {
                return Found::Stale(entry);
            }
            if self.remove_entry(&entry.head) {
                self.expirations.fetch_add(1, Ordering::Relaxed);
            }
            return Found::Expired;
        }
        Found::Alive(entry)
    }

    /// Tells the eviction policy that an entry is in use.
    #[cold]
    #[inline(never)]
    pub(crate) fn touch(&self, hash: u64) {
        // No entry has to go yet. What is in a front by now has been seen in use on its way there.
        if self.evictions.load(Ordering::Relaxed) > 0 {
            // `get` is the only call that counts as a use.
            drop(self.map.get(&hash));
        }
    }

    /// Counts a hit; this thread's front may remember the entry.
    pub(crate) fn count_hit(&self, entry: &Resident) {
        if self.hits.id().is_none() || front::with(|front| front.served(entry)).is_none() {
            self.hits.count_shared();
        }
    }

    pub(crate) fn count_miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_load(&self) {
        self.loads.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_shared_hit(&self) {
        self.shared_hits.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "shared")]
    pub(crate) fn count_shared_error(&self) {
        self.shared_errors.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "shared")]
    pub(crate) fn count_shared_skip(&self) {
        self.background.shared_skips.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "shared")]
    pub(crate) fn count_unguarded(&self) {
        self.background.shared_unguarded.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an entry that was dropped because the shared backend said that it changed there.
    #[cfg(feature = "shared")]
    pub(crate) fn count_shared_invalidation(&self) {
        self.background.shared_invalidations.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an entry that was dropped because the shared backend may have changed it.
    #[cfg(feature = "shared")]
    pub(crate) fn count_shared_flush(&self) {
        self.background.shared_flushes.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "shared")]
    pub(crate) fn count_lock_wait(&self) {
        self.background.lock_waits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_stale_hit(&self) {
        self.background.stale_hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_refresh(&self) {
        self.background.refreshes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failed_refresh(&self) {
        self.background.failed_refreshes.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an entry of the shared tier that was refused.
    #[cfg(feature = "shared")]
    pub(crate) fn count_refused(&self, refusal: Refusal) {
        self.note_refusal(refusal);
    }

    fn note_refusal(&self, refusal: Refusal) {
        if refusal == Refusal::Panicked {
            self.shared_errors.fetch_add(1, Ordering::Relaxed);
        }
        self.background.refused.count(refusal);
    }

    /// Drops an entry of this process that does not open, and takes back the hit that was counted for it.
    #[cold]
    pub(crate) fn drop_refused(
        &self,
        hash: u64,
        refusal: Refusal,
        same: &dyn Fn(&AnyEntry) -> bool,
    ) {
        self.remove(hash, same);
        self.note_refusal(refusal);
        self.background.void_hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that ran because nothing could be sealed. True the first time.
    #[cfg(feature = "secure")]
    pub(crate) fn count_unsealed(&self) -> bool {
        self.background.unsealed.fetch_add(1, Ordering::Relaxed) == 0
    }

    pub(crate) fn count_invalidation(&self) {
        self.invalidations.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes exactly this entry. True if the map still held it.
    pub(crate) fn remove_entry(&self, head: &Head) -> bool {
        let removed = self.take_out(head);
        head.kill();
        removed
    }

    /// Makes room where this very entry is, which is not served any more. True if the map still held it.
    pub(crate) fn take_out(&self, head: &Head) -> bool {
        let is_it = |held: &Resident| std::ptr::eq(&raw const held.head, head);
        self.map.remove_if(&head.hash, is_it).is_some()
    }

    /// Removes the entry under `hash` if `same` accepts it. True if it was alive.
    pub(crate) fn remove(&self, hash: u64, same: &dyn Fn(&AnyEntry) -> bool) -> bool {
        // The user's `Eq` runs without the map's lock. What replaces the entry meanwhile is newer than
        // the removal.
        let Some(entry) = self.map.peek(&hash) else { return false };
        if !same(&*entry) {
            return false;
        }
        let alive = entry.head.kill();
        self.remove_entry(&entry.head);
        alive
    }

    /// Removes everything that was there when the call started. Returns how many were alive.
    pub(crate) fn clear(&self) -> u64 {
        let mut killed = 0;
        for (_, entry) in self.map.drain() {
            killed += u64::from(entry.head.kill());
        }
        front::with(front::Front::sweep);
        killed
    }

    /// Entries held, expired ones that nobody asked for since included.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn weight(&self) -> u64 {
        self.map.weight()
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            hits: self
                .hits
                .total()
                .saturating_sub(self.background.void_hits.load(Ordering::Relaxed)),
            misses: self.misses.load(Ordering::Relaxed),
            loads: self.loads.load(Ordering::Relaxed),
            shared_hits: self.shared_hits.load(Ordering::Relaxed),
            shared_errors: self.shared_errors.load(Ordering::Relaxed),
            shared_skips: self.background.shared_skips.load(Ordering::Relaxed),
            shared_unguarded: self.background.shared_unguarded.load(Ordering::Relaxed),
            shared_invalidations: self.background.shared_invalidations.load(Ordering::Relaxed),
            shared_flushes: self.background.shared_flushes.load(Ordering::Relaxed),
            lock_waits: self.background.lock_waits.load(Ordering::Relaxed),
            stale_hits: self.background.stale_hits.load(Ordering::Relaxed),
            refreshes: self.background.refreshes.load(Ordering::Relaxed),
            failed_refreshes: self.background.failed_refreshes.load(Ordering::Relaxed),
            refused: self.background.refused.read(),
            unsealed: self.background.unsealed.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
            expirations: self.expirations.load(Ordering::Relaxed),
            invalidations: self.invalidations.load(Ordering::Relaxed),
            entries: self.map.len() as u64,
            weight: self.map.weight(),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Fronts of other threads may hold entries: end them, so that the sweeps drop them.
        self.clear();
    }
}

/// How many shards a capacity is worth: enough for the machine's threads, none smaller than `MIN_SHARD`.
fn shards(capacity: u64) -> u64 {
    let threads = std::thread::available_parallelism().map_or(4, |n| n.get() as u64);
    let wanted = (threads * 4).next_power_of_two();
    let affordable = (capacity / MIN_SHARD).max(1);
    let affordable =
        if affordable.is_power_of_two() { affordable } else { affordable.next_power_of_two() / 2 };
    wanted.min(affordable)
}
