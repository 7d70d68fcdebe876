//! The state machine of a circuit breaker.
//!
//! Closed, it lets everything through. A number of failures in a row opens it, and nothing gets through for a pause.
//! Then one call gets through as a probe (half-open): a success closes the circuit, otherwise the next probe follows
//! after another pause. Calls that were in flight when it opened may still report their results: a success closes it,
//! too, and a failure does not extend the pause.
//!
//! Source: M. Nygard, "Release It!", 2nd edition, Circuit Breaker.
//!
//! Not part of the public interface: `cachekit` has one for each backend, too.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Failures in a row that open a circuit by default.
pub const FAILURES: u32 = 5;

/// One backend's circuit. Times are in any unit, since any moment, as long as the caller is consistent.
#[derive(Debug)]
pub struct Circuit {
    /// Failures in a row that open it.
    most: u32,
    pause: u64,
    failures: AtomicU32,
    /// 0 while it is closed.
    open_until: AtomicU64,
}

impl Circuit {
    /// A closed circuit. It opens after `most` failures in a row, at least one, for the length of the pause.
    pub const fn new(most: u32, pause: u64) -> Self {
        let most = if most == 0 { 1 } else { most };
        Self { most, pause, failures: AtomicU32::new(0), open_until: AtomicU64::new(0) }
    }

    /// Whether a call may use the backend now. After a pause one call may, as a probe. The clock is only read if
    /// the circuit is open.
    pub fn admits(&self, now: impl FnOnce() -> u64) -> bool {
        let until = self.open_until.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = now();
        now >= until
            && self
                .open_until
                .compare_exchange(until, self.again(now), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The backend answered. True if that is a change: it had failed before.
    pub fn succeeded(&self) -> bool {
        // Read first, because usually nothing needs to be written. Both are checked: a failure that was counted before
        // the last success may open the circuit after it.
        if self.failures.load(Ordering::Relaxed) == 0 && self.open_until().is_none() {
            return false;
        }
        self.failures.store(0, Ordering::Relaxed);
        self.open_until.store(0, Ordering::Relaxed);
        true
    }

    /// A call failed in a way that counts. True if the circuit is open now.
    pub fn failed(&self, now: u64) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let opens = failures >= self.most;
        // Failures while it is open do not extend the pause.
        if opens && self.open_until.load(Ordering::Relaxed) <= now {
            self.open_until.store(self.again(now), Ordering::Relaxed);
        }
        opens || self.open_until().is_some()
    }

    /// Until when it is open; `None` if it is closed.
    pub fn open_until(&self) -> Option<u64> {
        Some(self.open_until.load(Ordering::Relaxed)).filter(|until| *until != 0)
    }

    fn again(&self, now: u64) -> u64 {
        now.saturating_add(self.pause).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_lets_one_call_try() {
        let circuit = Circuit::new(FAILURES, 5);
        for _ in 0..FAILURES - 1 {
            assert!(!circuit.failed(1));
        }
        assert!(circuit.succeeded());
        assert!(!circuit.succeeded(), "no news");
        for failure in 1..=FAILURES {
            assert!(circuit.admits(|| 1));
            assert_eq!(circuit.failed(1), failure == FAILURES);
        }
        assert_eq!(circuit.open_until(), Some(6));
        assert!(!circuit.admits(|| 5));
        assert!(circuit.admits(|| 6), "one call may try");
        assert!(!circuit.admits(|| 6), "and no second one");
        assert!(circuit.failed(6));
        assert!(!circuit.admits(|| 10));
        assert!(circuit.admits(|| 11));
        // It never tells how that ended.
        assert!(!circuit.admits(|| 15));
        assert!(circuit.admits(|| 16));
        assert!(circuit.succeeded());
        assert_eq!(circuit.open_until(), None);
        assert!(circuit.admits(|| unreachable!()));
    }

    #[test]
    fn what_fails_while_it_is_open_makes_no_pause_longer() {
        let circuit = Circuit::new(1, 5);
        circuit.failed(1);
        for now in 2..6 {
            assert!(circuit.failed(now));
        }
        assert!(circuit.admits(|| 6));
        // The probe takes longer than a pause, and fails: the next one is a pause away.
        circuit.failed(13);
        assert!(!circuit.admits(|| 17));
        assert!(circuit.admits(|| 18));
    }

    #[test]
    fn a_failure_that_opens_it_behind_a_success_does_not_last() {
        // As if the success had come between the two steps of the failure.
        let circuit = Circuit::new(1, 5);
        let circuit = Circuit { most: 2, ..circuit };
        circuit.open_until.store(6, Ordering::Relaxed);
        assert!(circuit.admits(|| 6));
        assert!(circuit.failed(6), "it is open, whatever the count says");
        assert!(circuit.succeeded());
        assert!(circuit.admits(|| 6));
    }

    #[test]
    fn a_clock_that_begins_at_zero_and_no_pause_are_no_special_cases() {
        let circuit = Circuit::new(0, 0);
        assert!(circuit.failed(0), "one failure is the least");
        assert!(!circuit.admits(|| 0));
        assert!(circuit.admits(|| 1));
        let circuit = Circuit::new(1, u64::MAX);
        assert!(circuit.failed(u64::MAX));
        assert!(!circuit.admits(|| u64::MAX - 1));
    }
}
