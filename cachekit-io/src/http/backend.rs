//! The client as a [`Backend`] with its capabilities.

use super::CachekitIo;
use crate::runtime::boxed;
use crate::{
    Backend, BackendError, Batch, BatchEntry, BatchResults, BoxFuture, Expiry, Fetched, Health,
    LockToken, Locks, SetOptions, TtlControl,
};
use bytes::Bytes;
use std::time::Duration;

/// The backend's name in logs and counters.
pub(super) const TYPE: &str = "cachekit.io";

impl Backend for CachekitIo {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        boxed(|| self.get(key))
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        boxed(|| self.set(key, value, options))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        boxed(|| self.delete(key))
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        boxed(|| self.exists(key))
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        boxed(|| self.health())
    }

    fn backend_type(&self) -> &'static str {
        TYPE
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
}

impl Locks for CachekitIo {
    fn try_acquire<'a>(
        &'a self,
        key: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<LockToken>, BackendError>> {
        boxed(|| self.take_lock(key, lease))
    }

    fn release<'a>(
        &'a self,
        key: &'a str,
        token: &'a LockToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        boxed(|| self.give_lock_back(key, token))
    }
}

impl TtlControl for CachekitIo {
    fn expiry<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Expiry, BackendError>> {
        boxed(|| self.expiry(key))
    }

    fn refresh<'a>(
        &'a self,
        key: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        boxed(|| self.refresh_ttl(key, ttl))
    }
}

impl Batch for CachekitIo {
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>> {
        boxed(|| self.get_many(keys))
    }

    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>> {
        boxed(|| self.set_many(entries))
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>> {
        boxed(|| self.delete_many(keys))
    }
}
