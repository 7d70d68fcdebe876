//! The fences of one shard: which fills may still store their value.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The memory of a fence besides its key.
const FENCE_OVERHEAD: usize = 96;

/// Outstanding fences by key.
///
/// A fence is remembered from when it is taken until the key is written or deleted, so nothing
/// needs to be kept about keys that no caller fills. Abandoned fences are bounded: the oldest is
/// dropped first, and its fill is then refused, which costs work but never causes a wrong value.
#[derive(Default)]
pub(super) struct Fences {
    by_key: HashMap<Arc<str>, u64>,
    by_age: BTreeMap<u64, Arc<str>>,
    cost: usize,
}

impl Fences {
    /// The number of the key's fence; `fresh_number` becomes it if there is none.
    pub(super) fn take(&mut self, key: &str, fresh_number: u64, max_cost: usize) -> u64 {
        if let Some(&number) = self.by_key.get(key) {
            return number;
        }
        let name: Arc<str> = key.into();
        self.by_key.insert(Arc::clone(&name), fresh_number);
        self.by_age.insert(fresh_number, name);
        self.cost += key.len() + FENCE_OVERHEAD;
        // The fence just taken stays even if it alone exceeds the bound.
        while self.cost > max_cost && self.by_age.len() > 1 {
            let Some((_, oldest)) = self.by_age.first_key_value() else { break };
            let oldest = Arc::clone(oldest);
            self.move_on(&oldest);
        }
        fresh_number
    }

    /// Whether this is the number of the key's fence.
    pub(super) fn stands(&self, key: &str, number: u64) -> bool {
        self.by_key.get(key) == Some(&number)
    }

    /// Moves the fence of a key that is written or deleted.
    pub(super) fn move_on(&mut self, key: &str) {
        if let Some(number) = self.by_key.remove(key) {
            self.by_age.remove(&number);
            self.cost -= key.len() + FENCE_OVERHEAD;
        }
    }

    /// How many fences are outstanding.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.by_key.len(), self.by_age.len());
        self.by_key.len()
    }
}
