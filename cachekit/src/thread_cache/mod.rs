//! The thread cache: each thread's small two-way table of entries that it used lately.
//!
//! A hit in the thread cache takes no lock and, but for a mark at the first use after eviction looked, writes no memory
//! that another thread reads. It stays coherent because the entries themselves carry an "alive" flag: the thread that
//! invalidates, replaces or evicts an entry clears the flag, and every thread cache sees that on its next look at the
//! entry.
//!
//! A thread cache lets go of entries that ended: of those that its own thread ended at once, of others at the thread's
//! next call of any cached function ([`gone`]). So what thread caches keep alive beyond their stores is what threads hold
//! that make no call, up to as many entries as a [`table`] has slots, until they end.

use std::cell::{Cell, OnceCell, Ref};
use std::sync::Arc;

use crate::clock::Ticks;
use crate::counters::{self, CounterId, ThreadCounters};
use crate::entry::{Entry, Head, Resident, StoreNumber};
use crate::sync::per_thread;

use self::sampling::Sampling;
use self::table::{Set, Slot, Table, Taken};

mod gone;
#[cfg_attr(not(feature = "tracing"), path = "unsampled.rs")]
pub(crate) mod sampling;
mod table;
#[cfg(test)]
mod tests;

/// Hits from the store for each entry that is remembered.
const HITS_PER_ADMISSION: u32 = 8;

pub(crate) struct ThreadCache {
    /// The test scope this thread is in, 0 outside.
    scope: Cell<u64>,
    /// The next call is to run its function.
    forced: Cell<bool>,
    /// Whether calls of functions take the long way: in a test scope, if the next call is forced, and if hits may have spans.
    special: Cell<bool>,
    /// How many entries of thread caches had ended when this thread looked last.
    seen: Cell<u64>,
    /// The same for look-ups: they compare it, and pass the thread cache by if it is another number. Where they are always to do
    /// that, it is a number that never comes.
    expected: Cell<u64>,
    table: OnceCell<Table>,
    counters: OnceCell<Arc<ThreadCounters>>,
    /// Hits that the store served to this thread.
    served: Cell<u32>,
    sampling: Sampling,
}

impl ThreadCache {
    const fn new() -> Self {
        Self {
            scope: Cell::new(0),
            forced: Cell::new(false),
            special: Cell::new(false),
            seen: Cell::new(0),
            expected: Cell::new(0),
            table: OnceCell::new(),
            counters: OnceCell::new(),
            served: Cell::new(0),
            sampling: Sampling::new(),
        }
    }
}

per_thread! {
    static THREAD_CACHE: ThreadCache = ThreadCache::new();
}

/// Runs `f` with this thread's cache; `None` while the thread is being torn down.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&ThreadCache) -> R) -> Option<R> {
    THREAD_CACHE.try_with(f).ok()
}

/// The test scope this thread is in, 0 outside.
pub(crate) fn scope() -> u64 {
    with(|thread_cache| thread_cache.scope.get()).unwrap_or(0)
}

/// Entries have ended: no thread cache is to keep those that one may hold. This thread's lets go of them now.
pub(crate) fn ended<'a>(entries: impl Iterator<Item = (u64, &'a Head)>) {
    let held = entries.filter(|(_, head)| head.is_in_thread_caches()).map(|(hash, _)| hash);
    if gone::note(held) {
        with(ThreadCache::catch_up);
    }
}

/// What a look-up asks for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) store: StoreNumber,
    pub(crate) hash: u64,
    /// Only if no observer may want to hear of the hit: the caller tells none.
    pub(crate) quietly: bool,
}

/// A slot, and what is in it.
struct Candidate<'a> {
    table: &'a Table,
    slot: &'a Slot,
    resident: Ref<'a, Option<Resident>>,
}

/// The entry, if it is of these types, alive, and in that store.
#[inline]
fn of_store<K: 'static, V: 'static>(
    resident: Option<&Resident>,
    store: StoreNumber,
) -> Option<&Entry<K, V>> {
    let entry: &Entry<K, V> = resident?.typed()?;
    if entry.head.is_of(store) { Some(entry) } else { None }
}

/// No number of entries that ended.
const NOTHING: u64 = u64::MAX;

impl ThreadCache {
    /// Moves the thread into a test scope (0: out of all).
    pub(crate) fn enter(&self, scope: u64) {
        self.scope.set(scope);
        self.set_special();
    }

    fn set_special(&self) {
        let special = self.is_shut() || self.sampling.is_on();
        self.special.set(special);
        self.expected.set(if special { NOTHING } else { self.seen.get() });
    }

    /// Whether the next call is one that the thread cache knows nothing of: forced, or in a test scope.
    fn is_shut(&self) -> bool {
        self.forced.get() || self.scope.get() != 0
    }

    /// Makes the thread's next call of a cached function run the function.
    pub(crate) fn force(&self, forced: bool) {
        self.forced.set(forced);
        self.set_special();
    }

    /// Whether the next call of a function takes the long way: forced, in a test scope, or observed.
    #[inline]
    pub(crate) fn is_special(&self) -> bool {
        self.special.get()
    }

    /// Whether the next call is to run the function.
    pub(crate) fn is_forced(&self) -> bool {
        self.forced.get()
    }

