//! A layer that stops calls to a backend that is down.

use super::{Attempt, Call, Layer};
use crate::circuit::{Circuit, FAILURES};
use crate::{BackendError, BackendErrorKind, BoxFuture, Clock, Operation};
use std::time::Duration;

/// How long a circuit stays open by default.
const PAUSE: Duration = Duration::from_secs(5);

/// Stops calls to a backend that is down, so that not every operation waits to find that out.
///
/// Five failures in a row ([`BackendError::counts_for_breaker`]) open the circuit: for five seconds every operation fails
/// at once with [`CircuitOpen`](BackendErrorKind::CircuitOpen), whose
/// [`retry_after`](BackendError::retry_after) says how much longer. Then one operation is let through: if it succeeds,
/// the circuit closes; otherwise there is another pause. Other failures, such as a key that the backend rejects, change
/// nothing. [`health`](crate::Backend::health) checks and releases of locks always reach the backend, and their results
/// count.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use cachekit_io::layers::{CircuitBreaker, Layer};
/// use cachekit_io::testing::FaultyBackend;
/// use cachekit_io::{Backend, BackendErrorKind, ManualClock, MemoryBackend};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let (hands, down) = (ManualClock::new(), FaultyBackend::new(MemoryBackend::new()));
/// let breaker = CircuitBreaker::new().failures(2).pause(Duration::from_secs(1)).clock(hands.clock());
/// let backend = breaker.around(down.clone());
///
/// down.fail_next(2, BackendErrorKind::Transient);
/// assert!(backend.get("k").await.is_err());
/// assert!(backend.get("k").await.is_err());
/// assert!(backend.get("k").await.unwrap_err().is_circuit_open());
/// assert_eq!(down.calls().len(), 2);
///
/// hands.advance(Duration::from_secs(1));
/// assert!(backend.get("k").await.is_ok());
/// assert!(!backend.layer().is_open());
/// # });
/// # }
/// ```
#[derive(Debug)]
pub struct CircuitBreaker {
    failures: u32,
    pause: Duration,
    clock: Clock,
    circuit: Circuit,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self::new()
    }
}

impl CircuitBreaker {
    /// Opens after five failures in a row, for five seconds.
    pub fn new() -> Self {
        let circuit = Circuit::new(FAILURES, millis(PAUSE));
        Self { failures: FAILURES, pause: PAUSE, clock: Clock::monotonic(), circuit }
    }

    /// Opens after this many failures in a row; 0 counts as 1.
    #[must_use]
    pub fn failures(self, failures: u32) -> Self {
        let circuit = Circuit::new(failures, millis(self.pause));
        Self { failures, circuit, ..self }
    }

    /// Stays open for this long, in whole milliseconds.
    #[must_use]
    pub fn pause(self, pause: Duration) -> Self {
        let circuit = Circuit::new(self.failures, millis(pause));
        Self { pause, circuit, ..self }
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Whether the circuit is open: from when it opens until an operation succeeds.
    pub fn is_open(&self) -> bool {
        self.circuit.open_until().is_some()
    }

    fn now(&self) -> u64 {
        millis(self.clock.now())
    }

    fn refusal(&self, call: Call<'_>) -> BackendError {
        let left = self.circuit.open_until().unwrap_or_default().saturating_sub(self.now());
        call.error(BackendErrorKind::CircuitOpen).with_retry_after(Duration::from_millis(left))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Layer for CircuitBreaker {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        Box::pin(async move {
            // A lock that is not released makes others wait for it.
            let passes = matches!(call.operation(), Operation::Health | Operation::Unlock);
            if !passes && !self.circuit.admits(|| self.now()) {
                return Err(self.refusal(call));
            }
            let result = attempt.run().await;
            match &result {
                Ok(_) => {
                    self.circuit.succeeded();
                }
                // The backend is up, and has a newer value.
                Err(error) if error.is_superseded() => {
                    self.circuit.succeeded();
                }
                Err(error) if error.counts_for_breaker() => {
                    self.circuit.failed(self.now());
                }
                Err(_) => {}
            }
            result
        })
    }
}
