//! One call's way to its backend: every operation is bounded in time, and no failure gets through.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachekit_io::{Backend, BackendError, BackendErrorKind, BoxFuture, Operation};

use super::known::{self, Known};
use super::outage::Trouble;
use super::runtime::{self, Unanswered};
use crate::clock::ClockSource;
use crate::contained::contained;
use crate::observe::Operation as Observation;
use crate::scope;
use crate::store::Store;

mod coherent;
mod reads;
mod writes;

pub(super) use reads::Looked;
pub(crate) use writes::Written;

/// Why an operation came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// No answer in time.
    Late,
    /// The backend knows of something newer.
    Superseded,
    /// Anything else.
    Other,
}

/// What a backend said, if anything.
pub(super) type Reply<T> = Result<Result<T, BackendError>, Unanswered>;

/// A backend and one key in it.
#[derive(Clone)]
pub(crate) struct RemoteEntry {
    backend: Arc<dyn Backend>,
    known: Arc<Known>,
    key: String,
    clock: ClockSource,
    /// For all steps before the function runs, and again for those after.
    budget: Duration,
    /// The caller is a plain thread and blocks.
    blocking: bool,
    /// What is there does not say itself how long it is good: the backend is asked for that.
    timed: bool,
}

impl fmt::Debug for RemoteEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteEntry")
            .field("backend", &self.backend.backend_type())
            .finish_non_exhaustive()
    }
}

impl RemoteEntry {
    pub(crate) fn new(backend: Arc<dyn Backend>, key: String, is_async: bool) -> Self {
        let known = known::of(&backend);
        let budget = super::budget();
        let clock = scope::clock();
        Self { backend, known, key, clock, budget, blocking: !is_async, timed: false }
    }

    /// For values that do not say themselves how long they are good.
    pub(crate) fn timed(self) -> Self {
        Self { timed: true, ..self }
    }

    /// The same backend, another key.
    pub(crate) fn at(&self, key: &str) -> Self {
        Self { key: key.into(), ..self.clone() }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether the caller is a plain thread and blocks.
    pub(crate) fn blocks(&self) -> bool {
        self.blocking
    }

    /// When the time is up for steps that begin now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.budget
    }

    /// Whether the backend may be asked, or is to be left alone.
    pub(crate) fn admits(&self, store: &Store) -> bool {
        let admitted = self.known.breaker.admits(|| self.clock.now());
        if !admitted {
            store.count_shared_skip();
        }
        admitted
    }

    /// Whether the backend has locks; `None` if it panicked when it was asked.
    pub(crate) fn has_locks(&self) -> Option<bool> {
        self.offers(|backend| backend.locks().is_some())
    }

    /// Whether the backend has fences.
    pub(crate) fn has_fences(&self) -> Option<bool> {
        self.offers(|backend| backend.fencing().is_some())
    }

    fn offers(&self, asked: impl FnOnce(&dyn Backend) -> bool) -> Option<bool> {
        contained(|| asked(&*self.backend))
    }

    pub(super) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// Which kind of backend it is.
    pub(super) fn backend_type(&self) -> &'static str {
        contained(|| self.backend.backend_type()).unwrap_or("unknown")
    }

    /// Whether calls leave the backend alone now. Asking this is no attempt to find out.
    pub(super) fn is_left_alone(&self) -> bool {
        self.known.breaker.is_open()
    }

    /// Whether the time is up, so that no further step begins; counted.
    pub(crate) fn is_late(store: &Store, until: Instant) -> bool {
        let late = Instant::now() >= until;
        if late {
            store.count_shared_error();
        }
        late
    }

    /// One operation: bounded, counted, and told to the breaker.
    async fn ask<T, F>(
        &self,
        store: &Store,
        until: Instant,
        name: Operation,
        operation: F,
    ) -> Result<T, Failed>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a dyn Backend, &'a str) -> BoxFuture<'a, Result<T, BackendError>>
            + Send
            + 'static,
    {
        if Self::is_late(store, until) {
            return Err(Failed::Late);
        }
        let observed = Observation::begins(&self.backend, name);
        let reply = if self.blocking {
            let (backend, key) = (Arc::clone(&self.backend), self.key.clone());
            let asked = async move { operation(&*backend, &key).await };
            runtime::elsewhere(until, observed.within(asked))
        } else {
            // A panic before there is a future is caught, too.
            match contained(|| operation(&*self.backend, &self.key)) {
                Some(reply) => runtime::bounded(until, pin!(observed.within(reply))).await,
                None => Err(Unanswered::Panicked),
            }
        };
        observed.ended(said(&reply));
        self.judge(store, reply)
    }

    /// What a reply means; counted, and told to the breaker.
    fn judge<T>(&self, store: &Store, reply: Reply<T>) -> Result<T, Failed> {
        let (failed, kind) = match reply {
            Ok(Ok(answer)) => {
                self.succeeded();
                return Ok(answer);
            }
            Ok(Err(error)) if error.kind() == BackendErrorKind::Superseded => {
                self.succeeded();
                return Err(Failed::Superseded);
            }
            Ok(Err(error)) => (Failed::Other, Trouble::Error(error.kind())),
            Err(Unanswered::Late) => (Failed::Late, Trouble::Error(BackendErrorKind::Timeout)),
            Err(Unanswered::Panicked) => (Failed::Other, Trouble::Panic),
        };
        self.known.breaker.failed(&*self.backend, self.clock.now(), kind);
        store.count_shared_error();
        Err(failed)
    }

    fn succeeded(&self) {
        self.known.breaker.succeeded(&*self.backend, || self.clock.now());
        if let Some(coherence) = self.known.coherence() {
            coherence.answered();
        }
    }
}

/// What a backend said, as a fixed name.
fn said<T>(reply: &Reply<T>) -> &'static str {
    match reply {
        Ok(Ok(_)) => "ok",
        Ok(Err(error)) => error.kind().as_str(),
        Err(Unanswered::Late) => BackendErrorKind::Timeout.as_str(),
        Err(Unanswered::Panicked) => "panic",
    }
}