    /// Serves an entry if this thread has it, it is alive and fresh, and its key is the one asked for. It is counted as a
    /// hit if `served` says so of what was read.
    ///
    /// Compiled into each function, so it is short: what does not depend on a function's closures is in functions of
    /// their own, closures are borrowed and there is no `?`, which all cost the compiler time.
    #[inline]
    #[allow(clippy::question_mark)]
    pub(crate) fn get<K, V, R>(
        &self,
        wanted: Wanted,
        now: impl Fn() -> Ticks + Copy,
        same: impl Fn(&K) -> bool + Copy,
        read: impl FnOnce(&V) -> R,
        served: impl FnOnce(&R) -> bool,
    ) -> Option<R>
    where
        K: 'static,
        V: 'static,
    {
        let Some(Candidate { table, slot, resident }) = self.held(wanted) else { return None };
        let Some(entry) = of_store::<K, V>(resident.as_ref(), wanted.store) else { return None };
        if !entry.head.is_fresh_now(now) || !same(&entry.key) {
            return None;
        }
        let value = read(&entry.value);
        if served(&value) {
            table.count(slot, &entry.head);
        }
        Some(value)
    }

    /// What this thread has under a hash. Apart from [`get`](Self::get), which is compiled into each function.
    #[inline]
    fn held(&self, Wanted { hash, quietly, .. }: Wanted) -> Option<Candidate<'_>> {
        if gone::count() != self.expected.get() && self.passes_by(quietly) {
            return None;
        }
        let table = self.table.get()?;
        let slot = table.slot(hash)?;
        // The user's `Eq` and `Clone` run meanwhile, and may come back here: a shared borrow lets them read, and
        // `remember` gives way.
        let resident = slot.entry.try_borrow().ok()?;
        Some(Candidate { table, slot, resident })
    }

    /// Counts a hit that the store served, and remembers the entry now and then: a hot key comes
    /// again soon, and a cold key would only push others out. Whether observers may want to hear of it.
    #[inline]
    pub(crate) fn served(&self, counter: CounterId, hash: u64, entry: &Resident) -> bool {
        self.counters.get_or_init(ThreadCounters::register).hit(counter);
        let served = self.served.get().wrapping_add(1);
        self.served.set(served);
        if served.is_multiple_of(HITS_PER_ADMISSION) {
            self.remember(hash, entry);
        }
        self.sampling.is_on()
    }

    /// Puts an entry into its slot, unless what is there was used since the last newcomer came.
    #[inline(never)]
    fn remember(&self, hash: u64, entry: &Resident) {
        let head = entry.head();
        if self.scope.get() != 0 || head.store() == 0 || head.is_ruled() {
            // Stores of test scopes come and go, one without a number could be taken for another, and what a use does
            // to an entry whose time moves by rules, only its cache knows.
            return;
        }
        let table = self.table.get_or_init(|| {
            Table::new(Arc::clone(self.counters.get_or_init(ThreadCounters::register)))
        });
        let tag = table::tag(hash);
        let [first, second] = &table.set(hash).0;
        // Its own slot, else an empty one, else the less used one.
        let slot = if first.worth(tag) <= second.worth(tag) { first } else { second };
        let mut dropped = None;
        if slot.tag.get() != tag && slot.used.get() {
            slot.used.set(false);
        } else if let Ok(mut held) = slot.entry.try_borrow_mut()
            && head.enter_thread_cache()
        {
            dropped = held.replace(Arc::clone(entry));
            slot.tag.set(tag);
            slot.used.set(false);
        }
        // Its destructor runs only now: it may call back into the cache.
        drop(dropped);
    }

    /// Lets go of the entries that ended since this was done last.
    #[cold]
    #[inline(never)]
    pub(crate) fn catch_up(&self) {
        let ended = gone::since(self.seen.get());
        self.see(ended.count);
        let Some(table) = self.table.get() else { return };
        let mut in_use = false;
        let mut again = Again { thread_cache: self, count: ended.count, needed: true };
        // What is taken is dropped before the next slot is looked at: its destructor may call back into the cache, or panic.
        let mut let_go = |set: &Set| {
            for slot in &set.0 {
                in_use |= matches!(slot.take_dead(), Taken::InUse);
            }
        };
        match &ended.hashes {
            Some(hashes) => hashes.iter().for_each(|hash| let_go(table.set(hash))),
            // Too many to know them all.
            None => table.sets().iter().for_each(let_go),
        }
        again.needed = in_use;
    }

    fn see(&self, count: u64) {
        self.seen.set(count);
        self.sampling.read();
        self.set_special();
    }

    /// Whether a look-up is to pass the thread cache by. Something may have ended since this thread looked last.
    #[cold]
    #[inline(never)]
    fn passes_by(&self, quietly: bool) -> bool {
        self.settle();
        if quietly { self.special.get() } else { self.is_shut() }
    }

    /// Lets go of what ended while the user's code was at work on it.
    #[inline]
    pub(crate) fn settle(&self) {
        if gone::count() != self.seen.get() {
            self.catch_up();
        }
    }
}

/// Has the thread cache look through all of its slots at the next call: something is still in use, or a destructor panicked before
/// all were looked at.
struct Again<'a> {
    thread_cache: &'a ThreadCache,
    count: u64,
    needed: bool,
}

impl Drop for Again<'_> {
    fn drop(&mut self) {
        if self.needed {
            self.thread_cache.see(self.count.wrapping_sub(gone::RECENT + 1));
        }
    }
}

impl Drop for ThreadCache {
    fn drop(&mut self) {
        if let Some(counters) = self.counters.get() {
            counters::retire(counters);
        }
    }
}
