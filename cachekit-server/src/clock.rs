//! The server's time: since 1970, and never going back.

use cachekit_io::Clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The system's time of day, made monotonic.
///
/// It runs with the monotonic clock and follows the wall clock forward, never back: a wall clock that is
/// set back must not extend TTLs, and a suspended machine must count the time it slept.
///
/// # Example
///
/// ```
/// let clock = cachekit_server::wall_clock();
/// assert!(clock.now() <= clock.now());
/// ```
pub fn wall_clock() -> Clock {
    let start = Instant::now();
    // The wall-clock time at `start`, in nanoseconds; grows when the wall clock jumps ahead.
    let origin = AtomicU64::new(0);
    Clock::from_fn(move || {
        let elapsed = start.elapsed();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seen = u64::try_from(wall.saturating_sub(elapsed).as_nanos()).unwrap_or(u64::MAX);
        let known = origin.load(Ordering::Relaxed);
        let best =
            if seen > known { origin.fetch_max(seen, Ordering::Relaxed).max(seen) } else { known };
        Duration::from_nanos(best) + elapsed
    })
}

/// A moment in milliseconds since 1970, as the server's clock counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Later than every moment: the expiry of entries that never expire.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment that a clock shows.
    pub fn of(clock: &Clock) -> Self {
        Self::from_millis(u64::try_from(clock.now().as_millis()).unwrap_or(u64::MAX))
    }

    /// The moment this many milliseconds after the beginning of 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the beginning of 1970.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The moment `seconds` later.
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// The moment `millis` later.
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this moment; zero if it is not earlier.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
