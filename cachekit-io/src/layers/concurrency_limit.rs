//! A layer that bounds how many operations run at once.

use super::{Attempt, Call, Layer};
use crate::{BackendError, BackendErrorKind, BoxFuture, Operation, alarm, timed};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bounds how many operations run at once, so that a slow backend does not take the sockets and the time of the whole
/// program.
///
/// An operation above the limit waits for its turn, first come first served, for up to [`wait`](Self::wait); by default
/// it does not wait. Only this time bounds the number of waiting operations, each with its value. If its turn does not
/// come, it fails with [`Backpressure`](BackendErrorKind::Backpressure) without calling the backend. A batch counts as
/// one operation; [`health`](crate::Backend::health) checks and releases of locks do not count.
///
/// # Example
///
/// ```
/// use cachekit_io::layers::{ConcurrencyLimit, Layer};
/// use cachekit_io::{Backend, MemoryBackend};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let limit = ConcurrencyLimit::new(64).wait(Duration::from_millis(50));
/// let backend = limit.around(MemoryBackend::new());
/// assert!(backend.get("k").await.is_ok());
/// assert_eq!(backend.layer().free(), 64);
/// # });
/// ```
#[derive(Debug)]
pub struct ConcurrencyLimit {
    places: Semaphore,
    wait: Duration,
}

impl ConcurrencyLimit {
    /// This many operations at once, at least one.
    pub fn new(operations: usize) -> Self {
        let places = Semaphore::new(operations.clamp(1, Semaphore::MAX_PERMITS));
        Self { places, wait: Duration::ZERO }
    }

    /// How long an operation waits for its turn.
    #[must_use]
    pub fn wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// How many more operations could run now.
    pub fn free(&self) -> usize {
        self.places.available_permits()
    }

    async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.places.try_acquire() {
            return Some(place);
        }
        // Without the thread that keeps time, operations do not wait.
        if self.wait.is_zero() || alarm::start().is_err() {
            return None;
        }
        // Never closed.
        match Instant::now().checked_add(self.wait) {
            Some(end) => timed::before(end, self.places.acquire()).await?.ok(),
            None => self.places.acquire().await.ok(),
        }
    }
}

impl Layer for ConcurrencyLimit {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        Box::pin(async move {
            // These release something, or report the backend's state.
            if matches!(call.operation(), Operation::Health | Operation::Unlock) {
                return attempt.run().await;
            }
            let Some(_place) = self.enter().await else {
                return Err(call.error(BackendErrorKind::Backpressure));
            };
            attempt.run().await
        })
    }
}
