//! One shard of a store: its entries, the order in which they go, and the fills that are running, under one lock.
//!
//! Each hash has one *slot*, as long as there is an entry or a running fill for it. Nothing here runs foreign code: what
//! leaves the shard is handed out ([`Out`]) and dropped without the lock.

use std::mem;
use std::sync::Arc;

use super::challenge::Challenge;
use super::eviction::{MOST_PROMOTED, Window};
use super::fills::Fills;
use super::index::{Hole, Index};
use super::lists::{admit, unlink};
use super::out::{Cause, Gone, Out};
use super::sketch::Sketch;
use super::slot::{MAIN, NO_QUEUE, NONE, Slot, WINDOW};
use super::sweep::Sweep;
use crate::clock::Ticks;
use crate::entry::{self, AnyEntry, End, Resident};
use crate::sync::Mutex;

/// More slots than entries that are made room for at once: for fills without an entry, and for one entry too many.
pub(super) const SPARE: usize = 16;

/// What is counted under the lock.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) misses: u64,
    pub(super) loads: u64,
    pub(super) evictions: u64,
    pub(super) expirations: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.misses += other.misses;
        self.loads += other.loads;
        self.evictions += other.evictions;
        self.expirations += other.expirations;
    }
}

/// On cache lines of its own: calls of other keys do not disturb.
#[repr(align(128))]
pub(super) struct Shard {
    pub(super) inner: Mutex<Inner>,
}

/// What the lock protects.
pub(super) struct Inner {
    pub(super) index: Index,
    pub(super) slots: Vec<Slot>,
    /// Empty slots, through `next`.
    pub(super) free: u32,
    pub(super) fills: Fills,
    pub(super) sketch: Sketch,
    /// How much there may be in the shard, in entries or in weight.
    pub(super) room: u64,
    pub(super) weighted: bool,
    /// How much there is.
    pub(super) held: u64,
    /// How much of it is in the window.
    pub(super) in_window: u64,
    pub(super) entries: usize,
    pub(super) window: Window,
    pub(super) challenge: Challenge,
    pub(super) sweep: Sweep,
    pub(super) counts: Counts,
}

impl Shard {
    pub(super) fn new(room: u64, weighted: bool) -> Self {
        Self { inner: Mutex::new(Inner::new(room, weighted)) }
    }
}

impl Inner {
    fn new(room: u64, weighted: bool) -> Self {
        Self {
            index: Index::new(),
            slots: vec![Slot::head(u32::from(WINDOW)), Slot::head(u32::from(MAIN))],
            free: NONE,
            fills: Fills::default(),
            sketch: Sketch::new(),
            room,
            weighted,
            held: 0,
            in_window: 0,
            entries: 0,
            window: Window::new(room),
            challenge: Challenge::default(),
            sweep: Sweep::default(),
            counts: Counts::default(),
        }
    }

    #[inline]
    pub(super) fn slot(&self, at: u32) -> &Slot {
        &self.slots[at as usize]
    }

    #[inline]
    pub(super) fn slot_mut(&mut self, at: u32) -> &mut Slot {
        &mut self.slots[at as usize]
    }

