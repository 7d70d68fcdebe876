//! What changes a store from outside of a fill: values put into it, entries taken out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::fills::Caller;
use super::flight::Flight;
use super::out::{Cause, Gone, Out};
use super::slot::NONE;
use super::{Store, StoreRef, share};
use crate::clock::{NEVER, Ticks};
use crate::contained::contained;
use crate::entry::{AnyEntry, End, Resident};
use crate::sync::lock;
use crate::thread_cache;

/// Is told of entries that left.
pub(crate) type Listener = Arc<dyn Fn(&Resident, Cause) + Send + Sync>;

impl Store {
    /// Lets go of entries that left, without a lock: thread caches, listeners and destructors hear of it here.
    #[inline(always)]
    pub(super) fn let_go(&self, out: Out) {
        let is_noted = self.listener.is_some() || out.more.is_some();
        if out.first.as_ref().is_some_and(|first| is_noted || first.end == End::Fronted) {
            self.say_goodbye(&out);
        }
        // Taken apart: the drop of the whole would be a call.
        let Out { first, more } = out;
        drop(more);
        if let Some(Gone { entry, .. }) = first {
            drop(entry);
        }
    }

    #[cold]
    #[inline(never)]
    fn say_goodbye(&self, out: &Out) {
        // First: what thread caches let go of may panic as it is dropped.
        if let Some(listener) = &self.listener {
            for gone in out.iter() {
                // A listener that panics keeps no call from its value.
                contained(|| listener(&gone.entry, gone.cause));
            }
        }
        thread_cache::ended(out.iter().map(|gone| (gone.hash, gone.entry.head())));
    }

    /// Stores a value that came from outside a fill. It supersedes the fills of its key that are running.
    pub(crate) fn put(&self, hash: u64, entry: Resident) {
        if self.is_disabled() {
            return;
        }
        let now = self.sweeping_now(entry.head().first_end(), 0);
        let mut out = Out::default();
        let mut inner = lock(&self.shard(hash).inner);
        let at = inner.slot_for(hash);
        inner.kill_fills(at);
        self.unkept.forget(hash);
        inner.place(at, entry, now, &mut out);
        drop(inner);
        self.let_go(out);
    }

    /// The same, for a value that is on its way to the shared tier, too. Until the flight is dropped a younger value
    /// puts an end to it.
    pub(crate) fn put_flying(store: &StoreRef, hash: u64, entry: Resident) -> Flight {
        let now = store.sweeping_now(entry.head().first_end(), 0);
        let mut out = Out::default();
        let mut inner = lock(&store.shard(hash).inner);
        let at = inner.slot_for(hash);
        inner.kill_fills(at);
        store.unkept.forget(hash);
        let row = inner.start(at, Caller { asynchronous: false, asks: false }, false);
        if let Some(fate) = entry.head().fate() {
            inner.asks(row, fate);
            fate.becomes(&entry);
        }
        inner.place(at, entry, now, &mut out);
        drop(inner);
        // First: what is let go of may panic.
        let flight = Flight::new(store.clone(), hash, row, true);
        store.let_go(out);
        flight
    }

    /// Stores a value unless there is one, or one is on its way.
    pub(crate) fn add(&self, hash: u64, entry: Resident) {
        if self.is_disabled() {
            return;
        }
        let now = self.now();
        let mut out = Out::default();
        let mut inner = lock(&self.shard(hash).inner);
        let at = inner.slot_for(hash);
        let slot = inner.slot(at);
        let is_taken = slot.fills != NONE
            || slot
                .entry
                .as_ref()
                .is_some_and(|entry| entry.head().is_alive() && !entry.head().is_over(now));
        if is_taken {
            inner.tidy(at);
        } else {
            let now = self.sweeping_now(entry.head().first_end(), now);
            self.unkept.forget(hash);
            inner.place(at, entry, now, &mut out);
        }
        drop(inner);
        self.let_go(out);
    }

    /// The time when an entry comes in that may not be served from `ends` on, if it is known or needed: 0 where no entry
    /// ever had an end.
    #[inline]
    pub(super) fn sweeping_now(&self, ends: Ticks, known: Ticks) -> Ticks {
        if !self.is_timed.load(Ordering::Relaxed) {
            if ends == NEVER {
                return 0;
            }
            self.is_timed.store(true, Ordering::Relaxed);
        }
        if known > 0 { known } else { self.now() }
    }

