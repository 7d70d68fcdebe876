//! The per-thread front: a small two-way table of entries this thread used lately.
//!
//! A hit in the front takes no lock and writes no memory another thread reads. It stays coherent because
//! the entries themselves carry an "alive" flag: whoever invalidates, replaces or evicts an entry clears
//! the flag, and every thread's front sees that on its next look at the entry.
//!
//! What the front keeps alive beyond the store is bounded: [`SLOTS`] entries a thread, dead ones are
//! dropped when their slot is used again, by a sweep that advances with every entry remembered, and at
//! thread exit.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

use crate::clock::Ticks;
use crate::counters::{self, ThreadCounters};
use crate::entry::{AnyEntry, Head, Owner};
use crate::sync::per_thread;

#[cfg(test)]
mod tests;

/// Entries a thread's front can hold, over all caches. At this size 1,000 hot keys find all but 3 % of
/// themselves a slot; the table takes 128 KiB of a thread that uses caches.
pub(crate) const SLOTS: usize = SETS * WAYS;

const SETS: usize = 2048;

/// Slots an entry can be in. Two of them are one cache line.
const WAYS: usize = 2;

/// Hits after which the store hears that an entry is in use.
const HITS_PER_TOUCH: u64 = 4;

/// Hits from the store for each entry that is remembered.
const HITS_PER_ADMISSION: u32 = 4;

/// A slot that was used keeps its place against this many newcomers at most.
const MAX_CREDIT: u32 = 4;

struct Slot {
    /// Half of the entry's hash. The key decides; this only spares comparing it for nothing.
    tag: Cell<u32>,
    /// How many newcomers the entry outlives; renewed when a hit of it is in the sample.
    credit: Cell<u32>,
    /// Borrowed slot by slot: a mark for the whole table would be written by every hit, and each would
    /// have to wait for the one before.
    entry: RefCell<Option<Arc<AnyEntry>>>,
}

impl Slot {
    /// How much would be lost with what is in it, for an entry with this tag. 0: nothing, it is its own.
    fn worth(&self, tag: u32) -> u32 {
        match self.entry.try_borrow().as_deref() {
            // The user's code is at work on it.
            Err(_) => u32::MAX,
            Ok(None) => 1,
            Ok(Some(_)) if self.tag.get() == tag => 0,
            Ok(Some(_)) => self.credit.get() + 2,
        }
    }

    /// Takes the entry out if it is dead, to be dropped by the caller.
    fn take_dead(&self) -> Option<Arc<AnyEntry>> {
        let mut entry = self.entry.try_borrow_mut().ok()?;
        if !entry.as_ref()?.head.is_dead() {
            return None;
        }
        self.credit.set(0);
        entry.take()
    }
}

#[repr(align(64))]
struct Set([Slot; WAYS]);

type Table = Box<[Set; SETS]>;

fn new_table() -> Table {
    let empty = || Slot { tag: Cell::new(0), credit: Cell::new(0), entry: RefCell::new(None) };
    let sets: Vec<Set> = (0..SETS).map(|_| Set([empty(), empty()])).collect();
    sets.into_boxed_slice().try_into().unwrap_or_else(|_| unreachable!("SETS sets"))
}

/// What a hit gave.
pub(crate) struct Hit<R> {
    pub(crate) value: R,
    /// Time to tell the store that the entry is in use, lest it is evicted behind the front.
    pub(crate) touch: bool,
}

pub(crate) struct Front {
    /// The test scope this thread is in, 0 outside.
    scope: Cell<u64>,
    /// What look-ups of functions use as their scope: [`FORCED`] while the next call has to miss.
    pub(crate) effective: Cell<u64>,
    table: OnceCell<Table>,
    counters: OnceCell<Arc<ThreadCounters>>,
    /// Next slot the sweep looks at.
    hand: Cell<usize>,
    /// Hits that the store served to this thread.
    served: Cell<u32>,
}

impl Front {
    const fn new() -> Self {
        Self {
            scope: Cell::new(0),
            effective: Cell::new(0),
            table: OnceCell::new(),
            counters: OnceCell::new(),
            hand: Cell::new(0),
            served: Cell::new(0),
        }
    }
}

per_thread! {
    static FRONT: Front = Front::new();
}

/// Runs `f` with this thread's front; `None` while the thread is being torn down.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&Front) -> R) -> Option<R> {
    FRONT.try_with(f).ok()
}

/// The test scope this thread is in, 0 outside.
pub(crate) fn scope() -> u64 {
    with(|front| front.scope.get()).unwrap_or(0)
}

#[inline]
fn index(hash: u64) -> usize {
    // The masked value is below SLOTS.
    #[allow(clippy::cast_possible_truncation)]
    let index = (hash ^ (hash >> 32)) as usize & (SETS - 1);
    index
}

#[inline]
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A scope that owns nothing, so that the front has no hit for it.
const FORCED: u64 = u64::MAX;

