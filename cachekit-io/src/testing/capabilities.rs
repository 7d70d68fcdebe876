//! The optional operations, passed on with faults.

use super::FaultyBackend;
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BatchEntry, BatchResults, BoxFuture, Expiry,
    FenceToken, Fencing, Fetched, InvalidationEvent, InvalidationEvents, InvalidationListener,
    LockToken, Locks, Operation, SetOptions, Subscription, TtlControl,
};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// The wrapped backend's own capability. It exists, because a capability is only offered if it
/// does; but a backend may change its mind, and then the call fails like any other.
fn offered<T>(part: Option<T>, operation: Operation) -> Result<T, BackendError> {
    part.ok_or_else(|| BackendError::new(BackendErrorKind::Unsupported, operation))
}

/// The same error for each item of a batch.
fn each<T>(count: usize, error: &BackendError) -> BatchResults<T> {
    (0..count).map(|_| Err(error.clone())).collect()
}

impl Locks for FaultyBackend {
    fn try_acquire<'a>(
        &'a self,
        key: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<LockToken>, BackendError>> {
        Box::pin(async move {
            self.script.plan(Operation::Lock, &[key]).begin(Operation::Lock).await?;
            offered(self.inner.locks(), Operation::Lock)?.try_acquire(key, lease).await
        })
    }

    fn release<'a>(
        &'a self,
        key: &'a str,
        token: &'a LockToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            self.script.plan(Operation::Unlock, &[key]).begin(Operation::Unlock).await?;
            offered(self.inner.locks(), Operation::Unlock)?.release(key, token).await
        })
    }
}

impl TtlControl for FaultyBackend {
    fn expiry<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Expiry, BackendError>> {
        Box::pin(async move {
            self.script.plan(Operation::Expiry, &[key]).begin(Operation::Expiry).await?;
            offered(self.inner.ttl(), Operation::Expiry)?.expiry(key).await
        })
    }

    fn refresh<'a>(
        &'a self,
        key: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let mut plan = self.script.plan(Operation::Refresh, &[key]);
            plan.begin(Operation::Refresh).await?;
            if plan.drops_write {
                return Ok(true);
            }
            offered(self.inner.ttl(), Operation::Refresh)?.refresh(key, ttl).await
        })
    }
}

impl Batch for FaultyBackend {
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>> {
        Box::pin(async move {
            let mut plan = self.script.plan(Operation::GetMany, keys);
            let begun = plan.begin(Operation::GetMany).await;
            match begun.and_then(|()| offered(self.inner.batch(), Operation::GetMany)) {
                Err(error) => each(keys.len(), &error),
                Ok(batch) => {
                    let results = batch.get_many(keys).await;
                    let damage = |found: Option<Fetched>| found.map(|found| plan.fetched(found));
                    results.into_iter().map(|result| result.map(damage)).collect()
                }
            }
        })
    }

    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>> {
        Box::pin(async move {
            let keys: Vec<&str> = entries.iter().map(|entry| entry.key).collect();
            let mut plan = self.script.plan(Operation::SetMany, &keys);
            let begun = plan.begin(Operation::SetMany).await;
            match begun.and_then(|()| offered(self.inner.batch(), Operation::SetMany)) {
                Err(error) => each(entries.len(), &error),
                Ok(_) if plan.drops_write => entries.iter().map(|_| Ok(())).collect(),
                Ok(batch) => {
                    let mut entries = entries.to_vec();
                    for entry in &mut entries {
                        entry.value = plan.value(std::mem::take(&mut entry.value));
                    }
                    batch.set_many(&entries).await
                }
            }
        })
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>> {
        Box::pin(async move {
            let mut plan = self.script.plan(Operation::DeleteMany, keys);
            let begun = plan.begin(Operation::DeleteMany).await;
            match begun.and_then(|()| offered(self.inner.batch(), Operation::DeleteMany)) {
                Err(error) => each(keys.len(), &error),
                Ok(_) if plan.drops_write => keys.iter().map(|_| Ok(true)).collect(),
                Ok(batch) => batch.delete_many(keys).await,
            }
        })
    }
}

impl Fencing for FaultyBackend {
    fn fence<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<FenceToken, BackendError>> {
        Box::pin(async move {
            self.script.plan(Operation::Fence, &[key]).begin(Operation::Fence).await?;
            offered(self.inner.fencing(), Operation::Fence)?.fence(key).await
        })
    }

    fn set_fenced<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
        token: &'a FenceToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let mut plan = self.script.plan(Operation::SetFenced, &[key]);
            plan.begin(Operation::SetFenced).await?;
            if plan.drops_write {
                return Ok(true);
            }
            let fencing = offered(self.inner.fencing(), Operation::SetFenced)?;
            fencing.set_fenced(key, plan.value(value), options, token).await
        })
    }
}

impl InvalidationEvents for FaultyBackend {
    /// Only logged: a subscription cannot fail.
    fn subscribe(&self, listener: InvalidationListener) -> Subscription {
        self.script.note(Operation::Subscribe);
        // Events from the test, and from the backend unless the test loses them.
        let told = self.script.listeners().subscribe(Arc::clone(&listener));
        let script = Arc::clone(&self.script);
        let heard = self.inner.events().map(|events| {
            events.subscribe(Arc::new(move |event: &InvalidationEvent| {
                if !script.loses_events() {
                    listener(event);
                }
            }))
        });
        Subscription::new(move || drop((told, heard)))
    }
}
