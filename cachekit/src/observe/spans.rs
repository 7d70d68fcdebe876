//! The spans of calls and of backends. [`crate::tracing`] describes them for their readers.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;

use tracing::field::{Empty, Value};
use tracing::level_filters::LevelFilter;
use tracing::{Span, debug_span};

use super::{Cause, Observed, Outcome};
use crate::observer;
use crate::thread_cache::sampling;

/// The tier that answered.
pub(super) const PROCESS: &str = "process";
pub(super) const SHARED: &str = "shared";
/// No tier: the function ran, or the call waited for another call's run.
const NONE: &str = "none";

/// Gives one hit in this many, in each thread, a span.
pub(crate) use crate::thread_cache::sampling::sample_hits;

/// Records a hit in the store. The name is looked up only if the hit may have a span; otherwise all hits would pay for it.
#[inline]
pub(super) fn hit(observed: &Observed, stale: bool) {
    if samples_hits() {
        sampled_hit(|| observed.shown().to_owned(), stale);
    }
}

/// Whether hits may have spans.
#[inline]
pub(crate) fn samples_hits() -> bool {
    sampling::sampled() != 0
}

/// Records a hit, which has a span if it is its turn.
#[cold]
#[inline(never)]
pub(crate) fn sampled_hit(name: impl FnOnce() -> String, stale: bool) {
    thread_local! {
        static SEEN: Cell<u32> = const { Cell::new(0) };
    }
    let one_in = sampling::sampled().max(1);
    let seen = SEEN.try_with(|seen| {
        seen.set(seen.get().wrapping_add(1));
        seen.get()
    });
    if seen.is_ok_and(|seen| seen.is_multiple_of(one_in)) {
        let mut spans = Spans::open(&name());
        spans.found(PROCESS, stale);
    }
}

/// Whether a subscriber may want spans of calls; if none does, this costs one comparison.
#[inline]
pub(super) fn are_wanted() -> bool {
    LevelFilter::current() >= LevelFilter::DEBUG
}

/// A span. Every use of it runs the subscriber's code as an observer's: it fails no call, and waits for none.
struct Told(Span);

impl Told {
    fn open(make: impl FnOnce() -> Span) -> Self {
        // A program without a subscriber gets no line in its log.
        let span = if are_wanted() { observer::tell(make) } else { None };
        Self(span.filter(|span| !span.is_disabled()).unwrap_or_else(Span::none))
    }

    fn is_none(&self) -> bool {
        self.0.is_none()
    }

    fn record(&self, field: &str, value: impl Value) {
        if !self.is_none() {
            observer::tell(|| {
                self.0.record(field, value);
            });
        }
    }

    /// Makes this thread enter the span.
    #[cold]
    #[inline(never)]
    fn enter(&self) -> Entered {
        // A span that could not be left later is not entered.
        let span = self.clone();
        if span.is_none() {
            return Entered(None);
        }
        let entered = Entered(Some(Box::new(span)));
        observer::tell(|| self.0.with_subscriber(|(id, subscriber)| subscriber.enter(id)));
        entered
    }
}

impl Clone for Told {
    fn clone(&self) -> Self {
        if self.is_none() {
            return Self(Span::none());
        }
        Self(observer::tell(|| self.0.clone()).unwrap_or_else(Span::none))
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if !self.is_none() {
            let span = std::mem::replace(&mut self.0, Span::none());
            observer::tell(|| drop(span));
        }
    }
}

/// A span that this thread has entered.
// Not `tracing`'s own guard: leaving the span and dropping it are separate observer calls, because the second of two
// panics in one destructor would end the process.
// Boxed: usually there is none, and that is one word.
pub(crate) struct Entered(Option<Box<Told>>);

impl Entered {
    #[cold]
    #[inline(never)]
    fn leave(span: &Told) {
        // Even if the subscriber panicked while the span was entered: a part of it may have recorded the span before.
        observer::tell(|| span.0.with_subscriber(|(id, subscriber)| subscriber.exit(id)));
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if let Some(span) = self.0.take() {
            Self::leave(&span);
        }
    }
}

