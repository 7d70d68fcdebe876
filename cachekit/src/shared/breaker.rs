//! Leaving a backend alone that is down, so that not every miss pays for finding out.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use cachekit_io::Backend;

use super::outage::{Outages, Trouble};
use crate::clock::{self, Ticks};

/// Failures in a row after which a backend is left alone.
const FAILURES: u32 = 5;

/// For how long; then one call tries it again.
const PAUSE: Duration = Duration::from_secs(5);

/// What is known of one backend's health.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: AtomicU32,
    /// 0 while calls go through.
    open_until: AtomicU64,
    outages: Outages,
}

impl Breaker {
    /// Whether a call may ask the backend now. After a pause one call may, to find out.
    pub(crate) fn admits(&self, now: impl FnOnce() -> Ticks) -> bool {
        let until = self.open_until.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = now();
        let again = now.saturating_add(clock::ticks(PAUSE));
        now >= until
            && self
                .open_until
                .compare_exchange(until, again, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The backend answered.
    pub(crate) fn succeeded(&self, backend: &dyn Backend, now: impl FnOnce() -> Ticks) {
        // Read first: in good times nothing is written.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.open_until.store(0, Ordering::Relaxed);
            self.outages.ended(backend, now());
        }
    }

    /// An operation failed. Only some failures mean that the backend itself is in trouble.
    pub(crate) fn failed(&self, backend: &dyn Backend, now: Ticks, trouble: Trouble) {
        if !trouble.counts() {
            self.outages.refused(backend, now, trouble);
            return;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let open = failures >= FAILURES;
        if open {
            self.open_until.store(now.saturating_add(clock::ticks(PAUSE)), Ordering::Relaxed);
        }
        self.outages.went_on(backend, now, trouble, open);
    }
}

#[cfg(test)]
mod tests {
    use cachekit_io::{BackendErrorKind, MemoryBackend};

    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_lets_one_call_try() {
        let (breaker, backend) = (Breaker::default(), MemoryBackend::new());
        let failed = |at| breaker.failed(&backend, at, Trouble::Error(BackendErrorKind::Transient));
        let second = clock::ticks(Duration::from_secs(1));
        for _ in 0..FAILURES - 1 {
            failed(second);
        }
        breaker.succeeded(&backend, || second);
        for _ in 0..FAILURES {
            assert!(breaker.admits(|| second));
            failed(second);
        }
        assert!(!breaker.admits(|| 5 * second));
        assert!(breaker.admits(|| 6 * second), "one call may try");
        assert!(!breaker.admits(|| 6 * second), "and no second one");
        failed(6 * second);
        assert!(!breaker.admits(|| 10 * second));
        assert!(breaker.admits(|| 11 * second));
        breaker.succeeded(&backend, || 11 * second);
        assert!(breaker.admits(|| 11 * second) && breaker.admits(|| 11 * second));
        breaker.failed(&backend, second, Trouble::Error(BackendErrorKind::TooLarge));
        assert_eq!(breaker.failures.load(Ordering::Relaxed), 0, "a mistake is no outage");
    }
}
