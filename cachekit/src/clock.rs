//! Coarse monotonic time, replaceable in tests.
//!
//! A hit has to compare an expiry with "now". `Instant::now()` costs more than the rest of the hit, so
//! the coarse clock of the operating system is read instead; its resolution is one scheduler tick
//! (1 to 10 ms), which bounds how early or late an entry may expire.

use std::time::Duration;

/// A point in time or a span, in units of 2^-32 seconds.
pub(crate) type Ticks = u64;

/// An expiry that never comes.
pub(crate) const NEVER: Ticks = u64::MAX;

/// The coarse monotonic clock.
#[inline]
pub(crate) fn coarse_now() -> Ticks {
    // `now()` would also write a process-wide atomic: a shared write on every hit.
    coarsetime::Instant::now_without_cache_update().as_ticks()
}

/// Converts a span, saturating far below [`NEVER`].
pub(crate) fn ticks(span: Duration) -> Ticks {
    const MAX_SECONDS: u64 = (u32::MAX / 2) as u64;
    if span.as_secs() >= MAX_SECONDS {
        return MAX_SECONDS << 32;
    }
    let fraction = (u64::from(span.subsec_nanos()) << 32) / 1_000_000_000;
    // A positive span shorter than one tick must not become zero.
    ((span.as_secs() << 32) | fraction).max(u64::from(!span.is_zero()))
}

/// Converts a time to live; `None` does not end.
pub(crate) fn span(ttl: Option<Duration>) -> Ticks {
    ttl.map_or(NEVER, ticks)
}

/// The moment a span after `now`.
pub(crate) fn deadline(now: impl FnOnce() -> Ticks, span: Ticks) -> Ticks {
    if span == NEVER { NEVER } else { now().saturating_add(span).min(NEVER - 1) }
}

/// Converts ticks back, for reports.
pub(crate) fn duration(ticks: Ticks) -> Duration {
    let nanos = ((ticks & 0xffff_ffff) * 1_000_000_000) >> 32;
    Duration::new(ticks >> 32, u32::try_from(nanos).unwrap_or(999_999_999))
}
