//! One call's access to its backend: every operation has a deadline, and no failure reaches the
//! call.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachekit_io::{Backend, BackendError, BoxFuture, Operation};

use super::known::{self, Known};
use super::runtime;
pub(super) use super::runtime::Failed;
use crate::clock::ClockSource;
use crate::contained::contained;
use crate::observe::Operation as Observation;
use crate::scope;
use crate::store::Store;

mod coherent;
mod reads;
mod writes;

pub(crate) use writes::Written;

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
    /// The stored bytes do not contain their TTL, so the backend is asked for it.
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

    /// For values whose bytes do not contain their TTL.
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

    /// The deadline for steps that begin now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.budget
    }

    /// Whether the backend may be called now.
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

    /// Whether calls skip the backend now. This call does not count as a probe.
    pub(super) fn is_left_alone(&self) -> bool {
        self.known.breaker.is_open()
    }

    /// Whether the deadline has passed, so that no further step begins; counted.
    pub(crate) fn is_late(store: &Store, until: Instant) -> bool {
        let late = Instant::now() >= until;
        if late {
            store.count_shared_error();
        }
        late
    }

    /// One operation: bounded, counted, and reported to the breaker.
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
            // Catches a panic before there is a future, too.
            match contained(|| operation(&*self.backend, &self.key)) {
                Some(reply) => runtime::bounded(until, pin!(observed.within(reply))).await,
                None => Err(Failed::Panicked),
            }
        };
        let reply = answer(reply);
        observed.ended(said(&reply));
        self.judge(store, reply)
    }

    /// Counts a reply, and reports it to the breaker.
    fn judge<T>(&self, store: &Store, reply: Result<T, Failed>) -> Result<T, Failed> {
        match &reply {
            Ok(_) | Err(Failed::SUPERSEDED) => self.succeeded(),
            Err(failed) => {
                self.known.breaker.failed(&*self.backend, self.clock.now(), *failed);
                store.count_shared_error();
            }
        }
        reply
    }

    fn succeeded(&self) {
        self.known.breaker.succeeded(&*self.backend, || self.clock.now());
        if let Some(coherence) = self.known.coherence() {
            coherence.answered();
        }
    }
}

/// What a backend answered, if it did.
pub(super) fn answer<T>(reply: Result<Result<T, BackendError>, Failed>) -> Result<T, Failed> {
    Ok(reply??)
}

/// The backend's reply, as a fixed name.
fn said<T>(reply: &Result<T, Failed>) -> &'static str {
    reply.as_ref().map_or_else(|failed| failed.name(), |_| "ok")
}
