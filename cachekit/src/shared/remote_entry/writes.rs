//! Operations that change an entry in its backend, and the right to do so.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachekit_io::{
    BackendError, BackendErrorKind, BoxFuture, FenceToken, LockToken, Operation, SetOptions,
};

use super::{Failed, RemoteEntry, answer, said};
use crate::entry::Fate;
use crate::observe::Operation as Observation;
use crate::scope;
use crate::shared::fill_lock::{Acquired, FillLock, LEASE, Request};
use crate::shared::guard::WriteRight;
use crate::shared::runtime::{self, Driver};
use crate::shared::under_way::{self, Followed};
use crate::store::{Store, StoreRef};

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The value is stored.
    Stored,
    /// The backend knows of an invalidation or a newer value.
    Refused,
    /// It was stored, and another process has changed it since: the entry is dead.
    Overtaken,
    /// It may or may not be stored.
    Unknown,
}

/// How many removals of one call are under way at the same time, so that they do not take all places of a backend.
const TOGETHER: usize = 8;

/// How long the others wait for the first one, if there is much more time than that.
const HEAD_START: Duration = Duration::from_millis(100);

impl RemoteEntry {
    /// Whether a removed value may still be on its way to the backend: if so, do not look it up.
    pub(crate) fn is_overtaken(&self) -> bool {
        under_way::is_overtaken(&self.backend, &self.key)
    }

