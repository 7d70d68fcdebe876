//! Coarse monotonic time, replaceable in tests.
//!
//! A hit must compare an expiry with "now". `Instant::now()` costs more than the rest of the hit, so
//! the coarse clock of the operating system is read instead; its resolution is one scheduler tick
//! (1 to 10 ms), which bounds how early or late an entry may expire.

use std::time::Duration;

mod source;

pub use source::Clock;
pub(crate) use source::ClockSource;

/// A point in time or a duration, in nanoseconds.
pub(crate) type Ticks = u64;

/// An expiry that never comes.
pub(crate) const NEVER: Ticks = u64::MAX;

/// The coarse monotonic clock.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
pub(crate) fn coarse_now() -> Ticks {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    // Since the machine was started: neither is negative, and the sum overflows after 584 years.
    #[allow(clippy::cast_sign_loss)]
    let now = (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64);
    now
}

/// The coarse monotonic clock.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[inline]
pub(crate) fn coarse_now() -> Ticks {
    // `now()` would also write a process-wide atomic: a shared write on every hit.
    let ticks = coarsetime::Instant::now_without_cache_update().as_ticks();
    // Of 2^-32 seconds.
    (ticks >> 32) * 1_000_000_000 + ((ticks & 0xffff_ffff) * 1_000_000_000 >> 32)
}

/// Converts a duration, saturating far below [`NEVER`].
pub(crate) const fn ticks(span: Duration) -> Ticks {
    const MOST: u128 = (NEVER / 2) as u128;
    let nanos = span.as_nanos();
    // No more than fits.
    #[allow(clippy::cast_possible_truncation)]
    let ticks = if nanos < MOST { nanos as u64 } else { NEVER / 2 };
    ticks
}

/// Converts a TTL; `None` means no expiry.
pub(crate) fn span(ttl: Option<Duration>) -> Ticks {
    ttl.map_or(NEVER, ticks)
}

/// The moment this duration after `now`.
pub(crate) fn deadline(now: impl FnOnce() -> Ticks, span: Ticks) -> Ticks {
    if span == NEVER { NEVER } else { now().checked_add(span).unwrap_or(NEVER - 1) }
}

/// Converts ticks back, for reports.
pub(crate) fn duration(ticks: Ticks) -> Duration {
    Duration::from_nanos(ticks)
}
