//! What would become of a call, and why.

use super::erased::Typed;
use crate::entry::AnyEntry;
use crate::explain::{Explanation, Process, ProcessState, Shared};
use crate::shape::Shape;

impl<K, S> Typed<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// The entry of this process, as it is now.
    fn explain_local(&self) -> Process {
        let entry = self.store.peek(self.hash);
        let Some(entry) = entry.as_ref().and_then(|entry| self.own(&**entry)) else {
            return Process::ABSENT;
        };
        let mut process = self.store.explain_entry(entry.head());
        let may_be_served = matches!(process.state, ProcessState::Fresh | ProcessState::Stale);
        // Only what is sealed has to be opened for it.
        if S::SEALED
            && may_be_served
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
            None => Shared::not_used(),
        };
        self.store.explain(self.hash, self.function.label(), process, shared)
    }
}
