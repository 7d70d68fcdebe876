//! The settings of a memory backend.

use super::store::Store;
use super::{Clock, MemoryBackend};

/// Default size of all entries of a store: 64 MiB.
const DEFAULT_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Settings of a [`MemoryBackend`].
///
/// # Example
///
/// ```
/// use cachekit_io::{ManualClock, MemoryBackend};
///
/// let hands = ManualClock::new();
/// let backend = MemoryBackend::builder()
///     .max_bytes(1024 * 1024)
///     .clock(hands.clock())
///     .build();
/// assert!(backend.is_empty());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct MemoryBackendBuilder {
    max_bytes: usize,
    clock: Clock,
}

impl MemoryBackendBuilder {
    /// Maximum size of all entries together, including keys and a fixed overhead for each.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The clock of the store.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// An empty store with these settings.
    pub fn build(self) -> MemoryBackend {
        MemoryBackend::from_store(Store::new(self.max_bytes, self.clock))
    }
}

impl Default for MemoryBackendBuilder {
    fn default() -> Self {
        Self { max_bytes: DEFAULT_MAX_BYTES, clock: Clock::monotonic() }
    }
}
