//! What a store counts besides hits, and its figures.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Store, shard};
use crate::entry::AnyEntry;
use crate::stats::{Refusal, RefusalCounters, Stats};
use crate::sync::lock;

/// What is counted off the hit path, and seldom.
#[derive(Default)]
pub(super) struct Background {
    forced: AtomicU64,
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

impl Store {
    /// Counts a miss that no fill follows.
    pub(crate) fn count_miss(&self, hash: u64) {
        let mut inner = lock(&self.shard(hash).inner);
        inner.counts.misses += 1;
        inner.sketch.increment(hash);
    }

    /// Counts a miss that no look at the store has counted.
    pub(crate) fn count_forced(&self) {
        self.background.forced.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_load(&self, hash: u64) {
        lock(&self.shard(hash).inner).counts.loads += 1;
    }

    pub(crate) fn count_shared_hit(&self) {
        self.shared_hits.fetch_add(1, Ordering::Relaxed);
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
        same: &dyn Fn(&dyn AnyEntry) -> bool,
    ) {
        self.drop_unopened(hash, refusal, same);
        self.background.void_hits.fetch_add(1, Ordering::Relaxed);
    }

    /// The same where no hit was counted.
    #[cold]
    pub(crate) fn drop_unopened(
        &self,
        hash: u64,
        refusal: Refusal,
        same: &dyn Fn(&dyn AnyEntry) -> bool,
    ) {
        self.remove(hash, same);
        self.note_refusal(refusal);
    }

    /// Counts a call that ran because nothing could be sealed. True the first time.
    pub(crate) fn count_unsealed(&self) -> bool {
        self.background.unsealed.fetch_add(1, Ordering::Relaxed) == 0
    }

    pub(crate) fn count_invalidation(&self) {
        self.invalidations.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut counts = shard::Counts::default();
        let (mut entries, mut weight) = (0, 0);
        for shard in &self.shards {
            let inner = lock(&shard.inner);
            counts += inner.counts;
            entries += inner.entries as u64;
            weight += inner.held;
        }
        Stats {
            hits: (self.hits.total() + self.observed.negative_hits())
                .saturating_sub(self.background.void_hits.load(Ordering::Relaxed)),
            misses: counts.misses + self.background.forced.load(Ordering::Relaxed),
            loads: counts.loads,
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
            evictions: counts.evictions,
            expirations: counts.expirations,
            invalidations: self.invalidations.load(Ordering::Relaxed),
            entries,
            weight,
        }
    }
}

/// The calls of a store, by what answered them.
#[cfg(feature = "observe")]
#[derive(Clone, Copy, Default)]
pub(crate) struct Calls {
    pub(crate) hits: u64,
    pub(crate) stale: u64,
    pub(crate) negative: u64,
    pub(crate) shared_hits: u64,
    pub(crate) shared_stale: u64,
    pub(crate) misses: u64,
    pub(crate) bypasses: u64,
}

#[cfg(feature = "observe")]
impl Store {
    /// Its calls. They add up to its hits and misses; a call that is under way is a miss until the shared tier has
    /// answered it.
    pub(crate) fn calls(&self) -> Calls {
        let stats = self.stats();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shared_stale = self.observed.stale_hits_from_shared();
        let stale = stats.stale_hits.saturating_sub(shared_stale);
        let negative =
            self.observed.negative_hits().saturating_sub(self.observed.stale_negative_hits());
        let bypasses = read(&self.background.forced) + stats.unsealed;
        Calls {
            hits: stats.hits.saturating_sub(stale + negative),
            stale,
            negative,
            shared_hits: stats.shared_hits.saturating_sub(shared_stale),
            shared_stale,
            misses: stats.misses.saturating_sub(stats.shared_hits + bypasses),
            bypasses,
        }
    }
}

#[cfg(feature = "observe")]
impl std::ops::AddAssign for Calls {
    fn add_assign(&mut self, other: Self) {
        let Self { hits, stale, negative, shared_hits, shared_stale, misses, bypasses } = other;
        self.hits += hits;
        self.stale += stale;
        self.negative += negative;
        self.shared_hits += shared_hits;
        self.shared_stale += shared_stale;
        self.misses += misses;
        self.bypasses += bypasses;
    }
}

/// What the shared tier has it count.
impl Store {
    pub(crate) fn count_shared_error(&self) {
        self.shared_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_shared_skip(&self) {
        self.background.shared_skips.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_unguarded(&self) {
        self.background.shared_unguarded.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an entry that was dropped because the shared backend said that it changed there.
    pub(crate) fn count_shared_invalidation(&self) {
        self.background.shared_invalidations.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an entry that was dropped because the shared backend may have changed it.
    pub(crate) fn count_shared_flush(&self) {
        self.background.shared_flushes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_lock_wait(&self) {
        self.background.lock_waits.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an entry of the shared tier that was refused.
    pub(crate) fn count_refused(&self, refusal: Refusal) {
        self.note_refusal(refusal);
    }
}
