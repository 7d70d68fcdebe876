//! One call's way to its backend: every operation is bounded in time, and no failure gets through.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachekit_io::{
    Backend, BackendError, BackendErrorKind, BoxFuture, FenceToken, Fetched, LockToken, Operation,
    SetOptions,
};

use super::guard::{Right, WriteRight};
use super::known::{self, Known};
use super::outage::Trouble;
use super::runtime::{self, Driver, Unanswered};
use super::under_way::{self, Followed};
use crate::clock::ClockSource;
use crate::contained::contained;
use crate::entry::Fate;
use crate::observe::Operation as Observation;
use crate::scope;
use crate::store::{Store, StoreRef};

mod coherent;

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
    /// It was there, and another process has changed it since: the entry is dead.
    Overtaken,
    /// It may be there or not.
    Unknown,
}

/// What a backend said, if anything.
pub(super) type Reply<T> = Result<Result<T, BackendError>, Unanswered>;

/// What a look came to that is no part of a call.
pub(super) enum Looked {
    Found(Fetched),
    Nothing,
    /// The kind of the error.
    Failed(&'static str),
}

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
    #[cfg_attr(not(feature = "interop"), allow(dead_code))]
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

    /// Looks without being part of a call: nothing is counted, and the breaker learns nothing.
    pub(super) async fn look_aside(&self, until: Instant) -> Looked {
        let (backend, key, timed) = (Arc::clone(&self.backend), self.key.clone(), self.timed);
        let look = async move { get(timed, &*backend, &key).await };
        let reply = if self.blocking {
            runtime::elsewhere(until, look)
        } else {
            runtime::bounded(until, pin!(look)).await
        };
        match reply {
            Ok(Ok(Some(fetched))) => Looked::Found(fetched),
            Ok(Ok(None)) => Looked::Nothing,
            failed => Looked::Failed(said(&failed)),
        }
    }

    /// Whether a value that was removed may be on its way there: then nothing is to be looked for.
    pub(crate) fn is_overtaken(&self) -> bool {
        under_way::is_overtaken(&self.backend, &self.key)
    }

    /// Says that what is being written there is not to stay.
    pub(crate) fn overtake(&self) {
        under_way::mark(&self.backend, &self.key);
    }

    pub(crate) async fn get(
        &self,
        store: &Store,
        until: Instant,
    ) -> Result<Option<Fetched>, Failed> {
        let timed = self.timed;
        self.ask(store, until, Operation::Get, move |backend, key| get(timed, backend, key)).await
    }