    /// The slot of a hash.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<u32> {
        self.index.find(hash, |at| self.slot(at).hash == hash).ok()
    }

    /// The slot of a hash, a new one if it has none.
    pub(super) fn slot_for(&mut self, hash: u64) -> u32 {
        match self.search(hash) {
            Ok(at) => at,
            Err(hole) => {
                let at = self.free_slot();
                self.use_slot(at, hash, hole);
                at
            }
        }
    }

    /// The slot of a hash, or where the search for it ends.
    #[inline]
    pub(super) fn search(&self, hash: u64) -> Result<u32, Hole> {
        self.index.find(hash, |at| self.slot(at).hash == hash)
    }

    /// An empty slot, to be used at once.
    #[inline(always)]
    pub(super) fn free_slot(&mut self) -> u32 {
        if self.free == NONE { self.more_slots() } else { self.free }
    }

    /// Gives the first empty slot to a hash.
    #[inline(always)]
    pub(super) fn use_slot(&mut self, at: u32, hash: u64, hole: Hole) -> &mut Slot {
        self.index.insert(hash, at, hole);
        let slot = &mut self.slots[at as usize];
        self.free = slot.next;
        // The rest of an empty slot is as it is to be.
        slot.hash = hash;
        slot
    }

    /// One more slot, on the list of empty ones.
    #[inline(never)]
    fn more_slots(&mut self) -> u32 {
        let count = self.slots.len();
        if count == self.slots.capacity() {
            // Twice as many, but not many more than there can be entries.
            let most = usize::try_from(self.room).unwrap_or(usize::MAX).saturating_add(SPARE);
            let more = if count < most { count.min(most - count) } else { count / 8 + SPARE };
            self.slots.reserve_exact(more);
            self.sketch.fit(self.slots.capacity().min(most));
        }
        // An entry takes more memory than there is before their number gets so high.
        let at = u32::try_from(count).unwrap_or_else(|_| unreachable!("fewer than 2^32 slots"));
        self.slots.push(Slot::of(0));
        at
    }

    /// Gives a slot back that has neither an entry nor a fill.
    pub(super) fn tidy(&mut self, at: u32) {
        let free = self.free;
        let slot = &mut self.slots[at as usize];
        if slot.entry.is_some() || slot.fills != NONE {
            return;
        }
        slot.next = free;
        self.free = at;
        self.index.remove(slot.hash, at);
    }

    /// Whether this very entry is in the slot.
    pub(super) fn holds(&self, at: u32, entry: &Resident) -> bool {
        let held = self.slot(at).entry.as_ref();
        held.is_some_and(|held| Arc::ptr_eq(held, entry))
    }

    /// How much of the room an entry takes.
    #[inline]
    pub(super) fn weight(&self, entry: &dyn AnyEntry) -> u64 {
        if self.weighted { entry.head().weight() } else { 1 }
    }

    #[inline]
    pub(super) fn weight_at(&self, at: u32) -> u64 {
        if !self.weighted {
            return 1;
        }
        self.slot(at).entry.as_ref().map_or(0, |entry| entry.head().weight())
    }

    /// Takes the entry out of a slot, dead, and gives the slot back unless there is a fill.
    #[inline(never)]
    pub(super) fn take(&mut self, at: u32, cause: Cause, out: &mut Out) {
        let Some(entry) = self.slot(at).entry.as_ref() else { return };
        let looked = entry.look();
        let weight = if self.weighted { looked.0.weight() } else { 1 };
        let end = match cause {
            Cause::Evicted => entry::evict(entry, looked),
            Cause::Expired | Cause::Replaced | Cause::Removed | Cause::Cleared => {
                entry::end(entry, looked)
            }
        };
        self.leaves(at, weight, (cause, end), out);
    }

    /// Takes the entry out of a slot, which has been ended and has this weight. It leaves its list and counts no more, and
    /// the slot is given back unless there is a fill.
    #[inline(always)]
    pub(super) fn leaves(
        &mut self,
        at: u32,
        weight: u64,
        (cause, end): (Cause, End),
        out: &mut Out,
    ) {
        let slot = self.slot(at);
        let hash = slot.hash;
        let is_free = slot.fills == NONE;
        if is_free {
            self.index.remove(hash, at);
        }
        let slots = &mut *self.slots;
        unlink(slots, at);
        let slot = &mut slots[at as usize];
        let queue = mem::replace(&mut slot.queue, NO_QUEUE);
        if is_free {
            slot.next = mem::replace(&mut self.free, at);
        }
        self.held -= weight;
        if queue == WINDOW {
            self.in_window -= weight;
        } else {
            self.challenge.passed(at);
        }
        self.entries -= 1;
        match cause {
            Cause::Expired => self.counts.expirations += 1,
            Cause::Evicted => self.counts.evictions += 1,
            Cause::Replaced | Cause::Removed | Cause::Cleared => {}
        }
        // Last: what holds an entry has more to keep in registers.
        if let Some(entry) = slot.entry.take() {
            out.push(Gone { hash, entry, cause, end });
        }
    }

    /// Puts an entry into a slot and makes room for it. What was there is replaced, in its place in the lists: its key
    /// is in use. `now` is 0 where no entry has a time.
    #[inline(never)]
    pub(super) fn place(&mut self, at: u32, entry: Resident, now: Ticks, out: &mut Out) {
        let weight = self.weight(&*entry);
        self.sweep.expects(entry.head().first_end());
        if weight > self.room {
            // It would have the whole shard go, and not fit. What it was to replace is old all the same.
            self.refuse(at, entry, out);
            return;
        }
        if self.slot(at).entry.is_some() {
            self.replace(at, entry, weight, now, out);
        } else {
            admit(&mut self.slots, at, Some(entry));
            self.came_in(weight);
        }
        if self.sweep.earliest > now {
            // Nothing has expired: nothing needs to be looked at for that.
            self.make_room(at, MOST_PROMOTED, 0, out);
        } else {
            // First: what has expired makes room for the others.
            self.sweep_some(at, now, out);
            self.make_room(at, MOST_PROMOTED, now, out);
        }
    }

    /// Counts an entry that has come into the window.
    #[inline(always)]
    pub(super) fn came_in(&mut self, weight: u64) {
        self.in_window += weight;
        self.held += weight;
        self.entries += 1;
    }

    #[cold]
    fn refuse(&mut self, at: u32, entry: Resident, out: &mut Out) {
        entry.head().evict();
        self.counts.evictions += 1;
        // It was in no store, and so is in no thread cache.
        let hash = self.slot(at).hash;
        out.push(Gone { hash, entry, cause: Cause::Evicted, end: End::Plain });
        if self.slot(at).entry.is_some() {
            self.take(at, Cause::Replaced, out);
        } else {
            self.tidy(at);
        }
    }

    #[cold]
    fn replace(&mut self, at: u32, entry: Resident, weight: u64, now: Ticks, out: &mut Out) {
        let before = self.weight_at(at);
        let over = |held: u64| held - before + weight;
        self.held = over(self.held);
        if self.slot(at).queue == WINDOW {
            self.in_window = over(self.in_window);
        }
        entry.head().visit();
        let slot = self.slot_mut(at);
        let hash = slot.hash;
        if let Some(old) = slot.entry.replace(entry) {
            old.head().kill();
            let expired = old.head().is_over(now);
            self.counts.expirations += u64::from(expired);
            let cause = if expired { Cause::Expired } else { Cause::Replaced };
            let end = End::of(old.head());
            out.push(Gone { hash, entry: old, cause, end });
        }
    }

    /// Gives the shard another size.
    pub(super) fn resize(&mut self, room: u64, now: Ticks, out: &mut Out) {
        self.room = room;
        self.window.resize(room);
        while self.held > self.room {
            self.make_room(NONE, MOST_PROMOTED, now, out);
        }
        self.compact();
    }
}

#[cfg(test)]
impl Inner {
    /// What must hold whatever happened.
    pub(super) fn check(&self) {
        let mut seen = 0;
        for queue in [WINDOW, MAIN] {
            let (mut at, mut before, mut weight) =
                (self.slot(u32::from(queue)).next, u32::from(queue), 0);
            while at != u32::from(queue) {
                let slot = self.slot(at);
                assert_eq!((slot.queue, slot.prev), (queue, before));
                assert!(slot.entry.as_ref().is_some_and(|entry| !entry.head().is_dead()));
                assert_eq!(self.find(slot.hash), Some(at));
                weight += self.weight_at(at);
                (before, at) = (at, slot.next);
                seen += 1;
            }
            if queue == WINDOW {
                assert_eq!(weight, self.in_window);
            } else {
                assert_eq!(weight + self.in_window, self.held);
            }
        }
        assert_eq!(seen, self.entries);
        assert!(self.held <= self.room);
        assert!(
            self.slots.iter().all(|slot| slot.fills != super::slot::LONE || slot.entry.is_none())
        );
        let used = self.slots.iter().filter(|slot| slot.entry.is_some() || slot.fills != NONE);
        assert_eq!(used.count(), self.index.len());
    }
}
