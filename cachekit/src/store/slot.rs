//! One hash's place in a shard: its entry, its fills, and its neighbours in a list.

use super::fills::KILLED;
use crate::entry::Resident;

/// No slot, or no fill.
pub(super) const NONE: u32 = u32::MAX;
/// One fill, which is in the slot itself ([`Slot::lone`]).
pub(super) const LONE: u32 = u32::MAX - 1;

/// A slot's queue. The first two slots are the heads of the lists.
pub(super) const WINDOW: u8 = 0;
pub(super) const MAIN: u8 = 1;
/// In no list: there is no entry in it.
pub(super) const NO_QUEUE: u8 = 2;

/// One hash's place.
pub(super) struct Slot {
    pub(super) hash: u64,
    pub(super) entry: Option<Resident>,
    /// The first of the fills of this hash.
    pub(super) fills: u32,
    pub(super) prev: u32,
    pub(super) next: u32,
    pub(super) queue: u8,
    /// How often eviction found it used, up to a few.
    pub(super) uses: u8,
    /// What is known of its lone fill.
    bits: u8,
}

impl Slot {
    pub(super) fn head(at: u32) -> Self {
        Self { prev: at, next: at, ..Self::of(0) }
    }

    pub(super) fn of(hash: u64) -> Self {
        Self {
            hash,
            entry: None,
            fills: NONE,
            prev: NONE,
            next: NONE,
            queue: NO_QUEUE,
            uses: 0,
            bits: 0,
        }
    }

    /// Begins a fill in an empty slot. Where there is no entry, there are no neighbours in a list: their places have the
    /// number of the fill.
    #[inline]
    pub(super) fn begin(&mut self, ticket: u64, bits: u8) {
        #[allow(clippy::cast_possible_truncation)] // Its two halves.
        let (low, high) = (ticket as u32, (ticket >> 32) as u32);
        (self.prev, self.next) = (low, high);
        (self.fills, self.bits) = (LONE, bits);
    }

    /// Makes it an empty one, before another. It has no entry, no fill, and is in no list.
    #[inline]
    pub(super) fn give_back(&mut self, next: u32) {
        (self.next, self.queue) = (next, NO_QUEUE);
    }

    /// The lone fill of a slot that has one: its number, and what is known of it.
    #[inline]
    pub(super) fn lone(&self) -> (u64, u8) {
        (u64::from(self.prev) | u64::from(self.next) << 32, self.bits)
    }

    /// What the lone fill computes is not to be stored.
    pub(super) fn kill_lone(&mut self) {
        self.bits |= KILLED;
    }
}
