//! The backend under test, and how time passes for it.

use crate::{Backend, BoxFuture};
use std::fmt;
use std::future::Future;
use std::time::Duration;

/// A backend to be checked.
///
/// # Example
///
/// A backend that counts whole seconds of real time needs a real sleep:
///
/// ```
/// use cachekit_io::MemoryBackend;
/// use cachekit_io::conformance::Subject;
/// use std::time::Duration;
///
/// # async fn sleep(_: Duration) {}
/// let backend = MemoryBackend::new();
/// let subject = Subject::new(&backend)
///     .advance(sleep)
///     .time_unit(Duration::from_secs(1))
///     .key_prefix("checks-of-tuesday:");
/// # drop(subject);
/// ```
pub struct Subject<'a> {
    backend: &'a dyn Backend,
    advance: Option<Box<Advance<'a>>>,
    time_unit: Duration,
    key_prefix: String,
    lock_fencing: bool,
}

type Advance<'a> = dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync + 'a;

impl<'a> Subject<'a> {
    /// This backend, with no way to let time pass: checks that need it are skipped.
    pub fn new(backend: &'a dyn Backend) -> Self {
        Self {
            backend,
            advance: None,
            time_unit: Duration::from_secs(1),
            key_prefix: "conformance:".to_owned(),
            lock_fencing: false,
        }
    }

    /// How to let time pass for the backend: at least as much as requested, and little more.
    pub fn advance<F, P>(mut self, advance: F) -> Self
    where
        F: Fn(Duration) -> P + Send + Sync + 'a,
        P: Future<Output = ()> + Send + 'static,
    {
        self.advance = Some(Box::new(move |by| Box::pin(advance(by))));
        self
    }

    /// The step in which checks count time, one second by default. TTLs are a few steps
    /// long, so a backend that counts in milliseconds and really sleeps is checked faster with a
    /// shorter step. It must not be shorter than the backend's resolution.
    pub fn time_unit(mut self, time_unit: Duration) -> Self {
        self.time_unit = time_unit;
        self
    }

    /// The prefix of the suite's keys, `conformance:` by default; up to 100 characters from
    /// `A-Z a-z 0-9 _ - . :`. Concurrent runs against one store need different prefixes.
    pub fn key_prefix(mut self, key_prefix: impl Into<String>) -> Self {
        self.key_prefix = key_prefix.into();
        self
    }

    /// Also checks that the backend honours [`SetOptions::lock`](crate::SetOptions::lock); not every
    /// backend with locks does.
    pub fn with_lock_fencing(mut self) -> Self {
        self.lock_fencing = true;
        self
    }

    /// The backend to be checked.
    pub fn backend(&self) -> &'a dyn Backend {
        self.backend
    }

    pub(super) fn prefix(&self) -> &str {
        &self.key_prefix
    }

    pub(super) fn has_lock_fencing(&self) -> bool {
        self.lock_fencing
    }

    /// This many steps of time.
    pub(super) fn units(&self, count: u32) -> Duration {
        self.time_unit * count
    }

    pub(super) fn can_advance(&self) -> bool {
        self.advance.is_some()
    }

    /// Lets this many steps of time pass, if there is a way.
    pub(super) async fn pass(&self, units: u32) {
        if let Some(advance) = &self.advance {
            advance(self.units(units)).await;
        }
    }
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("backend", &self.backend)
            .field("can_advance", &self.can_advance())
            .field("time_unit", &self.time_unit)
            .field("key_prefix", &self.key_prefix)
            .field("lock_fencing", &self.lock_fencing)
            .finish()
    }
}
