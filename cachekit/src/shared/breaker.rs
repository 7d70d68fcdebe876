//! The circuit breaker: it stops calls to a backend that is down, so that not every miss waits to
//! find that out.

use std::time::Duration;

use cachekit_io::Backend;
use cachekit_io::circuit::{Circuit, FAILURES};

use super::outage::Outages;
use super::runtime::Failed;
use crate::clock::{self, Ticks};

/// How long it stays open; then one call tries the backend again.
const PAUSE: Duration = Duration::from_secs(5);

/// What is known of one backend's health.
#[derive(Debug)]
pub(crate) struct Breaker {
    circuit: Circuit,
    outages: Outages,
}

impl Default for Breaker {
    fn default() -> Self {
        let circuit = Circuit::new(FAILURES, clock::ticks(PAUSE));
        Self { circuit, outages: Outages::default() }
    }
}

impl Breaker {
    /// Whether a call may use the backend now. After a pause one call may, as a probe.
    pub(crate) fn admits(&self, now: impl FnOnce() -> Ticks) -> bool {
        self.circuit.admits(now)
    }

    /// Whether calls skip the backend.
    pub(crate) fn is_open(&self) -> bool {
        self.circuit.open_until().is_some()
    }

    /// The backend answered.
    pub(crate) fn succeeded(&self, backend: &dyn Backend, now: impl FnOnce() -> Ticks) {
        if self.circuit.succeeded() {
            self.outages.ended(backend, now());
        }
    }

    /// An operation failed. Only some failures mean that the backend itself is in trouble.
    pub(crate) fn failed(&self, backend: &dyn Backend, now: Ticks, failed: Failed) {
        if failed.kind().is_some_and(|kind| !kind.counts_for_breaker()) {
            self.outages.refused(backend, now, failed);
            return;
        }
        let open = self.circuit.failed(now);
        self.outages.went_on(backend, now, failed, open);
    }
}

#[cfg(test)]
mod tests {
    use cachekit_io::{BackendErrorKind, MemoryBackend};

    use super::*;

    #[test]
    fn mistakes_are_no_outage() {
        let (breaker, backend) = (Breaker::default(), MemoryBackend::new());
        for _ in 0..=FAILURES {
            breaker.failed(&backend, 1, Failed::Error(BackendErrorKind::TooLarge));
        }
        assert!(breaker.admits(|| 1));
        for _ in 0..FAILURES {
            assert!(breaker.admits(|| 1));
            breaker.failed(&backend, 1, Failed::Error(BackendErrorKind::Transient));
        }
        assert!(!breaker.admits(|| clock::ticks(PAUSE)));
        assert!(breaker.admits(|| clock::ticks(PAUSE) + 1));
    }
}