    /// Deletes at these places of one backend, at the same time. True if the backend confirmed all of them.
    pub(crate) async fn delete_all(links: &[&Self], store: &Store, until: Instant) -> bool {
        let Some((first, more)) = links.split_first() else { return true };
        if more.is_empty() {
            let operation = Operation::Delete;
            return first
                .ask(store, until, operation, |backend, key| backend.delete(key))
                .await
                .is_ok();
        }
        if Self::is_late(store, until) {
            return false;
        }
        let deletes = links.iter().map(|remote_entry| {
            let (backend, key) = (Arc::clone(&remote_entry.backend), remote_entry.key.clone());
            let delete: BoxFuture<'static, Reply<bool>> = Box::pin(async move {
                let observed = Observation::begins(&backend, Operation::Delete);
                let delete = pin!(observed.within(async { backend.delete(&key).await }));
                let reply = runtime::bounded(until, delete).await;
                observed.ended(said(&reply));
                reply
            });
            delete
        });
        let deletes = runtime::join(deletes.collect());
        let replies = if first.blocking {
            runtime::elsewhere(until, deletes)
        } else {
            Ok(Box::pin(deletes).await)
        };
        match replies {
            // Each of them is counted.
            Ok(replies) => {
                let answers = replies.into_iter().map(|reply| first.judge(store, reply));
                answers.collect::<Vec<_>>().iter().all(Result::is_ok)
            }
            Err(unanswered) => first.judge::<bool>(store, Err(unanswered)).is_ok(),
        }
    }

    /// Deletes with a budget of its own, driven here: no caller waits for it.
    pub(super) async fn delete_alone(&self, store: &Store) -> Result<bool, Failed> {
        let observed = Observation::begins(&self.backend, Operation::Delete);
        let delete = pin!(observed.within(async { self.backend.delete(&self.key).await }));
        let reply = runtime::bounded(self.deadline(), delete).await;
        observed.ended(said(&reply));
        self.judge(store, reply)
    }

    /// Deletes in the background.
    pub(super) fn delete_behind(&self, store: StoreRef) {
        let (remote_entry, pending) = (self.clone(), scope::pending());
        runtime::detach(async move {
            let _pending = pending;
            // What failed is counted.
            let _ = remote_entry.delete_alone(&store).await;
        });
    }

    pub(crate) async fn fence(&self, store: &Store, until: Instant) -> Result<FenceToken, Failed> {
        self.ask(store, until, Operation::Fence, |backend, key| {
            Box::pin(async move {
                match backend.fencing() {
                    Some(fencing) => fencing.fence(key).await,
                    None => Err(withdrawn(Operation::Fence)),
                }
            })
        })
        .await
    }

    /// Writes, with the right to do so.
    async fn write_guarded(
        &self,
        store: &StoreRef,
        until: Instant,
        WriteRight(right): WriteRight,
        fate: &Arc<Fate>,
        (value, mut options): (Bytes, SetOptions),
    ) -> Written {
        let written = match right {
            Right::Fenced(fence, lock) => {
                options.lock = lock;
                let write = self.ask(store, until, Operation::SetFenced, move |backend, key| {
                    Box::pin(async move {
                        match backend.fencing() {
                            Some(fencing) => fencing.set_fenced(key, value, &options, &fence).await,
                            None => Err(withdrawn(Operation::SetFenced)),
                        }
                    })
                });
                write.await
            }
            Right::Locked(lock) => {
                options.lock = Some(lock);
                self.follow(store, until, Driver::Caller, fate, (value, options)).await
            }
            Right::Watched => {
                self.follow(store, until, Driver::Thread, fate, (value, options)).await
            }
        };
        match written {
            Ok(true) => Written::Stored,
            Ok(false) | Err(Failed::Superseded) => Written::Refused,
            Err(Failed::Late | Failed::Other) => Written::Unknown,
        }
    }

    /// A write that no fence guards.
    async fn follow(
        &self,
        store: &StoreRef,
        until: Instant,
        driver: Driver,
        fate: &Arc<Fate>,
        (value, options): (Bytes, SetOptions),
    ) -> Result<bool, Failed> {
        if Self::is_late(store, until) {
            return Err(Failed::Late);
        }
        let driver = if self.blocking { Driver::Blocked } else { driver };
        let followed = Followed {
            remote_entry: self.clone(),
            fate: Arc::clone(fate),
            value,
            options,
            until,
            store: store.clone(),
            // What the caller's own task drives goes on with the caller.
            pending: (driver != Driver::Caller).then(scope::pending),
        };
        let Some(write) = followed.begin() else { return Err(Failed::Superseded) };
        let observed = Observation::begins(&self.backend, Operation::Set);
        let write = Box::pin(observed.within(write));
        let reply = runtime::finish(until, driver, write).await.unwrap_or_else(Err);
        observed.ended(said(&reply));
        self.judge(store, reply)
    }

    /// `None` if another caller holds the lock.
    pub(crate) async fn try_acquire(
        &self,
        store: &Store,
        until: Instant,
        lease: Duration,
    ) -> Result<Option<LockToken>, Failed> {
        self.ask(store, until, Operation::Lock, move |backend, key| {
            Box::pin(async move {
                match backend.locks() {
                    Some(locks) => locks.try_acquire(key, lease).await,
                    None => Ok(None),
                }
            })
        })
        .await
    }

    /// Gives a lock back; no caller waits for it.
    pub(crate) fn release(&self, token: LockToken) {
        let until = self.deadline();
        let (backend, key) = (Arc::clone(&self.backend), self.key.clone());
        let pending = scope::pending();
        runtime::detach(async move {
            let _pending = pending;
            // One that is not released runs out by itself.
            let released = pin!(async {
                if let Some(locks) = backend.locks() {
                    let _ = locks.release(&key, &token).await;
                }
            });
            let _ = runtime::bounded(until, released).await;
        });
    }

    /// Asks a backend whether it is up and, where copies are kept, whether it tells of changes. `Err(None)`: no
    /// answer.
    pub(crate) async fn health(
        backend: Arc<dyn Backend>,
        copies: bool,
    ) -> Result<(), Option<BackendError>> {
        let until = Instant::now() + super::budget();
        if copies {
            // Before anything is sent: what a backend tells from then on is told of its first connection, too.
            known::of(&backend).listens(&backend);
        }
        let answer = pin!(async { backend.health().await });
        match runtime::bounded(until, answer).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Some(error)),
            Err(_) => Err(None),
        }
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

fn get<'a>(
    timed: bool,
    backend: &'a dyn Backend,
    key: &'a str,
) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
    if timed { backend.get_timed(key) } else { backend.get(key) }
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

/// A backend that had fences a moment ago.
fn withdrawn(operation: Operation) -> BackendError {
    BackendError::new(BackendErrorKind::Unsupported, operation)
}
