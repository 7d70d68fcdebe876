//! The client as a [`Backend`] with its capabilities.

use super::Redis;
use super::operations::TYPE;
use crate::runtime::boxed;
use crate::{
    Backend, BackendError, Batch, BatchEntry, BatchResults, BoxFuture, Expiry, FenceToken, Fencing,
    Fetched, Health, InvalidationEvents, InvalidationListener, LockToken, Locks, SetOptions,
    Subscription, TtlControl,
};
use bytes::Bytes;
use std::time::Duration;

impl Backend for Redis {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        boxed(|| self.do_get(key))
    }

    fn get_timed<'a>(
        &'a self,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        boxed(|| self.do_get_timed(key))
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        boxed(|| self.do_set(key, value, options))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        boxed(|| self.do_delete(key))
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        boxed(|| self.do_exists(key))
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        boxed(|| self.do_health())
    }

    fn backend_type(&self) -> &'static str {
        TYPE
    }

    fn renames_keys(&self) -> bool {
        self.shared.names.has_prefix()
    }

    fn locks(&self) -> Option<&dyn Locks> {
        Some(self)
    }

    fn ttl(&self) -> Option<&dyn TtlControl> {
        Some(self)
    }

    fn batch(&self) -> Option<&dyn Batch> {
        Some(self)
    }

    fn fencing(&self) -> Option<&dyn Fencing> {
        Some(self)
    }

    fn events(&self) -> Option<&dyn InvalidationEvents> {
        Some(self)
    }
}

impl Locks for Redis {
    fn try_acquire<'a>(
        &'a self,
        key: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<LockToken>, BackendError>> {
        boxed(|| self.do_acquire(key, lease))
    }

    fn release<'a>(
        &'a self,
        key: &'a str,
        token: &'a LockToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        boxed(|| self.do_release(key, token))
    }
}

impl TtlControl for Redis {
    fn expiry<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Expiry, BackendError>> {
        boxed(|| self.do_expiry(key))
    }

    fn refresh<'a>(
        &'a self,
        key: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        boxed(|| self.do_refresh(key, ttl))
    }
}

impl Batch for Redis {
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>> {
        boxed(|| self.do_get_many(keys))
    }

    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>> {
        boxed(|| self.do_set_many(entries))
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>> {
        boxed(|| self.do_delete_many(keys))
    }
}

impl Fencing for Redis {
    fn fence<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<FenceToken, BackendError>> {
        boxed(|| self.do_fence(key))
    }

    fn set_fenced<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
        token: &'a FenceToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        boxed(|| self.do_set_fenced(key, value, options, token))
    }
}

impl InvalidationEvents for Redis {
    fn subscribe(&self, listener: InvalidationListener) -> Subscription {
        self.shared.events.subscribe(listener)
    }
}
