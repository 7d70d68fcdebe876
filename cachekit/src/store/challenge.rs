//! Which of two entries stays that are worth the same.

use super::slot::NONE;

/// Decides between a candidate and an entry of main that are worth the same.
///
/// Usually the entry stays. But counters end at 15, and an old entry may share its counters with keys in use, so an
/// entry that is no longer used could stay forever. A candidate that comes back before the entry is used has been
/// requested once more often than the entry, and wins. It is not known which candidate will come back. So one is
/// remembered, and replaced by a later one each time the number of candidates has doubled. This finds a loop of any
/// length, as in Brent's algorithm for cycles ("An Improved Monte Carlo Factorization Algorithm", BIT 1980). In a
/// loop over more keys than there is room for, the entry is used before any candidate comes back, and stays.
pub(super) struct Challenge {
    /// The entry that stands.
    opponent: u32,
    /// The hash of a candidate that lost to it.
    candidate: u64,
    /// How many have lost to it.
    lost: u32,
    /// How many more entries of main have been unused for as long. They lose, too, unless they were used since.
    stale: usize,
}

impl Default for Challenge {
    fn default() -> Self {
        Self { opponent: NONE, candidate: 0, lost: 0, stale: 0 }
    }
}

impl Challenge {
    /// Whether the candidate wins. There are so many entries.
    pub(super) fn wins(&mut self, candidate: u64, opponent: u32, entries: usize) -> bool {
        if self.stale > 0 {
            return true;
        }
        if self.opponent != opponent {
            (self.opponent, self.candidate, self.lost) = (opponent, candidate, 1);
            return false;
        }
        if self.candidate == candidate {
            self.opponent = NONE;
            self.stale = entries;
            return true;
        }
        self.lost = self.lost.saturating_add(1);
        if self.lost.is_power_of_two() {
            self.candidate = candidate;
        }
        false
    }

    /// An entry has left main, or has gone to its end because it was used.
    #[inline]
    pub(super) fn passed(&mut self, opponent: u32) {
        self.stale = self.stale.saturating_sub(1);
        if self.opponent == opponent {
            self.opponent = NONE;
        }
    }
}
