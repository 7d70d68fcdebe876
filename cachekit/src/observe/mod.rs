//! Records about calls for metrics, traces and the page: all of it off the hit path.
//!
//! Hooks in the path of a miss write these records, and do not know how they are used. The features `metrics`,
//! `tracing` and `axum` read them. Without these features, `disabled.rs` replaces this module, and every hook is empty.
//!
//! Counts are always kept: a run of a function writes a few numbers. Durations are measured only once they are wanted
//! ([`measure`]), because reading a clock twice costs a small function more than the cache itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use crate::counters::{CounterId, HitCounter};

mod call;
mod durations;
mod operation;
#[cfg_attr(not(feature = "metrics"), path = "recorded_disabled.rs")]
mod recorded;
#[cfg_attr(not(feature = "tracing"), path = "spans_disabled.rs")]
pub(crate) mod spans;

pub(crate) use self::call::{Call, CallSpan};
pub(crate) use self::durations::{Durations, Summary};
pub(crate) use self::operation::{Noted, Operation, backends};
pub(crate) use self::spans::Entered;

static MEASURES: AtomicBool = AtomicBool::new(false);

/// Starts to measure how long runs and backends take.
pub(crate) fn measure() {
    MEASURES.store(true, Ordering::Relaxed);
}

fn measures() -> bool {
    MEASURES.load(Ordering::Relaxed)
}

/// Why a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A call found no value.
    Miss,
    /// A stale value is replaced.
    Refresh,
    /// The caller wants the function to run, whatever is cached.
    Forced,
}

impl Cause {
    pub(crate) const ALL: [Self; 3] = [Self::Miss, Self::Refresh, Self::Forced];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Miss => "miss",
            Self::Refresh => "refresh",
            Self::Forced => "forced",
        }
    }
}

/// How a run of a function ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It returned a value that is stored, unless an invalidation came meanwhile.
    Ok,
    /// It returned a value that the attribute does not store.
    NotStored,
    /// It returned an error that is not stored.
    Error,
    Panic,
    /// Its caller dropped it.
    Cancelled,
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] =
        [Self::Ok, Self::NotStored, Self::Error, Self::Panic, Self::Cancelled];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotStored => "not_stored",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The last run of a function that failed. The function's message is not kept: it may contain a secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) outcome: Outcome,
    pub(crate) at: SystemTime,
}

/// Records about one store's calls.
#[derive(Default)]
pub(crate) struct Observed {
    /// The function's path, or nothing.
    name: Box<str>,
    /// Counts the hits on `None` and on errors, from the first such entry on.
    negative: OnceLock<HitCounter>,
    /// Calls that no tier answered, once they are over.
    missed: AtomicU64,
    /// Calls whose results could not be stored anywhere.
    bypassed: AtomicU64,
    /// Entries that were dropped because the backend was emptied.
    cleared: AtomicU64,
    waiters: std::sync::Arc<AtomicU64>,
    fills: [[AtomicU64; Cause::ALL.len()]; Outcome::ALL.len()],
    durations: Durations,
    failure: Mutex<Option<Failure>>,
}

impl Observed {
    pub(crate) fn name(&mut self, name: impl FnOnce() -> String) {
        self.name = name().into();
    }

    /// The name in spans. A cache that is an object has no name of its own.
    fn shown(&self) -> &str {
        if self.name.is_empty() { "cachekit::Cache" } else { &self.name }
    }

    /// Where hits of an entry are counted: in `hits`, or separately if it is a negative one.
    #[inline]
    pub(crate) fn counter(&self, hits: CounterId, negative: bool) -> CounterId {
        if negative { self.negative.get_or_init(HitCounter::new).id() } else { hits }
    }

    pub(crate) fn negative_hits(&self) -> u64 {
        self.negative.get().map_or(0, HitCounter::total)
    }

    /// Records a hit in the store.
    #[inline]
    pub(crate) fn hit(&self, stale: bool) {
        spans::hit(self, stale);
    }

    /// Records that a call is over which no tier answered.
    #[inline]
    pub(crate) fn missed(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// Records that a call runs whose result cannot be stored anywhere.
    fn bypassed(&self) {
        self.bypassed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn bypasses(&self) -> u64 {
        self.bypassed.load(Ordering::Relaxed)
    }

    /// Calls that no tier answered.
    pub(crate) fn misses(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Records that an entry was dropped because the backend was emptied, or because its events may have been lost.
    pub(crate) fn flushed(&self, cleared: bool) {
        self.cleared.fetch_add(u64::from(cleared), Ordering::Relaxed);
    }

    /// Entries that were dropped because the backend was emptied.
    pub(crate) fn cleared(&self) -> u64 {
        self.cleared.load(Ordering::Relaxed)
    }

    /// Records that a call begins to wait for another call's run.
    pub(crate) fn waits(&self) -> Waiting {
        self.waiters.fetch_add(1, Ordering::Relaxed);
        Waiting(std::sync::Arc::clone(&self.waiters))
    }

    /// Calls that are waiting now.
    pub(crate) fn waiters(&self) -> u64 {
        self.waiters.load(Ordering::Relaxed)
    }

    /// Runs with this outcome and cause.
    pub(crate) fn fills(&self, outcome: Outcome, cause: Cause) -> u64 {
        self.fills[outcome as usize][cause as usize].load(Ordering::Relaxed)
    }

    /// How long a run takes on average, if runs are measured.
    pub(crate) fn mean_fill(&self) -> Option<std::time::Duration> {
        self.durations.mean()
    }

    pub(crate) fn durations(&self) -> &Durations {
        &self.durations
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn filled(&self, outcome: Outcome, cause: Cause, took: Option<std::time::Duration>) {
        self.fills[outcome as usize][cause as usize].fetch_add(1, Ordering::Relaxed);
        if let Some(took) = took {
            self.durations.record(took);
        }
        if matches!(outcome, Outcome::Error | Outcome::Panic) {
            let failure = Failure { outcome, at: SystemTime::now() };
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        }
    }
}

/// A call that waits for another call's run.
pub(crate) struct Waiting(std::sync::Arc<AtomicU64>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
