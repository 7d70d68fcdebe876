//! Which refreshes brought nothing just now, of values that stand in the shared tier only.
//!
//! An entry of this process notes it in itself. A value that the shared tier calls stale has none here, and
//! without a note its function would run once more for every call while its source is down.

use std::collections::HashMap;

use crate::clock::Ticks;
use crate::sync::{Mutex, lock};

/// Notes kept at the same time. Beyond it a failing refresh is tried again sooner, and memory stays small.
const LIMIT: usize = 8192;

/// Until when each hash is left alone.
#[derive(Debug, Default)]
pub(super) struct Pauses(Mutex<HashMap<u64, Ticks>>);

impl Pauses {
    /// Leaves the entry of this hash alone until then.
    pub(super) fn begin(&self, hash: u64, now: Ticks, until: Ticks) {
        let mut paused = lock(&self.0);
        if paused.len() >= LIMIT {
            paused.retain(|_, until| *until > now);
        }
        if paused.len() < LIMIT || paused.contains_key(&hash) {
            paused.insert(hash, until);
        }
    }

    /// Whether the entry of this hash is to be left alone.
    pub(super) fn is_on(&self, hash: u64, now: Ticks) -> bool {
        let mut paused = lock(&self.0);
        let Some(until) = paused.get(&hash) else { return false };
        let on = *until > now;
        if !on {
            paused.remove(&hash);
        }
        on
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, Pauses};

    #[test]
    fn a_pause_is_for_one_hash_and_ends() {
        let pauses = Pauses::default();
        pauses.begin(1, 0, 10);
        assert!(pauses.is_on(1, 9));
        assert!(!pauses.is_on(2, 9));
        assert!(!pauses.is_on(1, 10));
    }

    #[test]
    fn notes_are_bounded_and_those_that_ended_make_room() {
        let pauses = Pauses::default();
        for hash in 0..2 * LIMIT as u64 {
            pauses.begin(hash, 0, 10);
        }
        assert!(pauses.is_on(0, 9) && !pauses.is_on(LIMIT as u64, 9));
        pauses.begin(LIMIT as u64, 10, 20);
        assert!(pauses.is_on(LIMIT as u64, 19) && !pauses.is_on(0, 19));
    }
}
