//! What explanations read from a store. Nothing here counts as a use of an entry.

use super::Store;
use crate::clock::{self, NEVER, Ticks};
use crate::entry::Head;
use crate::explain::{Explanation, NotStored, Process, ProcessState, Shared};
use crate::sync::lock;

impl Store {
    /// The result for a key was not stored.
    #[cold]
    pub(crate) fn note_unkept(&self, hash: u64, why: NotStored) {
        self.unkept.note(hash, why);
    }

    /// The current state of an entry.
    pub(crate) fn explain_entry(&self, head: &Head) -> Process {
        let now = self.now();
        let (expires, ends) = (head.expires(), head.ends());
        let until = |end: Ticks| (end != NEVER).then(|| clock::duration(end.saturating_sub(now)));
        let over = clock::duration(now.saturating_sub(expires));
        let weight = Some(head.weight());
        let entry = |state, left, over| Process { state, left, over, weight };
        if !head.is_alive() {
            return if head.is_dead() {
                Process::ABSENT
            } else {
                entry(ProcessState::Doubted, until(expires), None)
            };
        }
        match () {
            () if expires > now => entry(ProcessState::Fresh, until(expires), None),
            () if ends > now => entry(ProcessState::Stale, until(ends), Some(over)),
            () => entry(ProcessState::Expired, None, Some(over)),
        }
    }

    /// What is known of a call besides its entries.
    pub(crate) fn explain(
        &self,
        hash: u64,
        cache: String,
        process: Process,
        (shared, is_refused): (Shared, bool),
    ) -> Explanation {
        let mut explained = Explanation::of(cache, process, shared);
        explained.is_running = self.is_filling(hash);
        // The result of a parallel run may not have been stored although there is a value.
        explained.not_stored = self.unkept.why(hash).filter(|_| !explained.process.is_served());
        explained.cost = self.observed.mean_fill();
        explained.concluded(self.is_disabled(), is_refused)
    }

    /// Whether a call that comes now could wait for one that runs.
    fn is_filling(&self, hash: u64) -> bool {
        let mut inner = lock(&self.shard(hash).inner);
        inner.find(hash).is_some_and(|at| inner.joinable(at).is_some())
    }
}
