//! No spans in this build: the feature `tracing` is off.

use super::{Cause, Outcome};

pub(super) const PROCESS: &str = "process";
pub(super) const SHARED: &str = "shared";

#[inline]
pub(super) fn hit(_name: &str, _stale: bool) {}

/// Whether hits may have spans.
#[inline]
pub(crate) fn samples_hits() -> bool {
    false
}

pub(crate) fn sampled_hit(_name: impl FnOnce() -> String, _stale: bool) {}

/// No subscriber wants them.
#[inline]
pub(super) fn are_wanted() -> bool {
    false
}

/// The spans of one call.
#[derive(Default)]
pub(super) struct Spans;

#[allow(clippy::unused_self)] // As the other build has it.
impl Spans {
    #[inline]
    pub(super) fn open(_name: &str) -> Self {
        Self
    }

    #[inline]
    pub(super) fn enter(&self) -> Entered {
        Entered
    }

    #[inline]
    pub(super) fn enter_fill(&self) -> Entered {
        Entered
    }

    pub(super) fn call(&self) -> CallSpan {
        CallSpan
    }

    pub(super) fn fills(&mut self, _cause: Cause) {}

    pub(super) fn filled(&mut self, _outcome: Outcome) {}

    pub(super) fn found(&mut self, _tier: &'static str, _stale: bool) {}

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        true
    }
}

/// A span that this thread is in.
pub(crate) struct Entered;

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {}
}

/// The span of a call.
pub(crate) struct CallSpan;

#[allow(clippy::unused_self)] // As the other build has it.
impl CallSpan {
    #[inline]
    pub(crate) fn enter(&self) -> Entered {
        Entered
    }

    pub(crate) fn within<F: Future>(self, future: F) -> F {
        future
    }
}

/// The span of one operation of a backend.
pub(super) struct OperationSpan;

#[allow(clippy::unused_self)] // As the other build has it.
impl OperationSpan {
    pub(super) fn open(_backend: &'static str, _operation: &'static str) -> Self {
        Self
    }

    pub(super) fn within<F: Future>(&self, future: F) -> F {
        future
    }

    pub(super) fn ended(&self, _outcome: &'static str) {}
}
