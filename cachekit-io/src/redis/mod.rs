//! Redis and Valkey: [`Redis`] (feature `redis`).

mod address;
mod backend;
mod batch;
mod builder;
mod cluster;
mod dial;
mod env;
mod events;
mod failure;
mod fences;
mod flights;
mod keys;
mod layout;
mod link;
mod locks;
mod node;
mod operations;
mod scripts;
mod send;
mod sentinel;
mod topology;

#[cfg(test)]
mod tests;

pub use self::builder::{RedisBuilder, RedisCredentials};

use self::events::Events;
use self::keys::Names;
use self::topology::Topology;
use crate::runtime::Background;
use crate::{BackendError, settings};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The shared cache in Redis or Valkey: one server, a Sentinel group, or a Cluster.
///
/// Clones are cheap and share connections. `Debug` shows no URL and no password.
///
/// # Example
///
/// ```no_run
/// use bytes::Bytes;
/// use cachekit_io::{Backend, BackendError, Redis, SetOptions};
/// use std::time::Duration;
///
/// # async fn example() -> Result<(), BackendError> {
/// let redis = Redis::builder().url("redis://127.0.0.1:6379").build()?;
/// let options = SetOptions::new().ttl(Duration::from_secs(300));
/// redis.set("greeting", Bytes::from_static(b"hello"), &options).await?;
/// let found = redis.get("greeting").await?;
/// assert!(found.is_some_and(|found| found.value() == "hello"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Redis {
    shared: Arc<Shared>,
    timeout: Duration,
}

/// What clones and variants of a client have in common.
struct Shared {
    names: Names,
    topology: Topology,
    events: Events,
    background: Background,
    fence_life: Duration,
    /// The last operation on a group that waited for a server waited in vain: until one succeeds, no
    /// other waits.
    despairs: AtomicBool,
}

impl Redis {
    /// Settings, to be completed with a URL.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    /// A client from environment variables. An empty variable counts as not set.
    ///
    /// | variable | what | default |
    /// | --- | --- | --- |
    /// | `CACHEKIT_REDIS_URL`, then `REDIS_URL` | [where Redis is](crate::redis#urls) | needed |
    /// | `CACHEKIT_TIMEOUT` | seconds for one operation, decimals allowed | 5 |
    /// | `CACHEKIT_REDIS_PREFIX` | what all keys begin with | nothing |
    /// | `CACHEKIT_REDIS_PASSWORD_FILE` | file with the password, read for each connection | none |
    /// | `CACHEKIT_CA_FILE` | PEM file with certificates to trust as well | none |
    /// | `CACHEKIT_REDIS_CERT_FILE`, `CACHEKIT_REDIS_KEY_FILE` | PEM files: the client's certificate and its key | none |
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::BackendErrorKind::Configuration) names every variable that is wrong and
    /// what it accepts; never a URL or a password.
    pub fn from_env() -> Result<Self, BackendError> {
        Self::from_env_with(|builder| builder)
    }

    /// As [`from_env`](Self::from_env), with settings that code completes or replaces.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env): everything that is wrong, in the environment and in code, at once.
    ///
    /// # Example
    ///
    /// ```no_run
    /// let redis = cachekit_io::Redis::from_env_with(|builder| builder.prefix("shop:"))?;
    /// # drop(redis);
    /// # Ok::<(), cachekit_io::BackendError>(())
    /// ```
    pub fn from_env_with(
        complete: impl FnOnce(RedisBuilder) -> RedisBuilder,
    ) -> Result<Self, BackendError> {
        env::client_with(&settings::process, complete)
    }

    /// The same client, with the same connections, and another timeout for its operations. Zero makes
    /// every operation that has to wait fail at once.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        // An hour is enough to add to any clock.
        let timeout = timeout.min(Duration::from_secs(3600));
        Self { shared: Arc::clone(&self.shared), timeout }
    }

    /// How long one operation may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("topology", &self.shared.topology.name())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
