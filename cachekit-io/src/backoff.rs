//! How long to wait before another attempt.
//!
//! Exponential backoff with full jitter: callers that failed together spread over the whole of a growing window.
//! Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

use std::time::Duration;

/// The longest wait before the first retry; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(100);
/// What it does not grow beyond.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);

/// The wait before retry number `made`, counted from zero. `jitter` is from 0 to 1; what the backend asked for is the
/// least.
pub(crate) fn wait(made: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    let window = FIRST.saturating_mul(1 << made.min(16)).min(LONGEST);
    window.mul_f64(jitter.clamp(0.0, 1.0)).max(asked.unwrap_or_default())
}
