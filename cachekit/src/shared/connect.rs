//! The one place where backends are created from the environment.

use std::sync::Arc;

use cachekit_io::env::Source;
use cachekit_io::{Backend, BackendError, BackendErrorKind, Operation};

use super::resolve::needs;

/// Creates the backend that the environment asks for, if this build can.
pub(super) fn connect(source: Source) -> Result<Arc<dyn Backend>, BackendError> {
    match source {
        #[cfg(feature = "io")]
        Source::CachekitIo => {
            let client = cachekit_io::CachekitIo::from_env_with(|builder| {
                builder.l1(true).session_metrics(session::metrics)
            })?;
            Ok(Arc::new(client))
        }
        #[cfg(feature = "redis")]
        Source::Redis => Ok(Arc::new(cachekit_io::Redis::from_env()?)),
        #[cfg(all(feature = "file", unix))]
        Source::File => Ok(Arc::new(cachekit_io::FileBackend::from_env()?)),
        #[allow(unreachable_patterns)] // In a build with all of them.
        _ => {
            let error = BackendError::new(BackendErrorKind::Configuration, Operation::Connect);
            Err(error.with_context(format!("connecting to this backend needs {}", needs(source))))
        }
    }
}

/// What the client reports to the service about this process: how often its caches answered.
#[cfg(feature = "io")]
mod session {
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use cachekit_io::http::SessionMetrics;

    /// Every request carries the counts, and adding them up visits every function and every thread.
    const KEPT: Duration = Duration::from_secs(1);

    static LAST: Mutex<Option<(Instant, SessionMetrics)>> = Mutex::new(None);

    pub(super) fn metrics() -> SessionMetrics {
        // Only this function takes the lock, and only a panic while adding up could poison it.
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
