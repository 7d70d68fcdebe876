//! Nothing is observed in this build: the features `metrics`, `tracing` and `axum` are off. See `mod.rs`.

use crate::counters::CounterId;

#[path = "spans_disabled.rs"]
pub(crate) mod spans;

pub(crate) use self::spans::CallSpan;
pub(crate) use self::spans::Entered;

/// Why a function runs.
#[derive(Clone, Copy)]
pub(crate) enum Cause {
    Miss,
    Refresh,
    Forced,
}

/// How a run of a function ended.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    Ok,
    NotStored,
    Error,
    Panic,
}

/// Records about one store's calls.
#[derive(Default)]
pub(crate) struct Observed {}

#[allow(clippy::unused_self)] // As the other build has it.
impl Observed {
    pub(crate) fn name(&mut self, _name: impl FnOnce() -> String) {}

    #[inline]
    pub(crate) fn counter(&self, hits: CounterId, _negative: bool) -> CounterId {
        hits
    }

    pub(crate) fn negative_hits(&self) -> u64 {
        0
    }

    pub(crate) fn misses(&self) -> u64 {
        0
    }

    pub(crate) fn bypasses(&self) -> u64 {
        0
    }

    #[inline]
    pub(crate) fn missed(&self) {}

    #[inline]
    pub(crate) fn hit(&self, _stale: bool) {}

    pub(crate) fn flushed(&self, _cleared: bool) {}

    pub(crate) fn mean_fill(&self) -> Option<std::time::Duration> {
        None
    }

    pub(crate) fn waits(&self) -> Waiting {
        Waiting
    }
}

/// A call that waits for another call's run.
pub(crate) struct Waiting;

impl Drop for Waiting {
    #[inline]
    fn drop(&mut self) {}
}

/// One call that missed in this process.
#[derive(Default)]
pub(crate) struct Call {}

#[allow(clippy::unused_self)] // As the other build has it.
impl Call {
    #[inline]
    pub(crate) fn misses(&mut self) {}

    pub(crate) fn bypasses(&mut self, _observed: &Observed) {}

    #[inline]
    pub(crate) fn opens(&mut self, _observed: &Observed) {}

    #[inline]
    pub(crate) fn enter(&self) -> Entered {
        Entered
    }

    #[inline]
    pub(crate) fn enter_fill(&self) -> Entered {
        Entered
    }

    pub(crate) fn span(&self) -> CallSpan {
        CallSpan
    }

    #[inline]
    pub(crate) fn fills(&mut self, _cause: Cause) {}

    #[inline]
    pub(crate) fn ended(&mut self, _observed: &Observed, _outcome: Outcome) {}

    #[inline]
    pub(crate) fn dropped(&mut self, _observed: &Observed) {}

    pub(crate) fn stale(&mut self) {}

    pub(crate) fn found_in_shared(&mut self, _stale: bool) {}

    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        true
    }
}

/// One operation of a backend.
pub(crate) struct Operation;

#[allow(clippy::unused_self)] // As the other build has it.
impl Operation {
    #[inline]
    pub(crate) fn begins(
        _backend: &std::sync::Arc<dyn cachekit_io::Backend>,
        _operation: cachekit_io::Operation,
    ) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn within<F: Future>(&self, future: F) -> F {
        future
    }

    #[inline]
    pub(crate) fn ended(self, _outcome: &'static str) {}
}
