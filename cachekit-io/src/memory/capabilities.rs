//! What the memory backend can do beyond the contract: everything.

use super::{MemoryBackend, check_key};
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BatchEntry, BatchResults, BoxFuture, Expiry,
    FenceToken, Fencing, Fetched, InvalidationEvents, InvalidationListener, LockToken, Locks,
    Operation, SetOptions, Subscription, TtlControl,
};
use bytes::Bytes;
use std::time::Duration;

/// Refuses a duration of zero where some time is needed.
fn check_not_zero(
    operation: Operation,
    duration: Duration,
    refused: &'static str,
) -> Result<(), BackendError> {
    if duration.is_zero() {
        return Err(
            BackendError::new(BackendErrorKind::InvalidOption, operation).with_context(refused)
        );
    }
    Ok(())
}

impl Locks for MemoryBackend {
    fn try_acquire<'a>(
        &'a self,
        key: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<LockToken>, BackendError>> {
        Box::pin(async move {
            check_key(Operation::Lock, key)?;
            check_not_zero(Operation::Lock, lease, "a lease of zero")?;
            let holder = self.store.try_acquire(key, lease);
            Ok(holder.map(|holder| LockToken::new(holder.to_string())))
        })
    }

    fn release<'a>(
        &'a self,
        key: &'a str,
        token: &'a LockToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            check_key(Operation::Unlock, key)?;
            let holder = token.as_str().parse().ok();
            Ok(holder.is_some_and(|holder| self.store.release(key, holder)))
        })
    }
}

impl TtlControl for MemoryBackend {
    fn expiry<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Expiry, BackendError>> {
        Box::pin(async move {
            check_key(Operation::Expiry, key)?;
            Ok(self.store.expiry(key))
        })
    }

    fn refresh<'a>(
        &'a self,
        key: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            check_key(Operation::Refresh, key)?;
            check_not_zero(Operation::Refresh, ttl, "a time to live of zero")?;
            Ok(self.store.refresh(key, ttl))
        })
    }
}

impl Batch for MemoryBackend {
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>> {
        Box::pin(async move {
            let mut results = Vec::with_capacity(keys.len());
            for key in keys {
                results.push(self.get(key).await);
            }
            results
        })
    }

    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>> {
        Box::pin(async move {
            let mut results = Vec::with_capacity(entries.len());
            for entry in entries {
                results.push(self.set(entry.key, entry.value.clone(), &entry.options).await);
            }
            results
        })
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>> {
        Box::pin(async move {
            let mut results = Vec::with_capacity(keys.len());
            for key in keys {
                results.push(self.delete(key).await);
            }
            results
        })
    }
}

impl Fencing for MemoryBackend {
    fn fence<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<FenceToken, BackendError>> {
        Box::pin(async move {
            check_key(Operation::Fence, key)?;
            Ok(FenceToken::new(self.store.fence(key).to_string()))
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
            let Ok(number) = token.as_str().parse() else {
                return Err(BackendError::new(
                    BackendErrorKind::InvalidOption,
                    Operation::SetFenced,
                )
                .with_context("a fence that this backend did not give"));
            };
            self.write(Operation::SetFenced, key, value, options, Some(number))
        })
    }
}

impl InvalidationEvents for MemoryBackend {
    fn subscribe(&self, listener: InvalidationListener) -> Subscription {
        self.store.listeners().subscribe(listener)
    }
}
