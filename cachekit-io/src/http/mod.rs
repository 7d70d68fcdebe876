//! The client of the HTTP API: [`CachekitIo`] (feature `http`).
//!
//! # Time
//!
//! The timeout bounds one operation from its first poll to the last byte of the answer, with
//! everything in between: connecting, retries, and the waits between them. Retries share it, so a
//! retry never makes an operation take longer than the timeout says.
//!
//! # Retries
//!
//! What fails transiently (a broken connection, `408`, `429`, `5xx`) is tried again after a random
//! wait of up to 100 ms, 200 ms and so on to 5 s, or what `Retry-After` asks if that is longer, unless
//! the wait would outlast the timeout. Not tried again: a refusal with a deny reason, a certificate
//! that is not valid, and the acquisition of a lock, which might otherwise contend with itself.
//! A request that the service certainly did nothing for, because the connection it was meant for was closed before it had all
//! of it, or because the service says so, is repeated at once, whatever it is. If it fails in the end, its error is
//! [unprocessed](BackendError::is_unprocessed). The rule is that of [`layers::Retry`](crate::layers::Retry).
//!
//! # Connections
//!
//! A connection in use is pinged every 30 seconds and given up 10 seconds after a ping without answer. One
//! that was quiet for 30 seconds is pinged when it is used again, and given up after 2: routers forget
//! connections without a word. Idle ones are closed after 390 seconds. TLS sessions are resumed.
//!
//! # Executors
//!
//! Futures of the client can be polled by any executor. On a multi-threaded tokio runtime connections
//! are driven there; on a current-thread runtime too, and are then used only from inside of it; from
//! anywhere else by one background thread, which also keeps all deadlines. Calls without async are made by
//! that thread and use only its connections: they may hold up the runtime they are made in.

mod address;
mod answer;
mod api_key;
mod backend;
mod builder;
mod connector;
mod endpoint;
mod env;
mod failure;
mod h1;
mod h2;
mod half_close;
mod keep_alive;
mod locks;
mod many;
mod operations;
mod pings;
mod pool;
mod proxy;
mod request;
mod resolver;
mod room;
mod send;
mod session;
mod tasks;
mod upload;
mod why;

#[cfg(test)]
mod tests;

pub use self::builder::CachekitIoBuilder;
pub use self::locks::LockGuard;
#[cfg(any(test, feature = "testing"))]
pub use self::resolver::Resolve;
pub use self::session::{SessionMetrics, SessionMetricsProvider};

use self::api_key::ApiKey;
use self::endpoint::Endpoint;
use self::pool::Pool;
use self::request::CommonHeaders;
use crate::layers::{Deadline, Retry};
use crate::runtime::Background;
use crate::{BackendError, settings};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The shared cache behind the HTTP API: cachekit.io, or a server of your own.
///
/// Clones are cheap and share connections. The methods of the type do the same as those of the traits
/// [`Backend`](crate::Backend), [`Locks`](crate::Locks), [`TtlControl`](crate::TtlControl) and
/// [`Batch`](crate::Batch), without boxing a future.
///
/// `Debug` shows no key.
///
/// # Times to live
///
/// The service counts whole seconds: times to live and stale windows are rounded down, to one second at
/// least. Together they are at most 30 days.
///
/// # Example
///
/// ```no_run
/// use bytes::Bytes;
/// use cachekit_io::{BackendError, CachekitIo, SetOptions};
/// use std::time::Duration;
///
/// # async fn example() -> Result<(), BackendError> {
/// let client = CachekitIo::from_env()?;
/// let options = SetOptions::new().ttl(Duration::from_secs(300));
/// client.set("greeting", Bytes::from_static(b"hello"), &options).await?;
/// let found = client.get("greeting").await?;
/// assert!(found.is_some_and(|found| found.value() == "hello"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CachekitIo {
    shared: Arc<Shared>,
    deadline: Deadline,
}

/// What clones and variants of a client have in common.
struct Shared {
    endpoint: Endpoint,
    api_key: ApiKey,
    common: CommonHeaders,
    pool: Arc<Pool>,
    background: Background,
    retry: Retry,
    max_answer_bytes: usize,
}

impl CachekitIo {
    /// Settings, to be completed with an API key.
    pub fn builder() -> CachekitIoBuilder {
        CachekitIoBuilder::default()
    }

    /// A client from environment variables. An empty variable counts as not set.
    ///
    /// | variable | what | default |
    /// | --- | --- | --- |
    /// | `CACHEKIT_API_KEY` | the API key | needed |
    /// | `CACHEKIT_API_URL` | base URL | `https://api.cachekit.io` |
    /// | `CACHEKIT_TIMEOUT` | seconds for one operation, decimals allowed | 5 |
    /// | `CACHEKIT_MAX_RETRIES` | from 0 to 100 | 3 |
    /// | `CACHEKIT_CONNECTION_POOL_SIZE` | from 1 to 1000 | 10 |
    /// | `CACHEKIT_ALLOW_CUSTOM_HOST` | another host than the managed service | false |
    /// | `CACHEKIT_ALLOW_PRIVATE_ADDRESSES` | loopback and private addresses | false |
    /// | `CACHEKIT_CA_FILE` | PEM file with certificates to trust as well | none |
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::BackendErrorKind::Configuration) names every variable that is wrong and
    /// what it accepts; never the key.
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
    /// let client = cachekit_io::CachekitIo::from_env_with(|builder| builder.native_roots(true))?;
    /// # drop(client);
    /// # Ok::<(), cachekit_io::BackendError>(())
    /// ```
    pub fn from_env_with(
        complete: impl FnOnce(CachekitIoBuilder) -> CachekitIoBuilder,
    ) -> Result<Self, BackendError> {
        env::client_with(&settings::process, complete)
    }

    /// The settings of [`from_env`](Self::from_env), to be completed in code.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env), except for what is only found when the client is built.
    pub fn builder_from_env() -> Result<CachekitIoBuilder, BackendError> {
        env::settings(&settings::process)
    }

    /// The same client, with the same connections, and another timeout for its operations. Zero makes
    /// every operation that has to wait fail at once.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        // An hour is enough to add to any clock.
        let deadline = Deadline::new(timeout.min(Duration::from_secs(3600)));
        Self { shared: Arc::clone(&self.shared), deadline }
    }

    /// How long one operation may take.
    pub fn timeout(&self) -> Duration {
        self.deadline.limit()
    }

    /// The base URL of the service.
    pub fn api_url(&self) -> &str {
        self.shared.endpoint.url()
    }
}

impl fmt::Debug for CachekitIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachekitIo")
            .field("api_key", &self.shared.api_key)
            .field("timeout", &self.timeout())
            .field("max_retries", &self.shared.retry.most())
            .finish_non_exhaustive()
    }
}
