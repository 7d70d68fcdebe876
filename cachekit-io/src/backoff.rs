//! How long to wait before another attempt.
//!
//! Exponential backoff with jitter: callers that failed together spread over a window that doubles with each wait.
//! Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

use std::time::Duration;

/// Windows that double, up to a longest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    /// The part of a window that is waited in any case.
    least: f64,
}

impl Backoff {
    /// Anywhere in the window ("full jitter").
    #[cfg(any(test, feature = "layers"))]
    pub(crate) const fn full(first: Duration, longest: Duration) -> Self {
        Self { first, longest, least: 0.0 }
    }

    /// Anywhere in the second half of the window ("equal jitter").
    #[cfg(any(test, feature = "http", feature = "redis"))]
    pub(crate) const fn half(first: Duration, longest: Duration) -> Self {
        Self { first, longest, least: 0.5 }
    }

    /// The longest wait.
    pub(crate) fn longest(&self) -> Duration {
        self.longest
    }

    /// The wait after `made` others.
    #[cfg(any(test, feature = "http", feature = "redis"))]
    pub(crate) fn wait(&self, made: u32) -> Duration {
        self.at(made, fastrand::f64())
    }

    /// The same for this place in the window, from 0 to 1.
    pub(crate) fn at(&self, made: u32, jitter: f64) -> Duration {
        let window = self.first.saturating_mul(1 << made.min(16)).min(self.longest);
        window.mul_f64(self.least + (1.0 - self.least) * jitter.clamp(0.0, 1.0))
    }
}
