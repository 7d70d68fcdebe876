//! The clock of a store: the system's clock, or a mock clock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Ticks;

/// The clock of a store.
#[derive(Clone)]
pub(crate) enum ClockSource {
    Coarse,
    Manual(Clock),
}

impl ClockSource {
    #[inline]
    pub(crate) fn now(&self) -> Ticks {
        match self {
            Self::Coarse => super::coarse_now(),
            Self::Manual(clock) => clock.now(),
        }
    }
}

/// A mock clock that stops until it is advanced. Clones show the same time.
///
/// # Example
///
/// ```
/// use cachekit::{Cache, testing::Clock};
/// use std::time::Duration;
///
/// let clock = Clock::new();
/// let cache = Cache::builder().ttl(Duration::from_secs(5)).clock(&clock).build();
/// cache.insert("k", 1);
/// clock.advance(Duration::from_secs(4));
/// assert_eq!(cache.get("k"), Some(1));
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(cache.get("k"), None);
/// ```
#[derive(Clone)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// A clock at an arbitrary time.
    pub fn new() -> Self {
        // Not zero, so that code which subtracts from "now" is exercised.
        Self(Arc::new(AtomicU64::new(1_000_000_000_000)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
            Some(now.saturating_add(nanos))
        });
    }

    pub(crate) fn now(&self) -> Ticks {
        // Kept in nanoseconds and converted as a whole: small steps must not lose their fractions.
        super::ticks(Duration::from_nanos(self.0.load(Ordering::SeqCst)))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&super::duration(self.now())).finish()
    }
}
