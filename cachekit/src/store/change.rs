//! What changes a store from outside of a fill: values put into it, entries taken out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use super::fills::Caller;
use super::flight::Flight;
use super::out::{Cause, Out};
use super::shard::Newcomer;
use super::{Store, share};
use crate::clock::Ticks;
use crate::entry::{AnyEntry, Resident};
use crate::front;
use crate::site::StoreRef;
use crate::sync::lock;

/// Is told of entries that left.
pub(crate) type Listener = Arc<dyn Fn(&Resident, Cause) + Send + Sync>;

impl Store {
    /// Lets go of entries that left, without a lock: fronts, listeners and destructors hear of it here.
    #[inline]
    pub(super) fn let_go(&self, out: Out) {
        let Some(first) = &out.first else { return };
        // Either the front that is about to remember an entry sees that it is dead, or we see that it does.
        fence(Ordering::SeqCst);
        if self.listener.is_some() || out.more.is_some() || first.entry.head().is_fronted() {
            self.say_goodbye(&out);
        }
        drop(out);
    }

    #[cold]
    #[inline(never)]
    fn say_goodbye(&self, out: &Out) {
        front::ended(out.iter().map(|gone| (gone.hash, gone.entry.head())));
        if let Some(listener) = &self.listener {
            for gone in out.iter() {
                // A listener that panics keeps no call from its value.
                let _ = catch_unwind(AssertUnwindSafe(|| listener(&gone.entry, gone.cause)));
            }
        }
    }

    /// Stores a value that came from outside a fill. It supersedes the fills of its key that are running.
    pub(crate) fn put(&self, hash: u64, newcomer: Newcomer) {
        if self.disabled {
            return;
        }
        let now = self.sweeping_now(&newcomer);
        let mut out = Out::default();
        let mut inner = lock(&self.shard(hash).inner);
        let at = inner.slot_for(hash);
        inner.kill_fills(at);
        inner.place(at, newcomer, now, &mut out);
        drop(inner);
        self.let_go(out);
    }

    /// The same, for a value that is on its way to the shared tier, too. Until the flight is dropped a younger value
    /// puts an end to it.
    pub(crate) fn put_flying(store: &StoreRef, hash: u64, newcomer: Newcomer) -> Flight {
        let now = store.sweeping_now(&newcomer);
        let mut out = Out::default();
        let mut inner = lock(&store.shard(hash).inner);
        let at = inner.slot_for(hash);
        inner.kill_fills(at);
        let row = inner.start(at, Caller { asynchronous: false, asks: false }, false);
        if let Some(fate) = newcomer.entry.head().fate() {
            inner.asks(row, fate);
            fate.becomes(&newcomer.entry);
        }
        inner.place(at, newcomer, now, &mut out);
        drop(inner);
        // First: what is let go of may panic.
        let flight = Flight::new(store.clone(), hash, row, true);
        store.let_go(out);
        flight
    }

    /// The time, if entries of this kind can expire.
    #[inline]
    fn sweeping_now(&self, newcomer: &Newcomer) -> Ticks {
        if newcomer.has_time() { self.now() } else { 0 }
    }

    /// Removes the entry under `hash` if `same` accepts it, and ends the fills that are running. The entry, if it was
    /// alive.
    pub(crate) fn remove(
        &self,
        hash: u64,
        same: &dyn Fn(&dyn AnyEntry) -> bool,
    ) -> Option<Resident> {
        let mut removed = None;
        loop {
            let entry = {
                let mut inner = lock(&self.shard(hash).inner);
                let Some(at) = inner.find(hash) else { return removed };
                inner.kill_fills(at);
                let Some(entry) = inner.slot(at).entry.clone() else { return removed };
                entry
            };
            // The user's `Eq` runs without our lock.
            if !same(&*entry) {
                return removed;
            }
            let alive = entry.head().kill();
            let taken = self.take_out(hash, &entry, Cause::Removed);
            if alive {
                removed.get_or_insert(entry);
            }
            if taken {
                return removed;
            }
            // It was replaced meanwhile, perhaps by what was made of it: that goes as well.
        }
    }

    /// Removes this very entry. True if it was alive.
    pub(crate) fn remove_this(&self, hash: u64, entry: &Resident) -> bool {
        let alive = entry.head().kill();
        self.take_out(hash, entry, Cause::Removed);
        alive
    }

    /// Ends all fills that are running.
    pub(crate) fn end_fills(&self) {
        for shard in &self.shards {
            lock(&shard.inner).fills.kill_all();
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
    /// entries there were.
    pub(crate) fn clear(&self) -> u64 {
        let (mut removed, mut out) = (0, Out::default());
        for shard in &self.shards {
            let mut inner = lock(&shard.inner);
            inner.fills.kill_all();
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
        let now = self.now();
        let shards = self.shards.len() as u64;
        let mut out = Out::default();
        for (at, shard) in self.shards.iter().enumerate() {
            // A shard without room would never keep any of its keys.
            let share = share(room, shards, at as u64).max(room.min(1));
            lock(&shard.inner).resize(share, now, &mut out);
        }
        self.let_go(out);
    }

    /// The entries that were there when their shard was looked at, a shard at a time.
    pub(crate) fn entries(&self, shard: usize) -> Option<Vec<(u64, Resident)>> {
        let inner = lock(&self.shards.get(shard)?.inner);
        let held = inner.slots.iter().filter_map(|slot| Some((slot.hash, slot.entry.clone()?)));
        Some(held.collect())
    }
}
