//! Refreshes that recently failed, of values that only the shared tier has.
//!
//! An entry of this process records that itself. A value that the shared tier calls stale has no entry
//! here, and without this record its function would run once more for every call while its source is down.

use std::collections::HashMap;

use crate::clock::Ticks;
use crate::entry::StoreNumber;
use crate::sync::{Mutex, lock};

/// Maximum number of records. Above that a failing refresh is tried again sooner, and memory stays small.
const LIMIT: usize = 8192;

/// Identifies an entry well enough: another entry with the same mark also waits a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mark {
    pub(super) store: StoreNumber,
    pub(super) hash: u64,
}

/// Until when each entry is paused.
#[derive(Debug, Default)]
pub(super) struct Pauses(Mutex<HashMap<Mark, Ticks>>);

impl Pauses {
    /// Pauses the entry until then.
    pub(super) fn begin(&self, mark: Mark, now: Ticks, until: Ticks) {
        let mut paused = lock(&self.0);
        if paused.len() >= LIMIT {
            paused.retain(|_, until| *until > now);
        }
        if paused.len() < LIMIT || paused.contains_key(&mark) {
            paused.insert(mark, until);
        }
    }

    /// Whether the entry is paused.
    pub(super) fn is_on(&self, mark: Mark, now: Ticks) -> bool {
        let mut paused = lock(&self.0);
        let Some(until) = paused.get(&mark) else { return false };
        let on = *until > now;
        if !on {
            paused.remove(&mark);
        }
        on
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, Mark, Pauses};

    fn mark(hash: usize) -> Mark {
        Mark { store: 0, hash: hash as u64 }
    }

    #[test]
    fn a_pause_is_for_one_entry_and_ends() {
        let pauses = Pauses::default();
        pauses.begin(mark(1), 0, 10);
        assert!(pauses.is_on(mark(1), 9));
        assert!(!pauses.is_on(mark(2), 9));
        assert!(!pauses.is_on(Mark { store: 1, hash: 1 }, 9));
        assert!(!pauses.is_on(mark(1), 10));
    }

    #[test]
    fn notes_are_bounded_and_those_that_ended_make_room() {
        let pauses = Pauses::default();
        for hash in 0..2 * LIMIT {
            pauses.begin(mark(hash), 0, 10);
        }
        assert!(pauses.is_on(mark(0), 9) && !pauses.is_on(mark(LIMIT), 9));
        pauses.begin(mark(LIMIT), 10, 20);
        assert!(pauses.is_on(mark(LIMIT), 19) && !pauses.is_on(mark(0), 19));
    }
}