impl Front {
    /// Moves the thread into a test scope (0: out of all).
    pub(crate) fn enter(&self, scope: u64) {
        self.scope.set(scope);
        self.effective.set(scope);
    }

    /// Makes the thread's next call of a cached function run the function.
    pub(crate) fn force(&self, forced: bool) {
        self.effective.set(if forced { FORCED } else { self.scope.get() });
    }

    /// Whether the next call is to run the function.
    pub(crate) fn is_forced(&self) -> bool {
        self.effective.get() == FORCED
    }

    /// Serves an entry if this thread has it, it is alive and fresh, and its key is the one asked for.
    #[inline]
    pub(crate) fn get<K, V, R>(
        &self,
        owner: Owner,
        hash: u64,
        now: impl FnOnce() -> Ticks,
        same: impl FnOnce(&K) -> bool,
        read: impl FnOnce(&V) -> R,
    ) -> Option<Hit<R>>
    where
        K: 'static,
        V: 'static,
    {
        let slot = self.slot(hash)?;
        // `same` and `read` run the user's `Eq` and `Clone`, which may come back here: a shared borrow
        // lets them read, and `remember` gives way.
        let entry = slot.entry.try_borrow().ok()?;
        let entry = entry.as_deref()?;
        if entry.head.owner != owner || !entry.head.is_alive() {
            return None;
        }
        let expires = entry.head.expires();
        if expires != crate::clock::NEVER && expires <= now() {
            return None;
        }
        let body = entry.body_as::<K, V>()?;
        if !same(&body.key) {
            return None;
        }
        let value = read(body.value.get()?);
        let touch = self.count(slot, &entry.head)?;
        Some(Hit { value, touch })
    }

    // What does not depend on the types is in functions of its own, which are compiled once and not for
    // each pair of them.

    /// The slot that may hold the entry with this hash.
    #[inline]
    fn slot(&self, hash: u64) -> Option<&Slot> {
        let [first, second] = &self.table.get()?[index(hash)].0;
        let slot = if first.tag.get() == tag(hash) { first } else { second };
        if slot.tag.get() == tag(hash) { Some(slot) } else { None }
    }

    /// Counts a hit. True: the store should hear of it.
    #[inline]
    fn count(&self, slot: &Slot, head: &Head) -> Option<bool> {
        let count = self.counters.get()?.hit(head.counter);
        // An entry's first hit, and a sample of all hits: the more an entry is used, the likelier it is in
        // it. A count per slot would be a store to a place that only this look-up knows, and hold up the
        // next one.
        let first = slot.credit.get() == 0;
        let touch = first || count % HITS_PER_TOUCH == 0;
        if touch {
            slot.credit.set(if first { 1 } else { MAX_CREDIT });
        }
        Some(touch)
    }

    /// Counts a hit that the store served, and remembers the entry now and then: what is hot comes by
    /// again soon, and what is not would only push others out.
    pub(crate) fn served(&self, entry: &Arc<AnyEntry>) {
        self.counters.get_or_init(ThreadCounters::register).hit(entry.head.counter);
        let served = self.served.get().wrapping_add(1);
        self.served.set(served);
        if served.is_multiple_of(HITS_PER_ADMISSION) {
            self.remember(entry);
        }
    }

    /// Puts an entry into its slot, unless the slot's owner has earned to stay.
    fn remember(&self, entry: &Arc<AnyEntry>) {
        let table = self.table.get_or_init(new_table);
        let (hash, tag) = (entry.head.hash, tag(entry.head.hash));
        let [first, second] = &table[index(hash)].0;
        // Its own slot, else an empty one, else the less used one.
        let slot = if first.worth(tag) <= second.worth(tag) { first } else { second };
        let mut dropped = None;
        if slot.tag.get() == tag || slot.credit.get() == 0 {
            if let Ok(mut held) = slot.entry.try_borrow_mut() {
                dropped = held.replace(Arc::clone(entry));
                slot.tag.set(tag);
                slot.credit.set(0);
            }
        } else {
            // The less used one gives way, once it has used up its credit.
            slot.credit.set(slot.credit.get() / 2);
        }
        let swept = self.sweep_next(table);
        // Destructors of dropped values run only now: they may call back into the cache.
        drop((dropped, swept));
    }

    /// Looks at one slot in passing, and takes its entry if it is dead.
    fn sweep_next(&self, table: &Table) -> Option<Arc<AnyEntry>> {
        let at = self.hand.get();
        self.hand.set((at + 1) % SLOTS);
        table[at / WAYS].0[at % WAYS].take_dead()
    }

    /// Drops every dead entry of this thread's front.
    pub(crate) fn sweep(&self) {
        let slots = self.table.get().into_iter().flat_map(|table| table.iter());
        let dropped: Vec<_> = slots.flat_map(|set| &set.0).filter_map(Slot::take_dead).collect();
        drop(dropped);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(counters) = self.counters.get() {
            counters::retire(counters);
        }
    }
}
