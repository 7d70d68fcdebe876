//! Whether Redis is up: checked once a second, and as soon as an operation failed.

use cachekit_io::BackendError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// How often Redis is checked while it is up, and while it is down.
const CALM: Duration = Duration::from_secs(1);
const ANXIOUS: Duration = Duration::from_millis(250);
/// Consecutive failures do not trigger checks more often than this.
const AT_LEAST: Duration = Duration::from_millis(100);

/// Operations that fail although Redis passes the node's own check are logged at most this often.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// What a node knows of its Redis.
#[derive(Debug)]
pub(crate) struct Watch {
    up: AtomicBool,
    failures: AtomicU64,
    doubted: Notify,
    /// Since when it is down.
    down_since: Mutex<Option<Instant>>,
    /// How an operation failed since the last check.
    failed: Mutex<Option<BackendError>>,
    said: Mutex<Option<Instant>>,
}

impl Watch {
    /// Nothing is known yet: a first success changes nothing, a first failure does.
    pub(super) fn new() -> Self {
        Self {
            up: AtomicBool::new(true),
            failures: AtomicU64::new(0),
            doubted: Notify::new(),
            down_since: Mutex::new(None),
            failed: Mutex::new(None),
            said: Mutex::new(None),
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Relaxed)
    }

    /// How often Redis was lost.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// An operation failed.
    pub(super) fn doubt(&self, error: &BackendError) {
        *lock(&self.failed) = Some(error.clone());
        self.doubted.notify_one();
    }

    /// Waits until Redis must be checked again.
    pub(super) async fn next(&self) {
        if !self.is_up() {
            sleep(ANXIOUS).await;
            return;
        }
        sleep(AT_LEAST).await;
        // In doubt or not, it is checked now.
        let _ = timeout(CALM, self.doubted.notified()).await;
    }

    /// Records the result of a check. Logs when Redis is lost, and when it is back.
    pub(super) fn note(&self, answer: Result<(), BackendError>) {
        let failed = lock(&self.failed).take();
        let mut down_since = lock(&self.down_since);
        match (answer, *down_since) {
            (Ok(()), Some(since)) => {
                *down_since = None;
                self.up.store(true, Relaxed);
                let seconds = since.elapsed().as_secs_f64();
                tracing::info!(seconds, "the Redis store is back");
            }
            (Err(error), None) => {
                *down_since = Some(Instant::now());
                self.up.store(false, Relaxed);
                self.failures.fetch_add(1, Relaxed);
                tracing::error!(
                    %error,
                    "the Redis store failed: requests that need it are answered 503 until it is back"
                );
            }
            (Ok(()), None) => self.say(failed),
            (Err(_), Some(_)) => {}
        }
    }

    /// Logs that an operation failed although Redis is up: at one primary of several, or for one kind of request.
    fn say(&self, failed: Option<BackendError>) {
        let Some(error) = failed else { return };
        let mut said = lock(&self.said);
        if said.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
            *said = Some(Instant::now());
            tracing::warn!(%error, "operations in the Redis store fail, although it is there");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
