//! The spans of calls and of backends. See [`crate::tracing`] for what they are to their readers.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use tracing::field::Empty;
use tracing::instrument::Instrumented;
use tracing::level_filters::LevelFilter;
use tracing::span::EnteredSpan;
use tracing::{Instrument, Span, debug_span};

use super::{Cause, Outcome};

/// The tier that answered.
pub(super) const PROCESS: &str = "process";
pub(super) const SHARED: &str = "shared";
/// No tier: the function ran, or another call's run was waited for.
const NONE: &str = "none";

/// One hit of so many has a span; 0: none has.
static SAMPLED: AtomicU32 = AtomicU32::new(0);

/// Has one hit of so many in each thread be a span.
pub(crate) fn sample_hits(one_in: u32) {
    SAMPLED.store(one_in, Ordering::Relaxed);
}

/// A hit that the store of this name served.
#[inline]
pub(super) fn hit(name: &str, stale: bool) {
    if samples_hits() {
        sampled_hit(|| name.to_owned(), stale);
    }
}

/// Whether hits may have spans.
#[inline]
pub(crate) fn samples_hits() -> bool {
    SAMPLED.load(Ordering::Relaxed) != 0
}

/// A hit, which has a span if it is its turn.
#[cold]
#[inline(never)]
pub(crate) fn sampled_hit(name: impl FnOnce() -> String, stale: bool) {
    thread_local! {
        static SEEN: Cell<u32> = const { Cell::new(0) };
    }
    let one_in = SAMPLED.load(Ordering::Relaxed).max(1);
    let seen = SEEN.try_with(|seen| {
        seen.set(seen.get().wrapping_add(1));
        seen.get()
    });
    if seen.is_ok_and(|seen| seen.is_multiple_of(one_in)) {
        let mut spans = Spans::open(&name());
        spans.found(PROCESS, stale);
    }
}

/// The spans of one call.
pub(super) struct Spans(Option<Box<Opened>>);

struct Opened {
    get: Span,
    fill: Option<Span>,
    tier: &'static str,
    stale: bool,
}

impl Spans {
    #[inline]
    pub(super) fn open(name: &str) -> Self {
        // One comparison where no subscriber wants them, and no line in the log of a program without one.
        if LevelFilter::current() < LevelFilter::DEBUG {
            return Self(None);
        }
        let get = debug_span!(
            target: "cachekit",
            "cache.get",
            cache.name = name,
            cache.tier = Empty,
            cache.hit = Empty,
            cache.stale = Empty,
        );
        let opened = Opened { get, fill: None, tier: NONE, stale: false };
        Self((!opened.get.is_disabled()).then(|| Box::new(opened)))
    }

    pub(super) fn enter(&self) -> Entered {
        Entered(self.0.as_ref().map(|opened| opened.get.clone().entered()))
    }

    pub(super) fn enter_fill(&self) -> Entered {
        let fill = self.0.as_ref().and_then(|opened| opened.fill.clone());
        Entered(fill.map(Span::entered))
    }

    pub(super) fn call(&self) -> CallSpan {
        CallSpan(self.0.as_ref().map(|opened| Box::new(opened.get.clone())))
    }

    pub(super) fn fills(&mut self, cause: Cause) {
        let Some(opened) = &mut self.0 else { return };
        opened.fill = Some(debug_span!(
            target: "cachekit",
            parent: &opened.get,
            "cache.fill",
            cache.fill.cause = cause.as_str(),
            cache.fill.outcome = Empty,
            otel.status_code = Empty,
        ));
    }

    pub(super) fn filled(&mut self, outcome: Outcome) {
        let Some(fill) = self.0.as_mut().and_then(|opened| opened.fill.take()) else { return };
        fill.record("cache.fill.outcome", outcome.as_str());
        if matches!(outcome, Outcome::Error | Outcome::Panic) {
            fill.record("otel.status_code", "ERROR");
        }
    }

    pub(super) fn found(&mut self, tier: &'static str, stale: bool) {
        if let Some(opened) = &mut self.0 {
            (opened.tier, opened.stale) = (tier, stale);
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.is_none()
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.get.record("cache.tier", self.tier);
        self.get.record("cache.hit", self.tier != NONE);
        self.get.record("cache.stale", self.stale);
    }
}

/// A span that this thread is in.
#[allow(dead_code)] // It is there to be dropped.
pub(crate) struct Entered(Option<EnteredSpan>);

/// The span of a call.
pub(crate) struct CallSpan(Option<Box<Span>>);

impl CallSpan {
    pub(crate) fn enter(&self) -> Entered {
        Entered(self.0.as_deref().cloned().map(Span::entered))
    }

    pub(crate) fn within<F: Future>(self, future: F) -> Instrumented<F> {
        future.instrument(self.0.map_or_else(Span::none, |span| *span))
    }
}

/// The span of one operation of a backend.
#[cfg(feature = "shared")]
pub(super) struct OperationSpan(Span);

#[cfg(feature = "shared")]
impl OperationSpan {
    pub(super) fn open(backend: &'static str, operation: &'static str) -> Self {
        if LevelFilter::current() < LevelFilter::DEBUG {
            return Self(Span::none());
        }
        Self(debug_span!(
            target: "cachekit",
            "cache.backend",
            db.system.name = backend,
            db.operation.name = operation,
            cache.backend.outcome = Empty,
            otel.kind = "client",
            otel.status_code = Empty,
        ))
    }

    /// The future lets go of the span when it is ready, and not when the task that drove it, perhaps on another thread,
    /// is dropped: until then the span and the spans above it would not have ended.
    #[allow(clippy::redundant_async_block)] // That is what it is for.
    pub(super) fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let future = future.instrument(self.0.clone());
        async move { future.await }
    }

    pub(super) fn ended(&self, outcome: &'static str) {
        self.0.record("cache.backend.outcome", outcome);
        if outcome != super::operation::OK {
            self.0.record("otel.status_code", "ERROR");
        }
    }
}
