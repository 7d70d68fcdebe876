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
use crate::entry::{AnyEntry, Entry, Owner};
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
const HITS_PER_TOUCH: u64 = 8;

/// Hits from the store for each entry that is remembered.
const HITS_PER_ADMISSION: u32 = 4;

/// A slot that was used keeps its place against this many newcomers at most.
const MAX_CREDIT: u32 = 4;

struct Slot {
    hash: u64,
    /// How many newcomers the entry outlives; renewed when a hit of it is in the sample.
    credit: Cell<u32>,
    entry: Option<Arc<dyn AnyEntry>>,
}

#[repr(align(64))]
struct Set([Slot; WAYS]);

type Table = Box<[Set; SETS]>;

fn new_table() -> Table {
    let empty = || Slot { hash: 0, credit: Cell::new(0), entry: None };
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
    table: RefCell<Option<Table>>,
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
            table: RefCell::new(None),
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
        // `same` and `read` run the user's `Eq` and `Clone`, which may come back here: a shared borrow
        // lets them read, and `remember` gives way.
        let table = self.table.try_borrow().ok()?;
        let table = table.as_deref()?;
        let [first, second] = &table[index(hash)].0;
        let slot = if first.hash == hash { first } else { second };
        if slot.hash != hash {
            return None;
        }
        let entry = slot.entry.as_deref()?.as_any().downcast_ref::<Entry<K, V>>()?;
        if entry.head.owner != owner || !entry.head.is_alive() {
            return None;
        }
        let expires = entry.head.expires();
        if expires != crate::clock::NEVER && expires <= now() {
            return None;
        }
        if !same(&entry.key) {
            return None;
        }
        let value = read(entry.value.get()?);
        let count = self.counters.get()?.hit(entry.head.counter);
        // An entry's first hit, and a sample of all hits: the more an entry is used, the likelier it is in
        // it. A count per slot would be a store to a place that only this look-up knows, and hold up the
        // next one.
        let first = slot.credit.get() == 0;
        let touch = first || count % HITS_PER_TOUCH == 0;
        if touch {
            slot.credit.set(if first { 1 } else { MAX_CREDIT });
        }
        Some(Hit { value, touch })
    }

    /// Counts a hit that the store served, and remembers the entry now and then: what is hot comes by
    /// again soon, and what is not would only push others out.
    pub(crate) fn served(&self, entry: &Arc<dyn AnyEntry>) {
        self.counters.get_or_init(ThreadCounters::register).hit(entry.head().counter);
        let served = self.served.get().wrapping_add(1);
        self.served.set(served);
        if served % HITS_PER_ADMISSION == 0 {
            self.remember(entry);
        }
    }

    /// Puts an entry into its slot, unless the slot's owner has earned to stay.
    fn remember(&self, entry: &Arc<dyn AnyEntry>) {
        let hash = entry.head().hash;
        let mut dropped = (None, None);
        if let Ok(mut table) = self.table.try_borrow_mut() {
            let table = table.get_or_insert_with(new_table);
            let [first, second] = &mut table[index(hash)].0;
            // Its own slot, else an empty one, else the less used one.
            let worth = |slot: &Slot| match slot.entry {
                Some(_) if slot.hash != hash => slot.credit.get() + 2,
                Some(_) => 0,
                None => 1,
            };
            let slot = if worth(first) <= worth(second) { first } else { second };
            if slot.hash == hash || slot.credit.get() == 0 {
                dropped.0 = slot.entry.replace(Arc::clone(entry));
                slot.hash = hash;
                slot.credit.set(0);
            } else {
                // The less used one gives way, once it has used up its credit.
                slot.credit.set(slot.credit.get() / 2);
            }
            dropped.1 = self.sweep_next(table);
        }
        // Destructors of dropped values run only now: they may call back into the cache.
        drop(dropped);
    }

    /// Looks at one slot in passing, and takes its entry if it is dead.
    fn sweep_next(&self, table: &mut Table) -> Option<Arc<dyn AnyEntry>> {
        let at = self.hand.get();
        self.hand.set((at + 1) % SLOTS);
        let slot = &mut table[at / WAYS].0[at % WAYS];
        let dead = slot.entry.as_ref().is_some_and(|entry| entry.head().is_dead());
        if dead { slot.entry.take() } else { None }
    }

    /// Drops every dead entry of this thread's front.
    pub(crate) fn sweep(&self) {
        let mut dropped = Vec::new();
        if let Ok(mut table) = self.table.try_borrow_mut() {
            if let Some(table) = table.as_deref_mut() {
                for slot in table.iter_mut().flat_map(|set| &mut set.0) {
                    if slot.entry.as_ref().is_some_and(|entry| entry.head().is_dead()) {
                        dropped.extend(slot.entry.take());
                        slot.credit.set(0);
                    }
                }
            }
        }
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
