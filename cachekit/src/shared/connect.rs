//! The one place where backends are made from the environment.

use std::sync::Arc;

use cachekit_io::{Backend, BackendError};

/// The client of the cachekit.io API, from `CACHEKIT_API_KEY` and its companions.
#[cfg(feature = "io")]
pub(super) fn cachekit_io() -> Result<Arc<dyn Backend>, BackendError> {
    let client = cachekit_io::CachekitIo::from_env_with(|builder| {
        builder.l1(true).session_metrics(session::metrics)
    })?;
    Ok(Arc::new(client))
}

#[cfg(not(feature = "io"))]
pub(super) fn cachekit_io() -> Result<Arc<dyn Backend>, BackendError> {
    Err(not_built("the client of cachekit.io needs the feature `io` of cachekit"))
}

/// Redis or Valkey, from `CACHEKIT_REDIS_URL` or `REDIS_URL` and their companions.
#[cfg(feature = "redis")]
pub(super) fn redis() -> Result<Arc<dyn Backend>, BackendError> {
    Ok(Arc::new(cachekit_io::Redis::from_env()?))
}

#[cfg(not(feature = "redis"))]
pub(super) fn redis() -> Result<Arc<dyn Backend>, BackendError> {
    Err(not_built("the client of Redis needs the feature `redis` of cachekit"))
}

/// A directory, from `CACHEKIT_FILE_CACHE_DIR` and its companions.
#[cfg(all(feature = "file", unix))]
pub(super) fn file() -> Result<Arc<dyn Backend>, BackendError> {
    Ok(Arc::new(cachekit_io::FileBackend::from_env()?))
}

#[cfg(not(all(feature = "file", unix)))]
pub(super) fn file() -> Result<Arc<dyn Backend>, BackendError> {
    Err(not_built("a shared directory needs the feature `file` of cachekit, on Unix"))
}

#[cfg(not(all(feature = "io", feature = "redis", feature = "file", unix)))]
fn not_built(needs: &'static str) -> BackendError {
    use cachekit_io::{BackendErrorKind, Operation};
    BackendError::new(BackendErrorKind::Configuration, Operation::Connect).with_context(needs)
}

/// What the client tells the service about this process: how often its caches answered.
#[cfg(feature = "io")]
mod session {
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use cachekit_io::http::SessionMetrics;

    /// Every request carries the counts, and adding them up looks at every function and every thread.
    const KEPT: Duration = Duration::from_secs(1);

    static LAST: Mutex<Option<(Instant, SessionMetrics)>> = Mutex::new(None);

    pub(super) fn metrics() -> SessionMetrics {
        // Nothing but this holds the lock, and only a panic while adding up could poison it.
        let Ok(mut last) = LAST.lock() else { return SessionMetrics::default() };
        match *last {
            Some((at, metrics)) if at.elapsed() < KEPT => metrics,
            _ => last.insert((Instant::now(), sum())).1,
        }
    }

    fn sum() -> SessionMetrics {
        let all = crate::functions();
        let stats = all.iter().map(crate::Function::stats);
        stats.fold(SessionMetrics::default(), |sum, stats| {
            // A look-up that this process did not answer is counted as a miss here, even if the backend answered it.
            let elsewhere = stats.misses.saturating_sub(stats.shared_hits);
            SessionMetrics::new(
                sum.l1_hits.saturating_add(stats.hits),
                sum.l2_hits.saturating_add(stats.shared_hits),
                sum.misses.saturating_add(elsewhere),
            )
        })
    }
}
