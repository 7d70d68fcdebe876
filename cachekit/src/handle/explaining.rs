//! What would happen to a call, and why.

use super::erased::Typed;
use crate::entry::AnyEntry;
use crate::explain::{Explanation, Process, ProcessState, Shared};
use crate::shape::Shape;

impl<K, S> Typed<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// The entry of this process, in its current state.
    fn explain_local(&self) -> Process {
        let Some(store) = self.store.found() else { return Process::ABSENT };
        let entry = store.peek(self.hash);
        let Some(entry) = entry.as_ref().and_then(|entry| self.own(&**entry)) else {
            return Process::ABSENT;
        };
        let mut process = store.explain_entry(entry.head());
        // Only a sealed entry must be opened for that.
        if S::SEALED
            && process.is_served()
            && let Err(refusal) = S::read(&entry.value)
        {
            process.state = ProcessState::Refused(refusal.into());
        }
        process
    }

    pub(super) async fn explained(&self) -> Explanation {
        let process = self.explain_local();
        let shared = match &self.remote {
            Some(remote) => remote.explain().await,
            None => (Shared::not_used(), false),
        };
        let cache = self.function.label();
        if let Some(store) = self.store.found() {
            return store.explain(self.hash, cache, process, shared);
        }
        // It was never called.
        let (shared, is_refused) = shared;
        Explanation::of(cache, process, shared).concluded(crate::disabled(), is_refused)
    }
}
