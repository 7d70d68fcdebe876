//! When to try again, and for how long at most.

use crate::backoff;
use std::time::{Duration, Instant};

/// Requests that the service certainly did not see are repeated at once, but not for ever.
const MAX_UNSENT: u32 = 3;

/// The attempts of one operation.
#[derive(Debug)]
pub(super) struct Attempts {
    deadline: Instant,
    retries_left: u32,
    unsent_left: u32,
    made: u32,
}

impl Attempts {
    pub(super) fn new(deadline: Instant, max_retries: u32) -> Self {
        Self { deadline, retries_left: max_retries, unsent_left: MAX_UNSENT, made: 0 }
    }

    /// Whether to repeat at once what never reached the service because an old connection was gone.
    pub(super) fn repeat_unsent(&mut self) -> bool {
        let allowed = self.unsent_left > 0;
        self.unsent_left = self.unsent_left.saturating_sub(1);
        allowed
    }

    /// Until when to wait before the next attempt; `None` if there is no next attempt, because the retries are
    /// used up or the wait would not end before the deadline. `jitter` is from 0 to 1.
    pub(super) fn next(
        &mut self,
        now: Instant,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> Option<Instant> {
        self.retries_left = self.retries_left.checked_sub(1)?;
        let wait = backoff::wait(self.made, retry_after, jitter);
        self.made += 1;
        let until = now.checked_add(wait)?;
        (until < self.deadline).then_some(until)
    }
}

/// Reads `Retry-After`: only whole seconds, as the API sends them. A date is ignored.
pub(super) fn retry_after(value: &[u8]) -> Option<Duration> {
    if value.is_empty() || value.len() > 9 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(Duration::from_secs(seconds))
}
