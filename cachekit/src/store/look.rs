//! A look at a key: an entry, the lead of a fill, or the fill that another caller leads; and joining that one.

use std::sync::Arc;

use super::Store;
use super::fills::{Caller, Join, Row, Turn};
use super::index::Hole;
use super::shard::Inner;
use crate::entry::Resident;
use crate::flight::{Landing, Wait, wait_graph};
use crate::sync::{MutexGuard, lock};

/// What a look at a key came to.
pub(crate) enum Look {
    /// There is an entry. It may have expired, or be another key's of the same hash.
    Found(Resident),
    /// Another caller leads a fill.
    Pending(Row),
    /// The caller leads one from now on, and has to end it.
    Lead(Row),
}

/// Gives a lead up when it is dropped: the code that ran before the lead was handed out panicked.
struct GivenUp<'a> {
    store: &'a Store,
    hash: u64,
    row: Row,
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        self.store.finish(self.hash, self.row, Landing::Failed);
    }
}

impl Store {
    /// Looks a key up. If there is nothing, the caller takes the lead, or learns which fill runs: in one step, so that no
    /// fill can land in between.
    // The part of a hit is inlined, the other is a call.
    #[inline(always)]
    pub(crate) fn look(&self, hash: u64, caller: Caller) -> Look {
        let mut inner = lock(&self.shard(hash).inner);
        match inner.search(hash) {
            Ok(at) => match &inner.slot(at).entry {
                Some(entry) => Look::Found(Arc::clone(entry)),
                None => Self::lead_at(&mut inner, at, hash, caller, true),
            },
            Err(hole) => Look::Lead(Self::lead_new(inner, hash, hole, caller.bits())),
        }
    }

    /// Takes the lead where there is nothing.
    // A call takes as many steps as half of what is in it.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn lead_new(mut inner: MutexGuard<'_, Inner>, hash: u64, hole: Hole, bits: u8) -> Row {
        inner.counts.misses += 1;
        inner.sketch.increment_inlined(hash);
        inner.start_new(hash, hole, bits)
    }

    /// The same for a call that has looked before, and counts no more.
    pub(crate) fn look_again(&self, hash: u64, caller: Caller) -> Look {
        let mut inner = lock(&self.shard(hash).inner);
        let at = inner.slot_for(hash);
        match &inner.slot(at).entry {
            Some(entry) => Look::Found(Arc::clone(entry)),
            None => Self::lead_at(&mut inner, at, hash, caller, false),
        }
    }

    /// Takes the lead over an entry that was found and cannot be served, or learns which fill runs. If the entry has been
    /// replaced, gives the new one.
    ///
    /// The entry is let go of here. Its destructor is the user's code: if it panics, the lead is given up, and if it calls
    /// the function, it does not wait for this lead.
    pub(crate) fn lead_over(
        &self,
        hash: u64,
        found: Resident,
        caller: Caller,
        counts: bool,
    ) -> Look {
        let mut inner = lock(&self.shard(hash).inner);
        let at = inner.slot_for(hash);
        let look = match &inner.slot(at).entry {
            Some(entry) if !Arc::ptr_eq(entry, &found) => Look::Found(Arc::clone(entry)),
            _ => Self::lead_at(&mut inner, at, hash, caller, counts),
        };
        drop(inner);
        let Look::Lead(row) = look else { return look };
        let given_up = GivenUp { store: self, hash, row };
        let running = wait_graph::enter(row.flight());
        drop(found);
        drop(running);
        std::mem::forget(given_up);
        Look::Lead(row)
    }

    /// Takes the lead whatever is there, unless another caller leads.
    pub(crate) fn lead(&self, hash: u64, caller: Caller) -> Look {
        let mut inner = lock(&self.shard(hash).inner);
        let at = inner.slot_for(hash);
        Self::lead_at(&mut inner, at, hash, caller, false)
    }

    #[inline(never)]
    fn lead_at(inner: &mut Inner, at: u32, hash: u64, caller: Caller, counts: bool) -> Look {
        if counts {
            inner.counts.misses += 1;
            inner.sketch.increment(hash);
        }
        match inner.joinable(at) {
            Some(row) => Look::Pending(row),
            None => Look::Lead(inner.start(at, caller, true)),
        }
    }

    /// A fill that others cannot join, beside any that is running: forced, or re-entrant.
    pub(crate) fn lead_alone(&self, hash: u64, caller: Caller) -> Row {
        let mut inner = lock(&self.shard(hash).inner);
        let at = inner.slot_for(hash);
        inner.start(at, caller, false)
    }

    /// Joins a fill.
    pub(crate) fn join(&self, hash: u64, row: Row, asynchronous: bool) -> Join {
        lock(&self.shard(hash).inner).join(row, asynchronous)
    }

    /// A waiter's own run, beside the leader that it waited for in vain. `None`: the wait is over.
    pub(crate) fn relieve(&self, hash: u64, caller: Caller, wait: &Arc<Wait>) -> Option<Row> {
        let mut inner = lock(&self.shard(hash).inner);
        let at = inner.slot_for(hash);
        let row = inner.relieve(at, caller, wait);
        inner.tidy(at);
        row
    }

    /// Whose turn it is to change a value by what is there.
    pub(crate) fn turn(&self, hash: u64) -> Turn {
        let mut inner = lock(&self.shard(hash).inner);
        let at = inner.slot_for(hash);
        inner.turn(at)
    }

    /// Whether the fill that changes a value, and that a caller waits for, still may.
    pub(super) fn is_changing(&self, hash: u64, wait: &Arc<Wait>) -> bool {
        let mut inner = lock(&self.shard(hash).inner);
        inner.find(hash).is_some_and(|at| inner.is_changing(at, wait))
    }

    /// Ends a fill without storing anything. The waiters learn how.
    pub(super) fn finish(&self, hash: u64, row: Row, landing: Landing) {
        let answers = landing.is_an_answer();
        let mut inner = lock(&self.shard(hash).inner);
        let at = inner.fill(row).map(|fill| fill.at);
        let ended = inner.end(row, answers);
        if let Some(at) = at {
            inner.tidy(at);
        }
        drop(inner);
        ended.land(|| landing);
    }

    /// Callers that wait for fills of a hash, for tests.
    #[cfg(all(test, not(feature = "tokio"), not(cachekit_model)))]
    pub(crate) fn waiters(&self, hash: u64) -> usize {
        let mut waiters = 0;
        let mut inner = lock(&self.shard(hash).inner);
        if let Some(at) = inner.find(hash) {
            inner.each_fill(at, |_, fill| waiters += fill.wait().map_or(0, |wait| wait.places()));
        }
        waiters
    }

    /// Running fills, for tests.
    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.shards.iter().map(|shard| lock(&shard.inner).fills.running).sum()
    }
}
