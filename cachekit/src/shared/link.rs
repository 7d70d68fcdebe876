//! One call's way to its backend: every operation is bounded in time, and no failure gets through.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachekit_io::{
    Backend, BackendError, BackendErrorKind, BoxFuture, FenceToken, Fetched, LockToken, SetOptions,
};

use super::breaker::{self, Breaker};
use super::runtime::{self, Unanswered};
use crate::store::Store;
use crate::testing::{self, ClockSource};

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

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is there.
    Stored,
    /// The backend knows of an invalidation, or of something newer.
    Refused,
    /// It may be there or not.
    Unknown,
}

/// A backend and one key in it.
#[derive(Clone)]
pub(crate) struct Link {
    backend: Arc<dyn Backend>,
    breaker: Arc<Breaker>,
    key: Arc<str>,
    clock: ClockSource,
    /// For all steps before the function runs, and again for those after.
    budget: Duration,
    /// The caller is a plain thread and blocks.
    blocking: bool,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("backend", &self.backend.backend_type())
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(backend: Arc<dyn Backend>, key: String, is_async: bool) -> Self {
        let breaker = breaker::of(&backend, testing::scope());
        let budget = super::budget();
        let clock = ClockSource::current();
        Self { backend, breaker, key: key.into(), clock, budget, blocking: !is_async }
    }

    /// The same backend, another key.
    #[cfg(feature = "secure")]
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
        let admitted = self.breaker.admits(self.clock.now());
        if !admitted {
            store.count_shared_skip();
        }
        admitted
    }

    pub(crate) fn has_locks(&self) -> bool {
        self.offers(|backend| backend.locks().is_some())
    }

    /// Asks for a capability. A backend that panics has none.
    fn offers(&self, asked: impl FnOnce(&dyn Backend) -> bool) -> bool {
        catch_unwind(AssertUnwindSafe(|| asked(&*self.backend))).unwrap_or(false)
    }

    pub(crate) async fn get(
        &self,
        store: &Store,
        until: Instant,
    ) -> Result<Option<Fetched>, Failed> {
        self.ask(store, until, |backend, key| backend.get(key)).await
    }

    pub(crate) async fn delete(&self, store: &Store) -> Result<bool, Failed> {
        self.ask(store, self.deadline(), |backend, key| backend.delete(key)).await
    }

    /// `None` if the backend has no fences.
    pub(crate) async fn fence(
        &self,
        store: &Store,
        until: Instant,
    ) -> Result<Option<FenceToken>, Failed> {
        if !self.offers(|backend| backend.fencing().is_some()) {
            return Ok(None);
        }
        self.ask(store, until, |backend, key| {
            Box::pin(async move {
                match backend.fencing() {
                    Some(fencing) => fencing.fence(key).await.map(Some),
                    None => Ok(None),
                }
            })
        })
        .await
    }

    pub(crate) async fn set(
        &self,
        store: &Store,
        until: Instant,
        value: Bytes,
        (options, fence): (SetOptions, Option<FenceToken>),
    ) -> Written {
        let written = self.ask(store, until, move |backend, key| {
            Box::pin(async move {
                match (backend.fencing(), &fence) {
                    (Some(fencing), Some(token)) => {
                        fencing.set_fenced(key, value, &options, token).await
                    }
                    _ => backend.set(key, value, &options).await.map(|()| true),
                }
            })
        });
        match written.await {
            Ok(true) => Written::Stored,
            Ok(false) | Err(Failed::Superseded) => Written::Refused,
            Err(Failed::Late | Failed::Other) => Written::Unknown,
        }
    }

    /// `None` if somebody else holds the lock.
    pub(crate) async fn try_acquire(
        &self,
        store: &Store,
        until: Instant,
        lease: Duration,
    ) -> Result<Option<LockToken>, Failed> {
        self.ask(store, until, move |backend, key| {
            Box::pin(async move {
                match backend.locks() {
                    Some(locks) => locks.try_acquire(key, lease).await,
                    None => Ok(None),
                }
            })
        })
        .await
    }

    /// Gives a lock back, without anybody waiting for it.
    pub(crate) fn release(&self, token: LockToken) {
        let until = self.deadline();
        let (backend, key) = (Arc::clone(&self.backend), Arc::clone(&self.key));
        let pending = testing::pending();
        runtime::detach(async move {
            let _pending = pending;
            // One that is not released runs out by itself.
            let _ = runtime::bounded(until, async {
                if let Some(locks) = backend.locks() {
                    let _ = locks.release(&key, &token).await;
                }
            })
            .await;
        });
    }

    /// Asks a backend whether it is up. `Err(None)`: no answer.
    pub(crate) async fn health(backend: Arc<dyn Backend>) -> Result<(), Option<BackendError>> {
        let until = Instant::now() + super::budget();
        let answer = runtime::bounded(until, async move { backend.health().await }).await;
        match answer {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Some(error)),
            Err(_) => Err(None),
        }
    }

    /// One operation: bounded, counted, and told to the breaker.
    async fn ask<T, F>(&self, store: &Store, until: Instant, operation: F) -> Result<T, Failed>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a dyn Backend, &'a str) -> BoxFuture<'a, Result<T, BackendError>>
            + Send
            + 'static,
    {
        let (backend, key) = (Arc::clone(&self.backend), Arc::clone(&self.key));
        let answer = async move { operation(&*backend, &key).await };
        let answer = if self.blocking {
            runtime::elsewhere(until, answer)
        } else {
            runtime::bounded(until, answer).await
        };
        let failed = match answer {
            Ok(Ok(answer)) => {
                self.breaker.succeeded();
                return Ok(answer);
            }
            Ok(Err(error)) if error.kind() == BackendErrorKind::Superseded => {
                self.breaker.succeeded();
                return Err(Failed::Superseded);
            }
            Ok(Err(error)) => {
                if error.kind().counts_for_breaker() {
                    self.breaker.failed(self.clock.now());
                }
                Failed::Other
            }
            Err(unanswered) => {
                self.breaker.failed(self.clock.now());
                match unanswered {
                    Unanswered::Late => Failed::Late,
                    Unanswered::Panicked => Failed::Other,
                }
            }
        };
        store.count_shared_error();
        Err(failed)
    }
}
