//! A layer that repeats failed operations.

use super::{Attempt, Call, Layer};
use crate::attempts::{Again, Attempts, Next, Says, Schedule, When};
use crate::backoff::Backoff;
use crate::{BackendError, BoxFuture, alarm, timed};
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Before the first retry, the second and so on.
const BACKOFF: Backoff = Backoff::full(Duration::from_millis(100), Duration::from_secs(5));

/// Repeats operations after passing failures ([`BackendError::is_retryable`]).
///
/// Before each retry it waits a random time: up to 100 ms, 200 ms and so on to 5 s, and at least what the backend asked
/// for. If the backend asks for more than 5 s, the operation is not repeated; nor is an operation that must not be done
/// twice ([`Attempt::may_repeat_after`]).
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
    schedule: Schedule,
    budget: Option<RetryBudget>,
}

/// A failed attempt, and what it says of the next one.
pub(crate) trait Failed: Sized {
    fn says(&self) -> Says;

    /// Whether nothing was done for it.
    fn did_nothing(&self) -> bool {
        self.says().again == Again::Unprocessed
    }

    /// It is not known that nothing was done: an attempt before it may have done it.
    fn maybe_processed(self) -> Self;
}

impl Failed for BackendError {
    fn says(&self) -> Says {
        let again = match (self.is_retryable(), self.is_unprocessed()) {
            (false, _) => Again::Never,
            (true, false) => Again::IfRepeatable,
            (true, true) => Again::Unprocessed,
        };
        // A client that could go on at once has done so.
        Says { again, when: When::Later, retry_after: self.retry_after() }
    }

    fn maybe_processed(self) -> Self {
        Self::maybe_processed(self)
    }
}

impl Retry {
    /// Up to this many additional attempts.
    pub fn new(retries: u32) -> Self {
        let schedule = Schedule { at_once: 0, later: retries, backoff: BACKOFF };
        Self { schedule, budget: Some(RetryBudget::default()) }
    }

    /// For a client that knows which attempts may follow at once: so many of them. Without a budget.
    #[cfg(feature = "http")]
    pub(crate) fn of_client(retries: u32, at_once: u32) -> Self {
        Self { schedule: Schedule { at_once, later: retries, backoff: BACKOFF }, budget: None }
    }

    /// Replaces the default budget.
    #[must_use]
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// How many attempts more than one, those at once aside.
    #[cfg(feature = "http")]
    pub(crate) fn most(&self) -> u32 {
        self.schedule.later
    }

    /// Attempts until one succeeds, or there is to be no other. Also returns whether an attempt before the one that
    /// succeeded may have done the work.
    pub(crate) async fn run<T, F, A>(
        &self,
        deadline: Option<Instant>,
        is_repeatable: impl Fn(&F) -> bool,
        mut attempt: impl FnMut() -> A,
    ) -> Result<(T, bool), F>
    where
        F: Failed,
        A: Future<Output = Result<T, F>>,
    {
        let (mut attempts, mut maybe_processed) = (None, false);
        loop {
            let failure = match attempt().await {
                Ok(done) => {
                    if let Some(budget) = &self.budget {
                        budget.succeeded();
                    }
                    return Ok((done, maybe_processed));
                }
                Err(failure) => failure,
            };
            let attempts = attempts.get_or_insert_with(|| Attempts::new(self.schedule, deadline));
            match self.next(attempts, &failure, &is_repeatable) {
                Some(Next::Now) => {}
                Some(Next::At(until)) => timed::sleep(until).await,
                None if maybe_processed => return Err(failure.maybe_processed()),
                None => return Err(failure),
            }
            maybe_processed |= !failure.did_nothing();
        }
    }

    #[cold]
    fn next<F: Failed>(
        &self,
        attempts: &mut Attempts,
        failure: &F,
        is_repeatable: impl Fn(&F) -> bool,
    ) -> Option<Next> {
        let says = failure.says();
        // Also where this call is not tried again: it says how the backend is.
        let is_hopeless = says.again == Again::Never;
        if is_hopeless || !self.budget.as_ref().is_none_or(RetryBudget::failed) {
            return None;
        }
        let next = attempts.next(says, is_repeatable(failure), Instant::now());
        // Without the thread that keeps time there is no waiting.
        next.filter(|next| *next == Next::Now || alarm::start().is_ok())
    }
}

impl Layer for Retry {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        _call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        Box::pin(async move {
            let done = self.run(None, |error| attempt.may_repeat_after(error), || attempt.run());
            Ok(done.await?.0)
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
