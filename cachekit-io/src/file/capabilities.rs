//! What the file backend can do beyond the contract: all but events.

use super::store::Store;
use super::write::{NewEntry, check_ttl, id_of, lock_token, token_of};
use super::{FileBackend, name_of};
use crate::{
    BackendError, BackendErrorKind, Batch, BatchEntry, BatchResults, BoxFuture, Expiry, FenceToken,
    Fencing, Fetched, LockToken, Locks, Operation, SetOptions, TtlControl,
};
use bytes::Bytes;
use std::time::Duration;

fn invalid(operation: Operation, context: &'static str) -> BackendError {
    BackendError::new(BackendErrorKind::InvalidOption, operation).with_context(context)
}

impl Locks for FileBackend {
    fn try_acquire<'a>(
        &'a self,
        key: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<LockToken>, BackendError>> {
        Box::pin(async move {
            let name = name_of(Operation::Lock, key)?;
            if lease.is_zero() {
                return Err(invalid(Operation::Lock, "a lease of zero"));
            }
            let holder = self
                .run(Operation::Lock, key, 0, move |store, call| store.acquire(call, &name, lease));
            Ok(holder.await?.map(lock_token))
        })
    }

    fn release<'a>(
        &'a self,
        key: &'a str,
        token: &'a LockToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let name = name_of(Operation::Unlock, key)?;
            let Some(holder) = id_of(token.as_str()) else { return Ok(false) };
            self.run(Operation::Unlock, key, 0, move |store, call| {
                store.release(call, &name, holder)
            })
            .await
        })
    }
}

impl TtlControl for FileBackend {
    fn expiry<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Expiry, BackendError>> {
        Box::pin(async move {
            let name = name_of(Operation::Expiry, key)?;
            self.run(Operation::Expiry, key, 0, move |store, call| store.expiry(call, &name)).await
        })
    }

    fn refresh<'a>(
        &'a self,
        key: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let name = name_of(Operation::Refresh, key)?;
            if ttl.is_zero() {
                return Err(invalid(Operation::Refresh, "a time to live of zero"));
            }
            check_ttl(Operation::Refresh, Some(ttl))?;
            self.run(Operation::Refresh, key, 0, move |store, call| store.refresh(call, &name, ttl))
                .await
        })
    }
}

impl Fencing for FileBackend {
    fn fence<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<FenceToken, BackendError>> {
        Box::pin(async move {
            let name = name_of(Operation::Fence, key)?;
            let fence =
                self.run(Operation::Fence, key, 0, move |store, call| store.fence(call, &name));
            Ok(FenceToken::new(token_of(fence.await?)))
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
            let Some(fence) = id_of(token.as_str()) else {
                return Err(invalid(
                    Operation::SetFenced,
                    "a fence that this backend did not give",
                ));
            };
            self.put(Operation::SetFenced, key, value, options, Some(fence)).await
        })
    }
}

/// Each batch is one piece of work, with one deadline: a round trip to another thread costs more than most
/// of its items.
impl Batch for FileBackend {
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>> {
        Box::pin(async move {
            let names = keys.iter().map(|key| name_of(Operation::GetMany, key)).collect();
            self.run_many(Operation::GetMany, names, 0, Store::get).await
        })
    }

    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>> {
        Box::pin(async move {
            let new = entries.iter().map(|entry| {
                let name = name_of(Operation::SetMany, entry.key)?;
                let value = entry.value.clone();
                let new = NewEntry { name, value, options: entry.options.clone(), fence: None };
                new.check(&self.store, Operation::SetMany)
                    .map_err(|error| error.with_key(entry.key))?;
                Ok(new)
            });
            let held = entries.iter().map(|entry| entry.value.len()).sum();
            self.run_many(Operation::SetMany, new.collect(), held, |store, call, entry| {
                store.put(call, entry).map(drop)
            })
            .await
        })
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>> {
        Box::pin(async move {
            let names = keys.iter().map(|key| name_of(Operation::DeleteMany, key)).collect();
            self.run_many(Operation::DeleteMany, names, 0, Store::delete).await
        })
    }
}
