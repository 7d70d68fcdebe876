//! One call that missed in this process, from its look-up to its end.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::spans::{self, Entered, Spans};
use super::{Cause, Observed, Outcome, measures};

/// One call that missed in this process.
///
/// Creating it does not call an observer, whose code may do anything. A subscriber is called ([`opens`](Self::opens))
/// only once there is a miss that gives up its lead whatever happens.
#[derive(Default)]
pub(crate) struct Call {
    run: Run,
    spans: Spans,
}

/// A run of the function, its cause and its start, in one number, because misses are passed by value.
///
/// The two lowest bits are its cause, from 1; 0 means that it does not run. The next bit says that the call must still
/// be counted as one that no tier answered. The others are the time when the run began, in nanoseconds since the first
/// run; 0 if that is not measured.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Run(u64);

const CAUSE: u64 = 0b11;
const IS_MISS: u64 = 0b100;
const BITS: u32 = 3;

/// Nanoseconds since the first run, never 0.
fn now() -> u64 {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(FIRST.elapsed().as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
}

impl Run {
    fn begins(&mut self, cause: Cause) {
        let began = if measures() { now() } else { 0 };
        self.0 = (self.0 & IS_MISS) | (began << BITS) | (cause as u64 + 1);
    }

    /// Whether the call must still be counted as a miss. Clears that mark.
    #[inline]
    fn take_miss(&mut self) -> bool {
        let is_miss = self.0 & IS_MISS != 0;
        self.0 &= !IS_MISS;
        is_miss
    }

    fn cause(self) -> Option<Cause> {
        Cause::ALL.into_iter().find(|cause| *cause as u64 + 1 == self.0 & CAUSE)
    }

    fn took(self) -> Option<Duration> {
        let began = self.0 >> BITS;
        (began != 0).then(|| Duration::from_nanos(now().saturating_sub(began)))
    }
}

impl Call {
    /// The store counted a miss for the call: its result is counted at its end.
    #[inline]
    pub(crate) fn misses(&mut self) {
        self.run.0 |= IS_MISS;
    }

    /// Its function runs, and the result cannot be stored anywhere.
    pub(crate) fn bypasses(&mut self, observed: &Observed) {
        if self.run.take_miss() {
            observed.bypassed();
        }
    }

    /// Opens its span, if a subscriber wants that.
    #[inline]
    pub(crate) fn opens(&mut self, observed: &Observed) {
        if spans::are_wanted() {
            self.spans = Spans::open(observed.shown());
        }
    }

    /// Makes this thread enter the call's span.
    #[inline]
    pub(crate) fn enter(&self) -> Entered {
        self.spans.enter()
    }

    /// Makes this thread enter the span of the function's run.
    #[inline]
    pub(crate) fn enter_fill(&self) -> Entered {
        self.spans.enter_fill()
    }

    /// The call's span, for work that continues without the call.
    pub(crate) fn span(&self) -> CallSpan {
        self.spans.call()
    }

    /// The function runs from now on.
    pub(crate) fn fills(&mut self, cause: Cause) {
        self.run.begins(cause);
        self.spans.fills(cause);
    }

    /// The run is over, if there was one.
    pub(crate) fn ended(&mut self, observed: &Observed, outcome: Outcome) {
        let Some(cause) = self.run.cause() else { return };
        self.over(observed);
        let run = std::mem::take(&mut self.run);
        observed.filled(outcome, cause, run.took());
        self.spans.filled(outcome);
    }

    /// No tier has answered it, and none will.
    #[inline]
    fn over(&mut self, observed: &Observed) {
        if self.run.take_miss() {
            observed.missed();
        }
    }

    /// The call is over. A run that has not ended by now never will.
    #[inline]
    pub(crate) fn dropped(&mut self, observed: &Observed) {
        if self.run.0 & CAUSE != 0 {
            let panics = std::thread::panicking();
            self.ended(observed, if panics { Outcome::Panic } else { Outcome::Cancelled });
        }
        self.over(observed);
    }

    /// The call is served a stale value of this process.
    pub(crate) fn stale(&mut self) {
        self.spans.found(spans::PROCESS, true);
    }

    /// The shared tier had the value.
    pub(crate) fn found_in_shared(&mut self, stale: bool) {
        self.run.take_miss();
        self.spans.found(spans::SHARED, stale);
    }

    /// Whether there is nothing to drop.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.run == Run::default() && self.spans.is_closed()
    }
}

pub(crate) use spans::CallSpan;
