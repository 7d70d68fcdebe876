//! Redis and Valkey: [`Redis`] (feature `redis`).
//!
//! One server, a group with Sentinels, or a Cluster; Redis 6 or newer, or any Valkey. All three have every capability
//! of [`Backend`](crate::Backend).
//!
//! # URLs
//!
//! | URL | meaning |
//! | --- | --- |
//! | `redis://[user:password@]host[:6379][/database]` | one server |
//! | `rediss://…` | the same with TLS, also for the groups below |
//! | `unix:///path/to/socket[?db=1&user=…&password=…]` | one server, over a Unix socket |
//! | `redis-sentinel://[user:password@]host[:26379],host…/name[/database]` | the primary of the group `name`, as these Sentinels know it |
//! | `redis-cluster://[user:password@]host[:6379],host…` | a Cluster; these nodes are contacted first |
//!
//! `valkey` may replace `redis`, and `+` may replace `-` (`redis+sentinel://`). Options after `?`: `protocol` (`resp3`,
//! which is the default, or `resp2`), `db`, `user`, `password`; `sentinel_username` and `sentinel_password` for
//! Sentinels with their own users; and, for compatibility with other clients, `sentinelServiceName` and `node`, once
//! for each further host. Special characters of a password are escaped as usual in URLs: `%40` for `@`.
//!
//! # Time
//!
//! The timeout (5 seconds by default) bounds one operation from its first poll to its answer, with everything
//! in between: resolving names, connecting, TLS, following redirects, waiting for a failover. Nothing is
//! connected before the first operation, and Redis need not be up before the program.
//!
//! # Retries
//!
//! A request whose connection was lost is sent again at once over another, twice at most. After that an
//! operation on one server fails, because no other server can answer. While nothing listens there, operations
//! fail without waiting, except for one that tries the server again, first after 50 ms and then after up to a
//! second. With Sentinels and in a Cluster an operation waits for a failover, a move of slots (`TRYAGAIN`),
//! `LOADING` and `CLUSTERDOWN` up to its timeout. Once an operation has waited its whole timeout for nothing, the
//! others fail at once until one succeeds.
//!
//! A fenced write whose answer is lost is not sent again: it would find its own fence moved.
//!
//! | answer | kind |
//! | --- | --- |
//! | `LOADING`, `READONLY`, `CLUSTERDOWN`, `MASTERDOWN`, `MISCONF`, a lost connection | [`Transient`](crate::BackendErrorKind::Transient) |
//! | `OOM` | [`Backpressure`](crate::BackendErrorKind::Backpressure): reads and deletes go on |
//! | `NOAUTH`, `WRONGPASS`, `NOPERM` | [`Authentication`](crate::BackendErrorKind::Authentication) |
//! | a database that does not exist, a Cluster addressed as one server | [`Configuration`](crate::BackendErrorKind::Configuration) |
//! | `WRONGTYPE` | [`Permanent`](crate::BackendErrorKind::Permanent) |
//!
//! # Connections
//!
//! Each server has one connection that all callers share, one more for callers on each current-thread
//! runtime, and one for sync calls. In a Cluster, one node has one more, over which the owners of slots are fetched.
//! Any executor can poll the futures: on a tokio runtime connections are driven there, otherwise by one background
//! thread. A connection that does not answer a ping within two seconds is given up. It is pinged after 15 quiet
//! seconds, as soon as answers are overdue, and every second while there is a listener.
//!
//! Each new connection reads the password and the certificates and resolves names anew: a rotated
//! password ([`RedisBuilder::password_file`], [`RedisBuilder::credentials`]), a replaced certificate and a
//! replaced server need no restart. Sentinels are queried again when the primary is lost or rejects writes,
//! and every five seconds.
//!
//! # What is stored
//!
//! A value is stored under its key, after the [prefix](RedisBuilder::prefix), unchanged, with `PX`. Values that other
//! clients stored with a plain `SET` are found, and they find ours. There are two exceptions. A value with a stale
//! window has a header of 12 bytes that begins with `0xC1`, by which a later client, or another process, distinguishes
//! fresh from stale by the server's own clock (but not if [`SetOptions::verbatim`](crate::SetOptions::verbatim) says
//! that other programs read it). And in keys outside the portable alphabet, `{`, `}` and `%` are escaped, as is the
//! last letter of a key that ends with `:lock`.
//!
//! Beside an entry `K` there may be `K:lock`, the lock that other clients of the ecosystem know, `K%fence`,
//! `K%held` and, for a second, `K%copied`; in a Cluster `{K}:lock` and so on, which have the entry's slot. An access
//! control list user needs the patterns `~prefix*` (in a Cluster also `~{prefix*`) and the commands `get`, `set`,
//! `del`, `exists`, `mget`, `pttl`, `pexpire`, `strlen`, `getrange`, `multi`, `exec`, `eval`, `evalsha`, `ping`, and
//! `info`; with Sentinels `role`, in a Cluster `cluster|slots`, `cluster|info` and `asking`, with a database other than 0
//! `select`, and `wait` for confirmation by replicas.
//!
//! # Events
//!
//! While there is a listener, each connection uses client-side tracking (`client|tracking`, RESP3): the server sends
//! events about changes of everything that was read over it. If that is refused, clients notify each other over the
//! channel `cachekit:rust:invalidate:v1` (`publish`, `subscribe`, and the pattern `&cachekit:rust:invalidate:v1`).
//! Clients that track publish there, too, for those that do not. If neither is permitted, a gap follows each read and
//! write, so that listeners keep nothing. While there is a listener, [`health`](crate::Backend::health) is an error that
//! names the permissions if a client can neither track nor use the channel, and if it may not publish. `wait` shows at
//! once that a server has become a replica.
//!
//! # Fences and failovers
//!
//! Every write and delete of this client removes the fence of its key in the same step, and a fenced write
//! compares it in the same step. A missing fence refuses the fill: after five minutes
//! ([`RedisBuilder::fence_life`]), after an eviction, after `FLUSHALL`.
//!
//! Replication is asynchronous: a new primary may have missed the last writes of the old one. Fences and
//! locks are therefore bound to the replication id of the primary that gave them, so that after a failover
//! or a restart every older one is refused. The limits of Redis remain: a delete that the old
//! primary confirmed may be lost with it, and the entry is back; and a primary that is cut off from the
//! others accepts writes until it notices, which are lost later. If that is too much, have
//! writes and deletes confirmed by replicas ([`RedisBuilder::replicas`]), let a primary that lost its replicas reject
//! writes (`min-replicas-to-write`, `min-replicas-max-lag`), and keep TTLs short. For a user
//! without the permission for `info`, fences and locks are bound to no replication id.
//!
//! Writers that do not use this crate do not move fences. If they delete an entry while a fill is in flight, the
//! fill is stored.