/// Runs a future in a span, which is dropped as soon as the future is ready.
async fn within<F: Future>(span: Told, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let _entered = span.enter();
        future.as_mut().poll(cx)
    })
    .await
}

/// The spans of one call.
#[derive(Default)]
pub(super) struct Spans(Option<Box<Opened>>);

struct Opened {
    get: Told,
    fill: Option<Told>,
    tier: &'static str,
    stale: bool,
}

impl Spans {
    /// The subscriber may refuse.
    #[cold]
    #[inline(never)]
    pub(super) fn open(name: &str) -> Self {
        let get = Told::open(|| {
            debug_span!(
                target: "cachekit",
                "cache.get",
                cache.name = name,
                cache.tier = Empty,
                cache.hit = Empty,
                cache.stale = Empty,
            )
        });
        let opened = Opened { get, fill: None, tier: NONE, stale: false };
        Self((!opened.get.is_none()).then(|| Box::new(opened)))
    }

    #[inline]
    pub(super) fn enter(&self) -> Entered {
        self.0.as_ref().map_or(Entered(None), |opened| opened.get.enter())
    }

    #[inline]
    pub(super) fn enter_fill(&self) -> Entered {
        let fill = self.0.as_ref().and_then(|opened| opened.fill.as_ref());
        fill.map_or(Entered(None), Told::enter)
    }

    pub(super) fn call(&self) -> CallSpan {
        CallSpan(self.0.as_ref().map(|opened| Box::new(opened.get.clone())))
    }

    #[inline]
    pub(super) fn fills(&mut self, cause: Cause) {
        if let Some(opened) = &mut self.0 {
            opened.fills(cause);
        }
    }

    #[inline]
    pub(super) fn filled(&mut self, outcome: Outcome) {
        if let Some(opened) = &mut self.0 {
            opened.filled(outcome);
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

impl Opened {
    #[cold]
    #[inline(never)]
    fn fills(&mut self, cause: Cause) {
        self.fill = Some(Told::open(|| {
            debug_span!(
                target: "cachekit",
                parent: &self.get.0,
                "cache.fill",
                cache.fill.cause = cause.as_str(),
                cache.fill.outcome = Empty,
                otel.status_code = Empty,
            )
        }));
    }

    #[cold]
    #[inline(never)]
    fn filled(&mut self, outcome: Outcome) {
        let Some(fill) = self.fill.take() else { return };
        fill.record("cache.fill.outcome", outcome.as_str());
        if matches!(outcome, Outcome::Error | Outcome::Panic) {
            fill.record("otel.status_code", "ERROR");
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.get.record("cache.tier", self.tier);
        self.get.record("cache.hit", self.tier != NONE);
        self.get.record("cache.stale", self.stale);
    }
}

/// The span of a call.
pub(crate) struct CallSpan(Option<Box<Told>>);

impl CallSpan {
    pub(crate) fn enter(&self) -> Entered {
        self.0.as_ref().map_or(Entered(None), |span| span.enter())
    }

    pub(crate) fn within<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        within(self.0.map_or_else(|| Told(Span::none()), |span| *span), future)
    }
}

/// The span of one operation of a backend.
pub(super) struct OperationSpan(Told);

impl OperationSpan {
    pub(super) fn open(backend: &'static str, operation: &'static str) -> Self {
        Self(Told::open(|| {
            debug_span!(
                target: "cachekit",
                "cache.backend",
                db.system.name = backend,
                db.operation.name = operation,
                cache.backend.outcome = Empty,
                otel.kind = "client",
                otel.status_code = Empty,
            )
        }))
    }

    /// The future drops the span when it is ready, not when the task that polled it is dropped, perhaps on another
    /// thread: until then the span and the spans above it would not have ended.
    pub(super) fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        within(self.0.clone(), future)
    }

    pub(super) fn ended(&self, outcome: &'static str) {
        self.0.record("cache.backend.outcome", outcome);
        if outcome != super::operation::OK {
            self.0.record("otel.status_code", "ERROR");
        }
    }
}
