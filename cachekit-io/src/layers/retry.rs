//! A layer that repeats failed operations.

use super::{Attempt, Call, Layer};
use crate::{BackendError, BoxFuture, alarm, backoff, timed};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Repeats operations after passing failures ([`BackendError::is_retryable`]).
///
/// Before each retry it waits a random time: up to 100 ms, 200 ms and so on to 5 s, and at least what the backend asked
/// for. If the backend asks for more than 5 s, the operation is not repeated; nor is an operation that must not be done
/// twice ([`Attempt::may_repeat`]).
///
/// A write that was given up half-way, by a [`Deadline`](super::Deadline) for each attempt or by a lost connection, may
/// still arrive: after the retry that succeeded, and after anything the program or another process wrote or deleted
/// since. Callers to whom that matters write with a [fence](crate::Fencing), as `cachekit` does.
///
/// All operations share a [`RetryBudget`], so that retries do not multiply the load of a failing backend.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use cachekit_io::layers::{Layer, Retry};
/// use cachekit_io::testing::FaultyBackend;
/// use cachekit_io::{Backend, BackendErrorKind, MemoryBackend};
///
/// # pollster::block_on(async {
/// let stumbles = FaultyBackend::new(MemoryBackend::new());
/// stumbles.fail_next(1, BackendErrorKind::Transient);
/// let backend = Retry::new(2).around(stumbles);
/// assert!(backend.get("k").await.is_ok());
/// # });
/// # }
/// ```
#[derive(Debug)]
pub struct Retry {
    most: u32,
    budget: RetryBudget,
}

impl Retry {
    /// Up to this many additional attempts.
    pub fn new(retries: u32) -> Self {
        Self { most: retries, budget: RetryBudget::default() }
    }

    /// Replaces the default budget.
    #[must_use]
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }
}

impl Layer for Retry {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        _call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        Box::pin(async move {
            let mut made = 0;
            loop {
                let error = match attempt.run().await {
                    Ok(done) => {
                        self.budget.succeeded();
                        return Ok(done);
                    }
                    Err(error) => error,
                };
                let is_short = error.retry_after().is_none_or(|asked| asked <= backoff::LONGEST);
                let may_retry = error.is_retryable()
                    // Also where this call is not tried again: it says how the backend is.
                    && self.budget.failed()
                    && attempt.may_repeat()
                    && is_short
                    && made < self.most
                    // Without the thread that keeps time there is no waiting.
                    && alarm::start().is_ok();
                if !may_retry {
                    return Err(error);
                }
                let wait = backoff::wait(made, error.retry_after(), fastrand::f64());
                timed::sleep(Instant::now() + wait).await;
                made += 1;
            }
        })
    }
}

/// Which share of the traffic may be retries.
///
/// A failed attempt costs a token, a success earns a fraction of one, and the number of tokens is bounded by the
/// budget. While no more than half of them are left, nothing is retried: a budget of two or fewer allows no retries. So
/// a backend that fails now and then gets its retries, and one that is down does not.
///
/// Source: gRPC proposal A6, "Throttling Retry Attempts and Hedged RPCs".
///
/// # Example
///
/// ```
/// use cachekit_io::layers::{Retry, RetryBudget};
///
/// // 50 failures in a row stop retries; after that each success pays for a fifth of one.
/// let retry = Retry::new(3).budget(RetryBudget::new(100, 0.2));
/// # let _ = retry;
/// ```
#[derive(Debug)]
pub struct RetryBudget {
    /// In thousandths of a token.
    left: AtomicU32,
    most: u32,
    success: u32,
}

const TOKEN: u32 = 1000;

impl RetryBudget {
    /// A full budget of this many tokens, at most 1,000,000. Each success adds this fraction of a token: from 0 to 1,
    /// rounded up to thousandths.
    pub fn new(tokens: u32, success: f64) -> Self {
        let most = tokens.min(1_000_000) * TOKEN;
        // From 0 to 1000.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let success = (success.clamp(0.0, 1.0) * f64::from(TOKEN)).ceil() as u32;
        Self { left: AtomicU32::new(most), most, success }
    }

    fn succeeded(&self) {
        // Read first: in good times nothing is written.
        if self.left.load(Ordering::Relaxed) < self.most {
            self.change(|left| left.saturating_add(self.success).min(self.most));
        }
    }

    /// Takes a token. Returns whether there are enough left for a retry.
    fn failed(&self) -> bool {
        self.change(|left| left.saturating_sub(TOKEN)) > self.most / 2
    }

    /// The tokens left after a change.
    fn change(&self, change: impl Fn(u32) -> u32) -> u32 {
        let mut left = self.left.load(Ordering::Relaxed);
        loop {
            let after = change(left);
            let swapped =
                self.left.compare_exchange_weak(left, after, Ordering::Relaxed, Ordering::Relaxed);
            match swapped {
                Ok(_) => return after,
                Err(now) => left = now,
            }
        }
    }
}

/// Ten tokens, and a tenth of one for each success.
impl Default for RetryBudget {
    fn default() -> Self {
        Self::new(10, 0.1)
    }
}
