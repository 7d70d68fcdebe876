//! A layer that bounds the duration of operations.

use super::{Attempt, Call, Layer};
use crate::{BackendError, BackendErrorKind, BoxFuture, alarm, timed};
use std::time::{Duration, Instant};

/// Bounds the duration of each operation, from its first poll on, including everything that the layers and the
/// backend inside do for it.
///
/// An operation that is not done by then is dropped, and the caller gets a
/// [`Timeout`](BackendErrorKind::Timeout). Whether the operation
/// happened is unknown. A thread of the process keeps the time, so it works on any executor.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use cachekit_io::layers::{Deadline, Layer};
/// use cachekit_io::testing::{Fault, FaultyBackend};
/// use cachekit_io::{Backend, MemoryBackend};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let hangs = FaultyBackend::new(MemoryBackend::new());
/// hangs.inject(Fault::wait(std::future::pending));
/// let backend = Deadline::new(Duration::from_millis(20)).around(hangs);
/// assert!(backend.get("k").await.unwrap_err().is_timeout());
/// # });
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Duration);

impl Deadline {
    /// This long for each operation.
    pub fn new(limit: Duration) -> Self {
        Self(limit)
    }
}

impl Deadline {
    /// When an operation ends that begins then; never if that is further away than the clock reaches.
    pub(crate) fn end(self, began: Instant) -> Option<Instant> {
        began.checked_add(self.0)
    }

    #[cfg(feature = "http")]
    pub(crate) fn limit(self) -> Duration {
        self.0
    }
}

impl Layer for Deadline {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        Box::pin(async move {
            let Some(end) = self.end(Instant::now()) else { return attempt.run().await };
            if let Err(error) = alarm::start() {
                let refusal = call.error(BackendErrorKind::Transient).with_source(error);
                return Err(refusal.with_context("the thread that keeps time does not start"));
            }
            let outcome = timed::before(end, attempt.run()).await;
            outcome.unwrap_or_else(|| {
                let error = call.error(BackendErrorKind::Timeout);
                Err(error.with_context(format!("nothing within {:?}", self.0)))
            })
        })
    }
}
