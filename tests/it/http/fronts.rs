//! The blocking front as a backend, so that the suite for backends can look at it.

use bytes::Bytes;
use cachekit_io::blocking::CachekitIo;
use cachekit_io::{
    Backend, BackendError, Batch, BatchEntry, BatchResults, BoxFuture, Expiry, Fetched, Health,
    LockToken, Locks, SetOptions, TtlControl,
};
use std::time::Duration;

/// Every operation blocks the thread that polls it.
#[derive(Debug)]
pub(crate) struct ThroughBlocking(pub(crate) CachekitIo);

impl Backend for ThroughBlocking {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        Box::pin(async move { self.0.get(key) })
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move { self.0.set(key, value, options) })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move { self.0.delete(key) })
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move { self.0.exists(key) })
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        Box::pin(async move { self.0.health() })
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

impl Locks for ThroughBlocking {
    fn try_acquire<'a>(
        &'a self,
        key: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<LockToken>, BackendError>> {
        Box::pin(async move { self.0.try_acquire(key, lease) })
    }

    fn release<'a>(
        &'a self,
        key: &'a str,
        token: &'a LockToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move { self.0.release(key, token) })
    }
}

impl TtlControl for ThroughBlocking {
    fn expiry<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Expiry, BackendError>> {
        Box::pin(async move { self.0.expiry(key) })
    }

    fn refresh<'a>(
        &'a self,
        key: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move { self.0.refresh_ttl(key, ttl) })
    }
}

impl Batch for ThroughBlocking {
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>> {
        Box::pin(async move { self.0.get_many(keys) })
    }

    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>> {
        Box::pin(async move { self.0.set_many(entries) })
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>> {
        Box::pin(async move { self.0.delete_many(keys) })
    }
}