    /// Marks the write in flight as overtaken: its value must not stay.
    pub(crate) fn overtake(&self) {
        under_way::mark(&self.backend, &self.key);
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

    /// `None` if another caller holds the lock.
    pub(crate) async fn try_acquire(
        &self,
        store: &Store,
        until: Instant,
    ) -> Result<Option<FillLock>, Failed> {
        // Owned: the request outlives a call that is given up or late, because the backend may have granted the lock.
        let entry = self.clone();
        self.ask(store, until, Operation::Lock, move |_, _| {
            let (backend, key) = (Arc::clone(&entry.backend), entry.key.clone());
            let answer = Box::pin(async move {
                match backend.locks() {
                    Some(locks) => locks.try_acquire(&key, LEASE).await,
                    None => Ok(None),
                }
            });
            Box::pin(Request::new(entry, answer))
        })
        .await
    }

    /// Releases a lock; no caller waits for that.
    pub(crate) fn release(&self, token: LockToken) {
        self.release_late(Box::pin(std::future::ready(Ok(Some(token)))));
    }

    /// Releases a lock once the backend has granted it, if it does.
    pub(crate) fn release_late(&self, granted: BoxFuture<'static, Acquired>) {
        let until = self.deadline();
        let (backend, key) = (Arc::clone(&self.backend), self.key.clone());
        let pending = scope::pending();
        runtime::detach(async move {
            let _pending = pending;
            // A lock that is not released expires by itself.
            let released = pin!(async {
                if let (Ok(Some(token)), Some(locks)) = (granted.await, backend.locks()) {
                    let _ = locks.release(&key, &token).await;
                }
            });
            let _ = runtime::bounded(until, released).await;
        });
    }

    /// Writes, with the right to do so.
    pub(super) async fn write_guarded(
        &self,
        store: &StoreRef,
        until: Instant,
        right: WriteRight,
        fate: &Arc<Fate>,
        (value, mut options): (Bytes, SetOptions),
    ) -> Written {
        let written = match right {
            WriteRight::Fenced(fence, lock) => {
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
            WriteRight::Locked(lock) => {
                options.lock = Some(lock);
                self.follow(store, until, Driver::Caller, fate, (value, options)).await
            }
            WriteRight::Watched => {
                self.follow(store, until, Driver::Thread, fate, (value, options)).await
            }
        };
        match written {
            Ok(true) => Written::Stored,
            Ok(false) | Err(Failed::SUPERSEDED) => Written::Refused,
            Err(_) => Written::Unknown,
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
            // A write that the caller's own task drives ends with the caller.
            pending: (driver != Driver::Caller).then(scope::pending),
        };
        let Some(write) = followed.begin() else { return Err(Failed::SUPERSEDED) };
        let observed = Observation::begins(&self.backend, Operation::Set);
        let write = Box::pin(observed.within(write));
        let reply = runtime::finish(until, driver, write).await.and_then(|reply| reply);
        observed.ended(said(&reply));
        self.judge(store, reply)
    }

    /// Deletes these keys of one backend. True if the backend confirmed all deletions.
    pub(crate) async fn delete_all(links: &[&Self], store: &Store, until: Instant) -> bool {
        let first = match links {
            [] => return true,
            [first] => {
                let delete = first.ask(store, until, Operation::Delete, |it, key| it.delete(key));
                return delete.await.is_ok();
            }
            [first, ..] => *first,
        };
        if Self::is_late(store, until) {
            return false;
        }
        let deletes = Self::delete_each(links.iter().map(|&entry| entry.clone()).collect(), until);
        let replies = if first.blocking {
            runtime::elsewhere(until, deletes)
        } else {
            Ok(Box::pin(deletes).await)
        };
        match replies {
            // Each deletion is counted.
            Ok(replies) => {
                let answers = replies.into_iter().map(|reply| first.judge(store, reply));
                answers.collect::<Vec<_>>().iter().all(Result::is_ok)
            }
            Err(failed) => first.judge::<bool>(store, Err(failed)).is_ok(),
        }
    }

    /// Deletes each of these entries, even if a layer around the backend refuses some removals because of the others.
    /// A circuit breaker that probes its backend with one call may do that, and so may a limit without a queue.
    async fn delete_each(entries: Vec<Self>, until: Instant) -> Vec<Result<bool, Failed>> {
        let delete =
            |entry: &Self| Box::pin(entry.delete_until(until)) as BoxFuture<'static, Result<_, _>>;
        let mut deletes = entries.iter().map(delete);
        // The first one alone, unless it is slow: by it a breaker finds out that the backend is up.
        let Some(mut first) = deletes.next() else { return Vec::new() };
        let now = Instant::now();
        let head_start = HEAD_START.min(until.saturating_duration_since(now) / 8);
        let mut replies = match runtime::bounded(now + head_start, Pin::new(&mut first)).await {
            Err(_) => runtime::join([first].into_iter().chain(deletes).collect(), TOGETHER).await,
            Ok(reply) => {
                let mut replies = vec![reply];
                replies.extend(runtime::join(deletes.collect(), TOGETHER).await);
                replies
            }
        };
        // One after the other, what was refused beside others.
        for (entry, reply) in entries.iter().zip(&mut replies) {
            if reply.is_err_and(Failed::is_refusal) {
                *reply = entry.delete_until(until).await;
            }
        }
        replies
    }

    fn delete_until(
        &self,
        until: Instant,
    ) -> impl Future<Output = Result<bool, Failed>> + Send + use<> {
        let (backend, key) = (Arc::clone(&self.backend), self.key.clone());
        async move {
            if Instant::now() >= until {
                return Err(Failed::Late);
            }
            let observed = Observation::begins(&backend, Operation::Delete);
            let delete = pin!(observed.within(async { backend.delete(&key).await }));
            let reply = answer(runtime::bounded(until, delete).await);
            observed.ended(said(&reply));
            reply
        }
    }

    /// Deletes with its own budget, driven here: no caller waits for it.
    pub(in crate::shared) async fn delete_alone(&self, store: &Store) -> Result<bool, Failed> {
        let reply = self.delete_until(self.deadline()).await;
        self.judge(store, reply)
    }

    /// Deletes in the background.
    pub(in crate::shared) fn delete_behind(&self, store: StoreRef) {
        let (remote_entry, pending) = (self.clone(), scope::pending());
        runtime::detach(async move {
            let _pending = pending;
            // Failures are counted.
            let _ = remote_entry.delete_alone(&store).await;
        });
    }
}

/// A backend that had fences a moment ago.
fn withdrawn(operation: Operation) -> BackendError {
    BackendError::new(BackendErrorKind::Unsupported, operation)
}
