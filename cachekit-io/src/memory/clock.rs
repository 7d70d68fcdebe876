//! The clock of the memory backend.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A clock that never goes back: the system's, or a mock clock.
///
/// # Example
///
/// ```
/// use cachekit_io::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let system = Clock::monotonic();
/// assert!(system.now() <= system.now());
///
/// let hands = ManualClock::new();
/// let clock = hands.clock();
/// hands.advance(Duration::from_secs(90));
/// assert_eq!(clock.now(), Duration::from_secs(90));
/// ```
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    Monotonic(Instant),
    Custom(Arc<dyn Fn() -> Duration + Send + Sync>),
}

impl Clock {
    /// The system's monotonic clock, starting now.
    pub fn monotonic() -> Self {
        Self(Source::Monotonic(Instant::now()))
    }

    /// A clock that calls `now` for the time since some fixed moment; it must not go back.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::Clock;
    /// use std::time::Duration;
    ///
    /// let stopped = Clock::from_fn(|| Duration::from_secs(7));
    /// assert_eq!(stopped.now(), Duration::from_secs(7));
    /// ```
    pub fn from_fn(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Source::Custom(Arc::new(now)))
    }

    /// The time since the clock's own start.
    pub fn now(&self) -> Duration {
        match &self.0 {
            Source::Monotonic(start) => start.elapsed(),
            Source::Custom(now) => now(),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::monotonic()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// The hands of a mock clock that stops until it is advanced.
///
/// Clones advance the same clock.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit_io::{Backend, BackendError, ManualClock, MemoryBackend, SetOptions};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let hands = ManualClock::new();
/// let backend = MemoryBackend::builder().clock(hands.clock()).build();
///
/// let options = SetOptions::new().ttl(Duration::from_secs(60));
/// backend.set("k", Bytes::from_static(b"v"), &options).await?;
/// hands.advance(Duration::from_secs(61));
/// assert!(backend.get("k").await?.is_none());
/// # Ok::<(), BackendError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    now: Arc<Mutex<Duration>>,
}

impl ManualClock {
    /// A clock that shows zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.saturating_add(by);
    }

    /// A clock with these hands.
    pub fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Clock::from_fn(move || *now.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Numbers that only grow, for the order of uses and for tokens.
#[derive(Debug, Default)]
pub(super) struct Sequence(AtomicU64);

impl Sequence {
    /// A number larger than all before it.
    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
