//! The home in Redis, which several nodes share.
//!
//! Redis does in one step what a node with its own store does in a key's turn: a write under a lock
//! compares the lock, and every other write and every delete revokes the right of the lock's holder to
//! write, whichever node it comes through. The clock of Redis determines TTLs and leases.

use super::{Counts, Found, Put, Refreshed, Said, Told};
use crate::clock::Timestamp;
use crate::locks::{Acquired, LEASE_MILLIS, Locks};
use crate::store::{Entry, EntryKey, Lifetime, Measured, RedisStore, StoreError, name_of};
use bytes::Bytes;
use cachekit_io::redis::Bounded;
use cachekit_io::wire::limits::MAX_TTL_SECONDS;
use cachekit_io::{
    Backend, BackendError, BackendErrorKind, Clock, LockToken, Locks as _, SetOptions, TtlControl,
};
use std::time::{Duration, Instant};

/// Redis counts whole milliseconds: it may report a TTL that is up to this much too long.
const TICK: Duration = Duration::from_millis(1);

/// Entries and leases in Redis.
pub(crate) struct Shared {
    store: RedisStore,
    /// The leases that this node granted, for counting. Redis knows which ones are held.
    given: Locks,
    clock: Clock,
}

impl Shared {
    pub(crate) fn new(store: RedisStore, max_locks_per_tenant: usize, clock: Clock) -> Self {
        Self { store, given: Locks::new(max_locks_per_tenant), clock }
    }

    /// Monitors Redis until the future is dropped.
    pub(crate) fn watch_forever(&self) -> impl Future<Output = ()> + Send + use<> {
        self.store.clone().watch_forever()
    }

    fn now(&self) -> Timestamp {
        Timestamp::of(&self.clock)
    }

    fn failed(&self, error: &BackendError) -> StoreError {
        self.store.failed(error)
    }

    async fn look(&self, key: &EntryKey, most: usize) -> Result<Option<Bounded>, StoreError> {
        let found = self.store.redis().get_up_to(&name_of(key), most).await;
        found.map_err(|error| self.failed(&error))
    }

    pub(super) async fn get_up_to(
        &self,
        key: &EntryKey,
        now: Timestamp,
        most: usize,
    ) -> Result<Option<Found>, StoreError> {
        let asked = Instant::now();
        Ok(self.look(key, most).await?.map(|found| {
            let lifetime = lifetime(&found, now);
            // Rather too early than too late: Redis read the TTL after we asked for it.
            let said = Said::FreshUntil(found.fresh_for().map(|left| asked + left));
            let measured = match found.value {
                Some(value) => Measured::Whole(Entry { value, lifetime }),
                None => Measured::Longer { length: found.length, lifetime },
            };
            Found { measured, said }
        }))
    }

    pub(super) async fn load(
        &self,
        key: &EntryKey,
        length: usize,
        said: Said,
    ) -> Result<Option<Bytes>, StoreError> {
        let Some(found) = self.look(key, length).await? else { return Ok(None) };
        let left = found.fresh_for();
        let is_true = match (said, left) {
            (Said::FreshUntil(None), left) => left.is_none(),
            (Said::FreshUntil(Some(_)), None) => true,
            // Rather too late than too early, so that the statement holds for the same value.
            (Said::FreshUntil(Some(until)), Some(left)) => Instant::now() + left + TICK >= until,
            (Said::Life(_), _) => false,
        };
        Ok(found.value.filter(|value| is_true && value.len() == length))
    }

    pub(super) async fn lifetime(
        &self,
        key: &EntryKey,
        now: Timestamp,
    ) -> Result<Option<Lifetime>, StoreError> {
        Ok(self.look(key, 0).await?.map(|found| lifetime(&found, now)))
    }

    /// A node does not know what a tenant has stored through other nodes. So a server with such a quota
    /// does not start over Redis, and a write that reaches this point regardless is refused.
    pub(super) fn would_fit(quota: Option<u64>) -> Result<(), StoreError> {
        match quota {
            None => Ok(()),
            Some(_) => Err(StoreError::unavailable(&"Redis counts no bytes of tenants")),
        }
    }