mod address;
mod backend;
mod batch;
mod bounded;
mod builder;
mod cluster;
mod connection;
mod copies;
mod dial;
mod env;
mod events;
mod failure;
mod fences;
mod flights;
mod health;
mod keys;
mod layout;
mod locks;
mod node;
mod operations;
mod request;
mod scripts;
mod send;
mod sentinel;
mod topology;

#[cfg(test)]
mod tests;

pub use self::bounded::Bounded;
pub use self::builder::{RedisBuilder, RedisCredentials};

use self::copies::Wanted;
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

/// The parts that clones and variants of a client share.
struct Shared {
    names: Names,
    topology: Topology,
    events: Events,
    background: Background,
    fence_life: Duration,
    /// Which replicas must have each write.
    copies: Wanted,
    /// An operation on a group has waited for a server until its deadline. Until one succeeds, the others fail
    /// without waiting.
    despairs: AtomicBool,
}

impl Redis {
    /// Settings, to be completed with a URL.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    /// A client from environment variables. An empty variable counts as not set.
    ///
    /// | variable | meaning | default |
    /// | --- | --- | --- |
    /// | `CACHEKIT_REDIS_URL`, then `REDIS_URL` | [where Redis is](crate::redis#urls) | required |
    /// | `CACHEKIT_TIMEOUT` | seconds for one operation, decimals allowed | 5 |
    /// | `CACHEKIT_REDIS_PREFIX` | prefix of all keys | nothing |
    /// | `CACHEKIT_REDIS_PASSWORD_FILE` | file with the password, read for each connection | none |
    /// | `CACHEKIT_CA_FILE` | PEM file with additional certificates to trust | none |
    /// | `CACHEKIT_REDIS_CERT_FILE`, `CACHEKIT_REDIS_KEY_FILE` | PEM files: the client's certificate and its key | none |
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::BackendErrorKind::Configuration) names every wrong variable and
    /// what it accepts; never a URL or a password.
    pub fn from_env() -> Result<Self, BackendError> {
        Self::from_env_with(|builder| builder)
    }

    /// Like [`from_env`](Self::from_env), with settings that code completes or overrides.
    ///
    /// # Errors
    ///
    /// Like [`from_env`](Self::from_env): everything that is wrong, in the environment and in code, at once.
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

    /// Whether a [URL](crate::redis#urls) contains a password in any position: for programs that take a URL where
    /// passwords do not belong, such as a command line.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::BackendErrorKind::Configuration) for text that is not a URL of a Redis; the message
    /// does not show the text.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::Redis;
    ///
    /// assert!(!Redis::url_has_password("redis://app@cache.example")?);
    /// assert!(Redis::url_has_password("redis://app:secret@cache.example")?);
    /// assert!(Redis::url_has_password("redis://cache.example?password=secret")?);
    /// # Ok::<(), cachekit_io::BackendError>(())
    /// ```
    pub fn url_has_password(url: &str) -> Result<bool, BackendError> {
        let target = address::ServerUrl::parse(url);
        let target = target.map_err(|why| builder::configuration(&[format!("the URL {why}")]))?;
        Ok(target.has_password())
    }

    /// The same client, with the same connections, and another timeout for its operations. Zero makes
    /// every operation that must wait fail at once.
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
