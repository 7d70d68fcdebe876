//! Results that were not stored, by key: what explanations say of a call that misses again and again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
// Plain std on purpose: what is noted here is no part of what the model checker explores.
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::explain::NotStored;

/// How many keys are remembered, the last ones.
const REMEMBERED: usize = 256;

/// Why the last results of some keys were not stored.
#[derive(Default)]
pub(super) struct Unkept {
    /// How many there are, so that runs whose results are stored need no lock where there are none.
    count: AtomicUsize,
    keys: Mutex<VecDeque<(u64, NotStored)>>,
}

impl Unkept {
    fn keys(&self) -> MutexGuard<'_, VecDeque<(u64, NotStored)>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The result for a key was not stored.
    pub(super) fn note(&self, hash: u64, why: NotStored) {
        let mut keys = self.keys();
        keys.retain(|(other, _)| *other != hash);
        if keys.len() == REMEMBERED {
            keys.pop_front();
        }
        keys.push_back((hash, why));
        self.count.store(keys.len(), Ordering::Relaxed);
    }

    /// The result for a key is stored.
    #[inline]
    pub(super) fn forget(&self, hash: u64) {
        if self.count.load(Ordering::Relaxed) > 0 {
            self.forget_key(hash);
        }
    }

    #[cold]
    fn forget_key(&self, hash: u64) {
        let mut keys = self.keys();
        keys.retain(|(other, _)| *other != hash);
        self.count.store(keys.len(), Ordering::Relaxed);
    }

    pub(super) fn why(&self, hash: u64) -> Option<NotStored> {
        self.keys().iter().find(|(other, _)| *other == hash).map(|(_, why)| *why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_keys_are_remembered_until_one_is_stored() {
        let unkept = Unkept::default();
        unkept.forget(1);
        for hash in 0..300 {
            unkept.note(hash, NotStored::Condition);
        }
        unkept.note(299, NotStored::Error);
        assert_eq!(unkept.keys().len(), REMEMBERED);
        assert_eq!(unkept.why(43), None);
        assert_eq!(unkept.why(44), Some(NotStored::Condition));
        assert_eq!(unkept.why(299), Some(NotStored::Error));
        unkept.forget(299);
        assert_eq!(unkept.why(299), None);
        assert_eq!(unkept.count.load(Ordering::Relaxed), REMEMBERED - 1);
    }
}
