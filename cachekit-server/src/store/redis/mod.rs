//! Entries in Redis, where several nodes of the server find them: [`RedisStore`].

mod watch;

#[cfg(test)]
mod tests;

pub(crate) use self::watch::Watch;

use super::{EntryKey, StoreError};
use bytes::Bytes;
use cachekit_io::{
    Backend, BackendError, BackendErrorKind, Locks, Redis, RedisBuilder, SetOptions, TtlControl,
};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// The prefix of all entries of servers in Redis, after the prefix of the settings.
const PREFIX: &str = "cachekit-server:";
/// Written to check whether Redis accepts writes. No entry has this name, because it contains no colon.
const PROBE: &str = "cachekit-server.probe";
const PROBE_LIFE: Duration = Duration::from_secs(60);
const PROBE_LEASE: Duration = Duration::from_secs(1);

/// Why there is no [`RedisStore`]. It shows no URL and no password.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the Redis store: {}", .0.context().unwrap_or("it cannot be used"))]
pub struct RedisStoreError(#[source] BackendError);

impl RedisStoreError {
    /// The error of Redis, or of its client.
    pub fn cause(&self) -> &BackendError {
        &self.0
    }
}

/// Entries and leases in Redis or Valkey: one server, a Sentinel group or a Cluster, and several nodes of
/// cachekit-server over it.
///
/// What one node stores, deletes or leases, all nodes see.
/// [`Builder::redis_store`](crate::Builder::redis_store) builds a server with it.
///
/// # Example
///
/// ```no_run
/// use cachekit_io::Redis;
/// use cachekit_server::{RedisStore, Server};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let redis = Redis::builder().url("redis-cluster://redis-1,redis-2,redis-3");
/// let store = RedisStore::open(redis).await?;
/// let server = Server::builder().cleartext().redis_store(store).bind().await?;
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RedisStore {
    redis: Redis,
    watch: Arc<Watch>,
}

impl RedisStore {
    /// Creates the client and contacts Redis once. All names in Redis begin with the prefix of the settings and
    /// `cachekit-server:`.
    ///
    /// Redis need not be up: the server answers `503` until it is.
    ///
    /// # Errors
    ///
    /// For wrong settings, and if Redis reports them as wrong: a wrong password, a user without the required
    /// permissions, a database that does not exist, a Cluster addressed as one server.
    pub async fn open(settings: RedisBuilder) -> Result<Self, RedisStoreError> {
        let redis = settings.build().map_err(RedisStoreError)?;
        let store = Self { redis, watch: Arc::new(Watch::new()) };
        match store.probe().await {
            Err(error) if is_certain(error.kind()) => Err(RedisStoreError(error)),
            answer => {
                store.watch.note(answer);
                Ok(store)
            }
        }
    }

    pub(crate) fn redis(&self) -> &Redis {
        &self.redis
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Monitors Redis until it is dropped: whether it is up, and when it is back.
    pub(crate) async fn watch_forever(self) {
        loop {
            self.watch.next().await;
            self.watch.note(self.probe().await);
        }
    }

    /// Checks that every primary answers, and that one of them can do everything that requests need. So a missing
    /// permission is noticed before a request needs it.
    async fn probe(&self) -> Result<(), BackendError> {
        self.redis.health().await?;
        let options = SetOptions::new().ttl(PROBE_LIFE);
        self.redis.set(PROBE, Bytes::from_static(b"1"), &options).await?;
        self.redis.get_up_to(PROBE, 1).await?;
        self.redis.refresh(PROBE, PROBE_LIFE).await?;
        // Another node may hold it at this moment.
        if let Some(lock) = self.redis.try_acquire(PROBE, PROBE_LEASE).await? {
            self.redis.release(PROBE, &lock).await?;
        }
        self.redis.delete(PROBE).await.map(drop)
    }

    /// What a failed operation means for the request. A failed operation also triggers a check whether
    /// Redis is up.
    pub(crate) fn failed(&self, error: &BackendError) -> StoreError {
        if error.kind() == BackendErrorKind::TooLarge {
            return StoreError::TooLarge;
        }
        self.watch.doubt(error);
        StoreError::unavailable(error)
    }
}

/// Whether a retry cannot help.
fn is_certain(kind: BackendErrorKind) -> bool {
    use BackendErrorKind as K;
    matches!(kind, K::Authentication | K::Configuration | K::Unsupported)
}

/// The key of an entry for the client of Redis, which adds its prefix and escapes braces.
///
/// No two entries share a name: there is no colon in the first part.
pub(crate) fn name_of(key: &EntryKey) -> String {
    let tenant = plain(key.tenant());
    format!("{PREFIX}{tenant}:{}", key.key())
}

/// Tenants from a key file have no `%` and no `:` in their names; others may.
fn plain(tenant: &str) -> Cow<'_, str> {
    if tenant.contains(['%', ':']) {
        Cow::Owned(tenant.replace('%', "%25").replace(':', "%3A"))
    } else {
        Cow::Borrowed(tenant)
    }
}
