//! The table of a thread cache: sets of two slots, and which of them an entry may be in.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::counters::ThreadCounters;
use crate::entry::{Head, Resident};

/// Entries a thread's cache can hold, over all caches. At this size 1,000 hot keys find all but 3 % of
/// themselves a slot; the table takes 128 KiB of a thread that uses caches.
#[cfg(test)]
pub(super) const SLOTS: usize = SETS * WAYS;

const SETS: usize = 2048;

/// Slots an entry can be in. Two of them are one cache line.
const WAYS: usize = 2;

pub(super) struct Slot {
    /// Half of the entry's hash. The key decides; this only spares comparing it for nothing.
    pub(super) tag: Cell<u32>,
    /// It was used since a newcomer came: the next one is turned away.
    pub(super) used: Cell<bool>,
    /// Borrowed slot by slot: a mark for the whole table would be written by every hit, and each would
    /// have to wait for the one before.
    pub(super) entry: RefCell<Option<Resident>>,
}

impl Slot {
    /// How much would be lost with what is in it, for an entry with this tag. 0: nothing, it is its own.
    pub(super) fn worth(&self, tag: u32) -> u32 {
        match self.entry.try_borrow().as_deref() {
            // The user's code is at work on it.
            Err(_) => u32::MAX,
            Ok(None) => 1,
            Ok(Some(_)) if self.tag.get() == tag => 0,
            Ok(Some(_)) => 2 + u32::from(self.used.get()),
        }
    }

    /// Takes the entry out if it is dead, to be dropped by the caller.
    pub(super) fn take_dead(&self) -> Taken {
        let Ok(mut entry) = self.entry.try_borrow_mut() else { return Taken::InUse };
        if !entry.as_ref().is_some_and(|entry| entry.head().is_dead()) {
            return Taken::Nothing;
        }
        self.used.set(false);
        entry.take().map_or(Taken::Nothing, Taken::Dead)
    }
}

/// What was in a slot to let go of.
pub(super) enum Taken {
    Nothing,
    Dead(#[allow(dead_code)] Resident),
    /// The user's code is at work on it.
    InUse,
}

#[repr(align(64))]
pub(super) struct Set(pub(super) [Slot; WAYS]);

/// The table, and where its hits are counted.
pub(super) struct Table {
    sets: Box<[Set; SETS]>,
    counters: Arc<ThreadCounters>,
}

/// The upper bits and the lower ones choose the set together: the hashes of numbers in a row are as far from each other, and
/// with some seeds either alone would leave many sets empty.
#[inline]
fn index(hash: u64) -> usize {
    // The masked value is below SETS.
    #[allow(clippy::cast_possible_truncation)]
    let index = (hash ^ (hash >> (u64::BITS - SETS.ilog2()))) as usize & (SETS - 1);
    index
}

#[inline]
pub(super) fn tag(hash: u64) -> u32 {
    // The upper bits are left out on purpose.
    #[allow(clippy::cast_possible_truncation)]
    let tag = hash as u32;
    tag
}

impl Table {
    // What does not depend on the types is in functions of its own, which are compiled once and not for
    // each pair of them.

    /// An empty one. It is made on the heap: a thread's stack may not have the room.
    pub(super) fn new(counters: Arc<ThreadCounters>) -> Self {
        let empty =
            || Slot { tag: Cell::new(0), used: Cell::new(false), entry: RefCell::new(None) };
        let sets: Vec<Set> = (0..SETS).map(|_| Set([empty(), empty()])).collect();
        let sets = sets.into_boxed_slice().try_into();
        Self { sets: sets.unwrap_or_else(|_| unreachable!("SETS sets")), counters }
    }

    /// The set of the entries with this hash.
    #[inline]
    pub(super) fn set(&self, hash: u64) -> &Set {
        &self.sets[index(hash)]
    }

    /// All sets.
    pub(super) fn sets(&self) -> &[Set] {
        &self.sets[..]
    }

    /// The slot that may hold the entry with this hash.
    #[inline]
    pub(super) fn slot(&self, hash: u64) -> Option<&Slot> {
        let [first, second] = &self.set(hash).0;
        let slot = if first.tag.get() == tag(hash) { first } else { second };
        if slot.tag.get() == tag(hash) { Some(slot) } else { None }
    }

    /// Counts a hit.
    #[inline]
    pub(super) fn count(&self, slot: &Slot, head: &Head) {
        if !slot.used.get() {
            slot.used.set(true);
        }
        head.visit();
        // Last: it may be a call, for which nothing is to be kept then.
        self.counters.hit(head.counter());
    }
}
