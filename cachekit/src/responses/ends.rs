//! How often entries were ended in this process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Number of counts. Two keys may share a count. Then an invalidation of one also keeps the stale response of the
/// other from standing in for the failure of a run in flight. With many counts that is rare.
const COUNTS: usize = 1 << 16;

/// Counts of ended entries, by the hash of their keys.
///
/// They are for a run over a response that this process does not have itself, or whose rule it does not have. If it
/// has the entry, the entry itself shows whether it was invalidated.
#[derive(Default)]
pub(super) struct Ends {
    /// Made when the first entry ends.
    counts: OnceLock<Box<[AtomicU32]>>,
    /// How often all of them were.
    all: AtomicU64,
}

impl Ends {
    /// How often an entry with this hash was ended so far, or another one that shares its count.
    pub(super) fn of(&self, hash: u64) -> u64 {
        let all = self.all.load(Ordering::Acquire);
        let own = self.counts.get().map_or(0, |counts| counts[at(hash)].load(Ordering::Acquire));
        all + u64::from(own)
    }

    /// An entry with this hash has ended.
    pub(super) fn count(&self, hash: u64) {
        let make = || (0..COUNTS).map(|_| AtomicU32::new(0)).collect();
        self.counts.get_or_init(make)[at(hash)].fetch_add(1, Ordering::AcqRel);
    }

    /// All entries have.
    pub(super) fn count_all(&self) {
        self.all.fetch_add(1, Ordering::AcqRel);
    }
}

/// The low bits of a hash.
fn at(hash: u64) -> usize {
    usize::from(u16::try_from(hash % COUNTS as u64).unwrap_or_default())
}
