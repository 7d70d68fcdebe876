//! The home in this process: a store, and leases in memory.

use super::{Counts, Found, Put, Refreshed, Said, Told};
use crate::auth::random_hex;
use crate::clock::Timestamp;
use crate::locks::{Acquired, Locks};
use crate::store::{Entry, EntryKey, Lifetime, Measured, Store, StoreError};
use bytes::Bytes;
use cachekit_io::Clock;
use cachekit_io::wire::limits::MAX_TTL_SECONDS;
use std::sync::Arc;

/// A store of this process.
pub(crate) struct Own {
    store: Arc<dyn Store>,
    locks: Locks,
    clock: Clock,
}

impl Own {
    pub(crate) fn new(store: Arc<dyn Store>, max_locks_per_tenant: usize, clock: Clock) -> Self {
        Self { store, locks: Locks::new(max_locks_per_tenant), clock }
    }

    fn now(&self) -> Timestamp {
        Timestamp::of(&self.clock)
    }

    pub(super) async fn get_up_to(
        &self,
        key: &EntryKey,
        now: Timestamp,
        most: usize,
    ) -> Result<Option<Found>, StoreError> {
        let found = self.store.get_up_to(key, now, most).await?;
        Ok(found.map(|measured| {
            let said = Said::Life(match &measured {
                Measured::Whole(entry) => entry.lifetime,
                Measured::Longer { lifetime, .. } => *lifetime,
            });
            Found { measured, said }
        }))
    }

    pub(super) async fn load(
        &self,
        key: &EntryKey,
        length: usize,
        said: Said,
    ) -> Result<Option<Bytes>, StoreError> {
        Ok(match self.store.get_up_to(key, self.now(), length).await? {
            Some(Measured::Whole(entry)) if entry.value.len() == length => {
                let is_true = matches!(said, Said::Life(life) if life == entry.lifetime);
                is_true.then_some(entry.value)
            }
            _ => None,
        })
    }

    pub(super) async fn lifetime(
        &self,
        key: &EntryKey,
        now: Timestamp,
    ) -> Result<Option<Lifetime>, StoreError> {
        self.store.lifetime(key, now).await
    }

    pub(super) fn would_fit(
        &self,
        key: &EntryKey,
        length: usize,
        quota: Option<u64>,
    ) -> Result<(), StoreError> {
        self.store.would_fit(key, length, quota)
    }

    pub(super) async fn put(
        &self,
        key: &EntryKey,
        value: Bytes,
        seconds: Option<(u64, u64)>,
        lock: Option<&[u8]>,
        quota: Option<u64>,
    ) -> Result<Put, StoreError> {
        let _turn = self.locks.turn(key).await;
        let now = self.now();
        match lock {
            None => self.locks.overtake(key),
            Some(id) if self.locks.allows_write(key, id, now) => {}
            Some(_) => return Ok(Put::Overtaken),
        }
        let lifetime =
            seconds.map_or(Lifetime::UNBOUNDED, |(ttl, stale)| Lifetime::starting(now, ttl, stale));
        self.store.put(key, Entry { value, lifetime }, quota, now).await?;
        Ok(Put::Stored)
    }

    pub(super) async fn delete(&self, key: &EntryKey) -> Result<(), StoreError> {
        let _turn = self.locks.turn(key).await;
        self.locks.overtake(key);
        self.store.delete(key).await
    }

    pub(super) async fn refresh(
        &self,
        key: &EntryKey,
        seconds: u64,
    ) -> Result<Refreshed, StoreError> {
        let _turn = self.locks.turn(key).await;
        let now = self.now();
        let Some(lifetime) = self.store.lifetime(key, now).await? else {
            return Ok(Refreshed::Done);
        };
        if !lifetime.is_fresh(now) {
            return Ok(Refreshed::Stale);
        }
        // Whole seconds, as in the `PUT`.
        let stale = lifetime.gone_at.millis_since(lifetime.fresh_until) / 1000;
        if seconds.saturating_add(stale) > MAX_TTL_SECONDS {
            return Ok(Refreshed::TooLong);
        }
        let lifetime = Lifetime::starting(now, seconds, stale);
        self.store.set_lifetime(key, lifetime, now).await?;
        Ok(Refreshed::Done)
    }

    pub(super) async fn acquire(
        &self,
        key: &EntryKey,
        millis: u64,
    ) -> Result<Acquired, StoreError> {
        let id = random_hex().map_err(|error| StoreError::unavailable(&error))?;
        let _turn = self.locks.turn(key).await;
        Ok(self.locks.acquire(key, id, millis, self.now()))
    }

    pub(super) fn release(&self, key: &EntryKey, id: &[u8]) -> bool {
        self.locks.release(key, id, self.now())
    }

    pub(super) async fn counts(&self, tenant: &str) -> Result<Counts, StoreError> {
        let usage = self.store.usage(tenant).await?;
        let locks = u64::try_from(self.locks.held(tenant)).unwrap_or(u64::MAX);
        Ok(Counts { entries: Some(usage.entries), locks: Some(locks) })
    }

    pub(super) fn sweep(&self, now: Timestamp) {
        self.store.sweep(now);
        self.locks.sweep(now);
    }

    pub(super) fn tell(&self) -> Told {
        let stats = self.store.stats();
        Told {
            store: Some(stats),
            failures: stats.failures,
            locks: self.locks.held_by_all(),
            up: self.is_writable(),
        }
    }

    pub(super) fn is_writable(&self) -> bool {
        self.store.is_writable()
    }

    pub(super) async fn close(&self) {
        self.store.close().await;
    }
}
