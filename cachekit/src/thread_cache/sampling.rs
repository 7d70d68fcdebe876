//! Which hits have spans. It is here because each thread keeps a copy beside its entries.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use super::gone;

/// One hit in this many has a span; 0 means none.
static SAMPLED: AtomicU32 = AtomicU32::new(0);

/// Sets how many hits have spans. Each thread reads it before its next hit, as it does when an entry has ended.
pub(crate) fn sample_hits(one_in: u32) {
    SAMPLED.store(one_in, Ordering::Relaxed);
    gone::note(std::iter::once(0));
}

/// One hit in this many has a span; 0 means none.
#[inline]
pub(crate) fn sampled() -> u32 {
    SAMPLED.load(Ordering::Relaxed)
}

/// Whether hits may have spans: a thread's copy of what the process is told, which costs a hit less to read.
pub(super) struct Sampling(Cell<bool>);

impl Sampling {
    pub(super) const fn new() -> Self {
        Self(Cell::new(false))
    }

    /// Whether hits may have spans.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.0.get()
    }

    /// Copies what the process is told.
    pub(super) fn read(&self) {
        self.0.set(sampled() != 0);
    }

    #[cfg(test)]
    pub(super) fn turn_on(&self) {
        self.0.set(true);
    }
}
