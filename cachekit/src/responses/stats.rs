//! The counters of a layer.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of the requests of one layer since it was built.
///
/// Every request counts once among `hits`, `misses` and `passes`; a change counts among the `passes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseStats {
    /// Requests that were answered from the cache, including by a response that another request was waiting for.
    pub hits: u64,
    /// Those of them that were answered by a stale response, while the handler made a new one (RFC 5861 §3) or because
    /// the handler failed (§4).
    pub stale_hits: u64,
    /// Requests whose handler ran so that its response could be stored.
    pub misses: u64,
    /// Requests that went to the handler without storing anything: methods, partial requests, credentials, targets that
    /// returned nothing to store recently.
    pub passes: u64,
    /// Answers without a body, because the client already has it (304).
    pub not_modified: u64,
    /// Requests that invalidated stored responses, each counted once: changes, and requests whose answer says that a
    /// stale response is no longer valid, or that responses vary on more fields than were known. Calls of
    /// `invalidate` and `clear` count, too.
    pub invalidations: u64,
    /// Entries of this process: responses, and what they vary on.
    pub entries: u64,
    /// Their weight, in bytes.
    pub weight: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) stale_hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) passes: AtomicU64,
    pub(super) not_modified: AtomicU64,
    pub(super) invalidations: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn read(&self, entries: usize, weight: u64) -> ResponseStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ResponseStats {
            hits: of(&self.hits),
            stale_hits: of(&self.stale_hits),
            misses: of(&self.misses),
            passes: of(&self.passes),
            not_modified: of(&self.not_modified),
            invalidations: of(&self.invalidations),
            entries: entries as u64,
            weight,
        }
    }
}