    pub(super) async fn put(
        &self,
        key: &EntryKey,
        value: Bytes,
        seconds: Option<(u64, u64)>,
        lock: Option<&[u8]>,
    ) -> Result<Put, StoreError> {
        let mut options = SetOptions::new();
        if let Some((ttl, stale)) = seconds {
            options = options.ttl(Duration::from_secs(ttl)).stale_ttl(Duration::from_secs(stale));
        }
        if let Some(id) = lock {
            let Some(token) = token(id) else { return Ok(Put::Overtaken) };
            options = options.lock(token);
        }
        match self.store.redis().set(&name_of(key), value, &options).await {
            Ok(()) => Ok(Put::Stored),
            Err(error) if error.kind() == BackendErrorKind::Superseded => Ok(Put::Overtaken),
            Err(error) => Err(self.failed(&error)),
        }
    }

    pub(super) async fn delete(&self, key: &EntryKey) -> Result<(), StoreError> {
        let deleted = self.store.redis().delete(&name_of(key)).await;
        deleted.map(|_| ()).map_err(|error| self.failed(&error))
    }

    pub(super) async fn refresh(
        &self,
        key: &EntryKey,
        seconds: u64,
    ) -> Result<Refreshed, StoreError> {
        let Some(found) = self.look(key, 0).await? else { return Ok(Refreshed::Done) };
        if found.fresh_for().is_some_and(|left| left.is_zero()) {
            return Ok(Refreshed::Stale);
        }
        if seconds.saturating_add(found.stale_window.as_secs()) > MAX_TTL_SECONDS {
            return Ok(Refreshed::TooLong);
        }
        let (name, ttl) = (name_of(key), Duration::from_secs(seconds));
        let refreshed = self.store.redis().refresh(&name, ttl);
        if refreshed.await.map_err(|error| self.failed(&error))? {
            return Ok(Refreshed::Done);
        }
        // The entry has ended or become stale by now.
        let is_there = self.look(key, 0).await?.is_some();
        Ok(if is_there { Refreshed::Stale } else { Refreshed::Done })
    }

    pub(super) async fn acquire(
        &self,
        key: &EntryKey,
        millis: u64,
    ) -> Result<Acquired, StoreError> {
        let Some(place) = self.given.reserve(key) else { return Ok(Acquired::TooMany) };
        let millis = millis.clamp(*LEASE_MILLIS.start(), *LEASE_MILLIS.end());
        // Measured before it begins in Redis, so that it is not counted for longer than it is held.
        let now = self.now();
        let (name, lease) = (name_of(key), Duration::from_millis(millis));
        let taken = self.store.redis().try_acquire(&name, lease).await;
        Ok(match taken.map_err(|error| self.failed(&error))? {
            None => Acquired::Contested,
            Some(lock) => {
                let id = lock.as_str().to_owned();
                place.fill(&id, millis, now);
                Acquired::Granted(id)
            }
        })
    }

    pub(super) async fn release(&self, key: &EntryKey, id: &[u8]) -> Result<bool, StoreError> {
        let Some(token) = token(id) else { return Ok(false) };
        let released = self.store.redis().release(&name_of(key), &token).await;
        let released = released.map_err(|error| self.failed(&error))?;
        self.given.release(key, id, self.now());
        Ok(released)
    }

    /// A node does not count what all nodes stored.
    pub(super) async fn counts(&self) -> Result<Counts, StoreError> {
        self.store.redis().health().await.map_err(|error| self.failed(&error))?;
        Ok(Counts { entries: None, locks: None })
    }

    pub(super) fn sweep(&self, now: Timestamp) {
        self.given.sweep(now);
    }

    pub(super) fn tell(&self) -> Told {
        Told {
            store: None,
            failures: self.store.watch().failures(),
            locks: self.given.held_by_all(),
            up: self.is_writable(),
        }
    }

    pub(super) fn is_writable(&self) -> bool {
        self.store.watch().is_up()
    }
}

/// The lifetime by the clock of this process, from what Redis says is left.
fn lifetime(found: &Bounded, now: Timestamp) -> Lifetime {
    let after = |left: Option<Duration>| {
        let millis = |left: Duration| u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        left.map_or(Timestamp::NEVER, |left| now.plus_millis(millis(left)))
    };
    Lifetime { fresh_until: after(found.fresh_for()), gone_at: after(found.left) }
}

/// The token for a lock's id; `None` for bytes that cannot be one.
fn token(id: &[u8]) -> Option<LockToken> {
    let id = std::str::from_utf8(id).ok()?;
    let formed = !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    formed.then(|| LockToken::new(id))
}

#[cfg(test)]
mod tests;
