//! Removes entries: expired ones, a few at a time, and those that `purge` and `clear` name.

use super::out::{Cause, Out};
use super::shard::Inner;
use crate::clock::{NEVER, Ticks};
use crate::entry::AnyEntry;

/// How many slots are checked for expired entries whenever an entry comes in.
const LOOKS: usize = 2;

/// Where expired entries are looked for, and from when on that is worth it.
pub(super) struct Sweep {
    /// No entry expires before.
    pub(super) earliest: Ticks,
    hand: usize,
    /// The earliest among the entries that this turn has passed.
    passed: Ticks,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { earliest: NEVER, hand: 0, passed: NEVER }
    }
}

impl Sweep {
    #[inline]
    pub(super) fn expects(&mut self, ends: Ticks) {
        // Mostly neither changes, and then nothing is written.
        if ends < self.earliest {
            self.earliest = ends;
        }
        if ends < self.passed {
            self.passed = ends;
        }
    }

    /// Begins a turn, over other slots.
    pub(super) fn start_over(&mut self) {
        (self.hand, self.passed) = (0, self.earliest);
    }

    fn seen(&mut self, ends: Ticks) {
        self.passed = self.passed.min(ends);
    }

    /// The next slot, out of this many. After a full turn it is known when the next one is worth it.
    fn next(&mut self, slots: usize) -> usize {
        self.hand += 1;
        if self.hand >= slots {
            self.hand = 0;
            self.earliest = std::mem::replace(&mut self.passed, NEVER);
        }
        self.hand
    }
}

impl Inner {
    /// Checks a few slots in passing and removes expired entries, whether requested or not. Skips the entry that just
    /// came in.
    #[cold]
    #[inline(never)]
    pub(super) fn sweep_some(&mut self, newest: u32, now: Ticks, out: &mut Out) {
        for _ in 0..LOOKS {
            let at = self.sweep.next(self.slots.len());
            let Some(entry) = &self.slots[at].entry else { continue };
            if !entry.head().is_over(now) || at == newest as usize {
                self.sweep.seen(entry.head().first_end());
                continue;
            }
            #[allow(clippy::cast_possible_truncation)] // There are fewer than 2^32.
            self.take(at as u32, Cause::Expired, out);
        }
    }

    /// Removes expired entries.
    pub(super) fn purge(&mut self, now: Ticks, out: &mut Out) {
        self.drop_if(Cause::Expired, out, |entry| entry.head().is_over(now));
        self.compact();
    }

    /// Removes all entries.
    pub(super) fn drain(&mut self, out: &mut Out) {
        self.drop_if(Cause::Cleared, out, |_| true);
        self.compact();
    }

    fn drop_if(&mut self, cause: Cause, out: &mut Out, drops: impl Fn(&dyn AnyEntry) -> bool) {
        for at in 0..self.slots.len() {
            if self.slots[at].entry.as_ref().is_some_and(|entry| drops(&**entry)) {
                #[allow(clippy::cast_possible_truncation)] // There are fewer than 2^32.
                self.take(at as u32, cause, out);
            }
        }
    }
}