    /// Removes the entry under `hash` if `same` accepts it, and ends the fills that are running, in one step. The entry, if
    /// it was alive and had not expired.
    pub(crate) fn remove(
        &self,
        hash: u64,
        same: &dyn Fn(&dyn AnyEntry) -> bool,
    ) -> Option<Resident> {
        self.unkept.forget(hash);
        loop {
            let entry = {
                let mut inner = lock(&self.shard(hash).inner);
                let at = inner.find(hash)?;
                let Some(entry) = inner.slot(at).entry.clone() else {
                    inner.kill_fills(at);
                    return None;
                };
                entry
            };
            // The user's `Eq` runs without our lock.
            let same = same(&*entry);
            let mut out = Out::default();
            let mut inner = lock(&self.shard(hash).inner);
            let Some(at) = inner.find(hash).filter(|at| inner.holds(*at, &entry)) else {
                // It has left, or was replaced: the other one has not been looked at.
                continue;
            };
            inner.kill_fills(at);
            let over = entry.head().is_over(self.sweeping_now(NEVER, 0));
            let alive = same && entry.head().kill() && !over;
            if same {
                inner.take(at, if over { Cause::Expired } else { Cause::Removed }, &mut out);
            }
            drop(inner);
            self.let_go(out);
            return alive.then_some(entry);
        }
    }

    /// Removes this very entry, and ends the fills that are running: one may be changing it. True if it was there, alive,
    /// and had not expired.
    pub(crate) fn remove_this(&self, hash: u64, entry: &Resident) -> bool {
        self.unkept.forget(hash);
        let mut out = Out::default();
        let mut inner = lock(&self.shard(hash).inner);
        let at = inner.find(hash).filter(|at| inner.holds(*at, entry));
        let head = entry.head();
        let alive = at.is_some() && head.kill();
        // Only now: until then a use may have moved its time.
        let now = self.sweeping_now(NEVER, 0);
        let cause = if head.is_over(now) { Cause::Expired } else { Cause::Removed };
        let was_fresh = alive && head.expires() > now;
        if let Some(at) = at {
            inner.kill_fills(at);
            inner.take(at, cause, &mut out);
        }
        drop(inner);
        self.let_go(out);
        was_fresh
    }

    /// Ends all fills that are running.
    pub(crate) fn end_fills(&self) {
        for shard in &self.shards {
            lock(&shard.inner).kill_all();
        }
    }

    /// Makes room where this very entry is, which is not served any more. True if the store still held it.
    pub(crate) fn take_out(&self, hash: u64, entry: &Resident, cause: Cause) -> bool {
        let mut out = Out::default();
        let mut inner = lock(&self.shard(hash).inner);
        let alive = entry.head().is_alive();
        if let Some(at) = inner.find(hash).filter(|at| inner.holds(*at, entry))
            // Another thread has removed it and is about to take it out.
            && (alive || cause != Cause::Expired)
        {
            inner.take(at, cause, &mut out);
        }
        drop(inner);
        let taken = !out.is_empty();
        self.let_go(out);
        taken
    }

    /// Removes everything that was there when the call started, and ends the fills that are running. Returns how many
    /// entries there were that had not expired.
    pub(crate) fn clear(&self) -> u64 {
        let now = self.sweeping_now(NEVER, 0);
        let (mut removed, mut out) = (0, Out::default());
        self.unkept.forget_all();
        for shard in &self.shards {
            let mut inner = lock(&shard.inner);
            inner.kill_all();
            if now > 0 {
                inner.purge(now, &mut out);
            }
            removed += inner.entries as u64;
            inner.drain(&mut out);
        }
        // Last: a destructor that panics leaves nothing behind.
        self.let_go(out);
        removed
    }

    /// Removes what has expired. Returns how many entries that were.
    pub(crate) fn purge(&self) -> u64 {
        let now = self.now();
        let (mut removed, mut out) = (0, Out::default());
        for shard in &self.shards {
            let mut inner = lock(&shard.inner);
            removed += inner.entries as u64;
            inner.purge(now, &mut out);
            removed -= inner.entries as u64;
        }
        self.let_go(out);
        removed
    }

    /// Gives the store another size.
    pub(crate) fn resize(&self, room: u64) {
        let room = room.min(super::MOST_ROOM);
        // One at a time: of two that run at once, one decides about all shards and about `disabled`.
        let resizing = lock(&self.resizing);
        // Without room there is nothing to share among callers, either; and with room again there is.
        self.disabled.store(self.is_off || room == 0, Ordering::Relaxed);
        let now = self.now();
        let shards = self.shards.len() as u64;
        let mut out = Out::default();
        for (at, shard) in self.shards.iter().enumerate() {
            // A shard without room would never keep any of its keys.
            let share = share(room, shards, at as u64).max(room.min(1));
            lock(&shard.inner).resize(share, now, &mut out);
        }
        // Listeners and destructors run after it: they may resize again.
        drop(resizing);
        self.let_go(out);
    }

    /// The entries that were there when their shard was looked at, a shard at a time.
    pub(crate) fn entries(&self, shard: usize) -> Option<Vec<(u64, Resident)>> {
        let inner = lock(&self.shards.get(shard)?.inner);
        let held = inner.slots.iter().filter_map(|slot| Some((slot.hash, slot.entry.clone()?)));
        Some(held.collect())
    }
}
