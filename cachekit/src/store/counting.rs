//! What a store counts besides hits, and its figures.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Store, shard};
use crate::entry::{AnyEntry, Head};
use crate::stats::{Refusal, RefusalCounters, Stats};
use crate::sync::lock;

/// What is counted off the hit path, and seldom.
#[derive(Default)]
pub(super) struct Background {
    forced: AtomicU64,
    /// Misses that no look at the store has counted: what was found and served stale did not open.
    unopened: AtomicU64,
    /// Of the shared tier: with values past their time, and with a `None` or an error.
    shared_stale: AtomicU64,
    shared_negative: AtomicU64,
    shared_refreshes: AtomicU64,
    shared_skips: AtomicU64,
    shared_unguarded: AtomicU64,
    shared_invalidations: AtomicU64,
    shared_flushes: AtomicU64,
    lock_waits: AtomicU64,
    stale_hits: AtomicU64,
    refreshes: AtomicU64,
    failed_refreshes: AtomicU64,
    refused: RefusalCounters,
    unsealed: AtomicU64,
}

impl Store {
    /// Counts a miss that no fill follows.
    pub(crate) fn count_miss(&self, hash: u64) {
        let mut inner = lock(&self.shard(hash).inner);
        inner.counts.misses += 1;
        inner.sketch.increment(hash);
        self.observed.missed();
    }

    /// Counts a call that found nothing that opens, and was none to be looked for.
    pub(crate) fn count_unopened(&self) {
        self.background.unopened.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that did not look.
    pub(crate) fn count_forced(&self) {
        self.background.forced.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_load(&self, hash: u64) {
        lock(&self.shard(hash).inner).counts.loads += 1;
    }

    // Each answer has a counter of its own: none is a difference, which would go back while the other one is read.

    pub(crate) fn count_shared_hit(&self) {
        self.shared_hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_shared_stale(&self) {
        self.background.shared_stale.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_shared_negative(&self) {
        self.background.shared_negative.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refresh that the shared tier answered.
    pub(crate) fn count_shared_refresh(&self) {
        self.background.shared_refreshes.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a hit on an entry of this process that is past its time.
    pub(crate) fn count_stale_hit(&self, head: &Head) {
        head.visit();
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

    /// Drops an entry of this process that does not open.
    #[cold]
    pub(crate) fn drop_refused(
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
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Background { stale_hits, shared_stale, shared_negative, .. } = &self.background;
        let (stale_hits, shared_stale) = (read(stale_hits), read(shared_stale));
        let mut counts = shard::Counts::default();
        let (mut entries, mut weight) = (0, 0);
        for shard in &self.shards {
            let inner = lock(&shard.inner);
            counts += inner.counts;
            entries += inner.entries as u64;
            weight += inner.held;
        }
        Stats {
            hits: self.hits.total() + self.observed.negative_hits() + stale_hits,
            misses: counts.misses + read(&self.background.forced) + read(&self.background.unopened),
            loads: counts.loads,
            shared_hits: read(&self.shared_hits) + shared_stale + read(shared_negative),
            shared_errors: self.shared_errors.load(Ordering::Relaxed),
            shared_skips: self.background.shared_skips.load(Ordering::Relaxed),
            shared_unguarded: self.background.shared_unguarded.load(Ordering::Relaxed),
            shared_invalidations: self.background.shared_invalidations.load(Ordering::Relaxed),
            shared_flushes: self.background.shared_flushes.load(Ordering::Relaxed),
            lock_waits: self.background.lock_waits.load(Ordering::Relaxed),
            stale_hits: stale_hits + shared_stale,
            refreshes: self.background.refreshes.load(Ordering::Relaxed),
            shared_refreshes: read(&self.background.shared_refreshes),
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

/// The calls of a store, by what answered them. Each number only ever grows.
#[derive(Clone, Copy, Default)]
pub(crate) struct Calls {
    pub(crate) hits: u64,
    pub(crate) stale: u64,
    pub(crate) negative: u64,
    pub(crate) shared_hits: u64,
    pub(crate) shared_stale: u64,
    pub(crate) shared_negative: u64,
    pub(crate) misses: u64,
    pub(crate) bypasses: u64,
}

impl Store {
    /// Its calls. Once they are over they add up to its hits and misses.
    pub(crate) fn calls(&self) -> Calls {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Calls {
            hits: self.hits.total(),
            stale: read(&self.background.stale_hits),
            negative: self.observed.negative_hits(),
            shared_hits: read(&self.shared_hits),
            shared_stale: read(&self.background.shared_stale),
            shared_negative: read(&self.background.shared_negative),
            misses: self.observed.misses(),
            bypasses: read(&self.background.forced) + self.observed.bypasses(),
        }
    }
}

impl std::ops::AddAssign for Calls {
    fn add_assign(&mut self, other: Self) {
        let Self { hits, stale, negative, shared_hits, shared_stale, shared_negative, .. } = other;
        let Self { misses, bypasses, .. } = other;
        self.hits += hits;
        self.stale += stale;
        self.negative += negative;
        self.shared_hits += shared_hits;
        self.shared_stale += shared_stale;
        self.shared_negative += shared_negative;
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
