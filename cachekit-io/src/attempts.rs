//! When to try again: the one rule of the retry layer and of the clients.
//!
//! A failed attempt [says](Says) whether there may be another ([`Again`]) and how soon one is worth it ([`When`]). The
//! caller knows whether doing it twice comes to the same as doing it once. The rest is here: how many attempts there are,
//! how long to wait, and that no wait is begun that does not end in time.

#[cfg(test)]
mod tests;

use crate::backoff::Backoff;
use std::time::{Duration, Instant};

/// Whether the same may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It would end the same way.
    Never,
    /// If doing it twice comes to the same as doing it once.
    IfRepeatable,
    /// Nothing was done for it: in any case.
    Unprocessed,
}

/// How soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// At once: a connection was at fault, and not the service.
    #[cfg(any(test, feature = "http", feature = "redis"))]
    AtOnce,
    /// After a while.
    Later,
}

/// What a failed attempt says of the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Says {
    pub(crate) again: Again,
    pub(crate) when: When,
    /// What the service asked for.
    pub(crate) retry_after: Option<Duration>,
}

/// How often, and how long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// How many attempts are made without a wait. Further attempts of this kind wait.
    pub(crate) at_once: u32,
    /// Attempts that are made after a wait.
    pub(crate) later: u32,
    pub(crate) backoff: Backoff,
}

/// The next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Now,
    At(Instant),
}

/// The attempts of one operation.
#[derive(Debug)]
pub(crate) struct Attempts {
    schedule: Schedule,
    deadline: Option<Instant>,
    at_once: u32,
    later: u32,
}

impl Attempts {
    /// With a deadline, no wait begins that ends after it. Without one, no wait is longer than the longest of the schedule: if
    /// the backend asks for more, there is no further attempt.
    pub(crate) fn new(schedule: Schedule, deadline: Option<Instant>) -> Self {
        Self { schedule, deadline, at_once: 0, later: 0 }
    }

    /// When there is another attempt after one that failed, if there is one.
    pub(crate) fn next(&mut self, says: Says, is_repeatable: bool, now: Instant) -> Option<Next> {
        self.next_at(says, is_repeatable, now, fastrand::f64())
    }

    /// The same for this place in the window, from 0 to 1.
    fn next_at(
        &mut self,
        says: Says,
        is_repeatable: bool,
        now: Instant,
        jitter: f64,
    ) -> Option<Next> {
        let may_repeat = match says.again {
            Again::Never => false,
            Again::IfRepeatable => is_repeatable,
            Again::Unprocessed => true,
        };
        if !may_repeat {
            return None;
        }
        if says.when != When::Later && self.at_once < self.schedule.at_once {
            self.at_once += 1;
            return Some(Next::Now);
        }
        if self.later >= self.schedule.later {
            return None;
        }
        let wait = self.schedule.backoff.at(self.later, jitter);
        let wait = wait.max(says.retry_after.unwrap_or_default());
        self.later += 1;
        let until = now.checked_add(wait)?;
        let is_in_time = match self.deadline {
            Some(deadline) => until < deadline,
            None => wait <= self.schedule.backoff.longest(),
        };
        is_in_time.then_some(Next::At(until))
    }
}
