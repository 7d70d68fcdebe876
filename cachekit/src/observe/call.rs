//! One call that found nothing in this process, from its look-up to its end.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::spans::{self, Entered, Spans};
use super::{Cause, Observed, Outcome, measures};

/// One call that found nothing in this process.
pub(crate) struct Call {
    run: Run,
    spans: Spans,
}

/// A run of the function: why, and since when, in one number, since misses are handed about by value.
///
/// 0: it does not run. Else the two lowest bits are its cause, from 1, and the others when it began, in nanoseconds since
/// the first run; 0 if that is not measured.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Run(u64);

const CAUSE_BITS: u32 = 2;

/// Nanoseconds since the first run, never 0.
fn now() -> u64 {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(FIRST.elapsed().as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
}

impl Run {
    fn begins(cause: Cause) -> Self {
        let began = if measures() { now() } else { 0 };
        Self(began << CAUSE_BITS | (cause as u64 + 1))
    }

    fn cause(self) -> Option<Cause> {
        Cause::ALL.into_iter().find(|cause| *cause as u64 + 1 == self.0 & ((1 << CAUSE_BITS) - 1))
    }

    fn took(self) -> Option<Duration> {
        let began = self.0 >> CAUSE_BITS;
        (began != 0).then(|| Duration::from_nanos(now().saturating_sub(began)))
    }
}

impl Call {
    #[inline]
    pub(crate) fn of(observed: &Observed) -> Self {
        Self { run: Run::default(), spans: Spans::open(observed.shown()) }
    }

    /// Puts this thread into the call's span.
    #[inline]
    pub(crate) fn enter(&self) -> Entered {
        self.spans.enter()
    }

    /// Puts this thread into the span of the function's run.
    #[inline]
    pub(crate) fn enter_fill(&self) -> Entered {
        self.spans.enter_fill()
    }

    /// The call's span, for what goes on without the call.
    pub(crate) fn span(&self) -> CallSpan {
        self.spans.call()
    }

    /// The function runs from now on.
    pub(crate) fn fills(&mut self, cause: Cause) {
        self.run = Run::begins(cause);
        self.spans.fills(cause);
    }

    /// The run is over, if there was one.
    pub(crate) fn ended(&mut self, observed: &Observed, outcome: Outcome) {
        let run = std::mem::take(&mut self.run);
        let Some(cause) = run.cause() else { return };
        observed.filled(outcome, cause, run.took());
        self.spans.filled(outcome);
    }

    /// The call is over. A run that has not ended never will.
    #[inline]
    pub(crate) fn dropped(&mut self, observed: &Observed) {
        if self.run != Run::default() {
            let panics = std::thread::panicking();
            self.ended(observed, if panics { Outcome::Panic } else { Outcome::Cancelled });
        }
    }

    /// The call is served a value of this process past its time.
    pub(crate) fn stale(&mut self) {
        self.spans.found(spans::PROCESS, true);
    }

    /// The shared tier had the value.
    pub(crate) fn found_in_shared(&mut self, stale: bool) {
        self.spans.found(spans::SHARED, stale);
    }

    /// Whether there is nothing to be dropped.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.run == Run::default() && self.spans.is_closed()
    }
}

pub(crate) use spans::CallSpan;
