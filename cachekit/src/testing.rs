//! Aids for testing code that uses cached functions: an isolated cache for a test, and a mock clock.
//!
//! Tests run in parallel in one process, and cached functions keep their entries in statics. A test that
//! calls [`isolate`] gets fresh caches and its own clock instead, visible only to its thread:
//!
//! ```
//! use std::time::Duration;
//!
//! #[cachekit::cache::local(ttl = 60)]
//! fn rate(currency: &str) -> u32 { currency.len() as u32 }
//!
//! let test = cachekit::testing::isolate();
//! rate("EUR");
//! rate("EUR");
//! assert_eq!(rate::stats().hits, 1);
//!
//! test.clock().advance(Duration::from_secs(61));
//! rate("EUR");
//! assert_eq!(rate::stats().misses, 2);
//! ```
//!
//! If work moves to other threads, pass the [`Scope`] on: [`Scope::enter`] on a thread,
//! [`Scope::wrap`] around a future that a runtime may move.

use std::fmt;

pub use crate::clock::Clock;
use crate::scope;

#[cfg(feature = "shared")]
mod shared;
#[cfg(test)]
mod tests;

/// Fresh caches and a stopped clock for code that runs inside it.
///
/// Cheap to clone; all clones are the same scope. The scope's entries are dropped with its last clone.
#[derive(Clone)]
pub struct Scope(scope::Scope);

impl Scope {
    /// A scope with empty caches.
    pub fn new() -> Self {
        Self(scope::Scope::new(false))
    }

    /// A scope in which every cached function runs its body at every call.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::sync::atomic::{AtomicU32, Ordering};
    /// static RUNS: AtomicU32 = AtomicU32::new(0);
    ///
    /// #[cachekit::cache::local]
    /// fn expensive() -> u32 { RUNS.fetch_add(1, Ordering::Relaxed) }
    ///
    /// let _test = cachekit::testing::Scope::disabled().enter();
    /// expensive();
    /// expensive();
    /// assert_eq!(RUNS.load(Ordering::Relaxed), 2);
    /// ```
    pub fn disabled() -> Self {
        Self(scope::Scope::new(true))
    }

    /// The scope's clock.
    pub fn clock(&self) -> &Clock {
        self.0.clock()
    }

    /// Puts the current thread into the scope until the guard is dropped.
    pub fn enter(&self) -> Isolated {
        Isolated { scope: self.clone(), _entered: self.0.enter() }
    }

    /// Runs `f` in the scope.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.run(f)
    }

    /// Runs a future in the scope, on any thread that polls it.
    ///
    /// # Example
    ///
    /// ```
    /// #[cachekit::cache::local]
    /// async fn answer() -> u32 { 42 }
    ///
    /// let scope = cachekit::testing::Scope::new();
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let task = runtime.spawn(scope.wrap(async { answer().await; answer().await }));
    /// runtime.block_on(task).unwrap();
    /// assert_eq!(scope.run(|| answer::stats()).hits, 1);
    /// ```
    pub fn wrap<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.0.wrap(future)
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("id", &self.0.number())
            .field("clock", self.clock())
            .finish_non_exhaustive()
    }
}

/// Puts the current thread into a new [`Scope`] until the guard is dropped.
pub fn isolate() -> Isolated {
    Scope::new().enter()
}

/// Keeps the current thread in a [`Scope`]. Dropping it restores the previous one.
#[must_use = "the thread leaves the scope when the guard is dropped"]
pub struct Isolated {
    scope: Scope,
    _entered: scope::Entered,
}

impl Isolated {
    /// The scope, to pass to other threads.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The scope's clock.
    pub fn clock(&self) -> &Clock {
        self.scope.clock()
    }
}

impl fmt::Debug for Isolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Isolated").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// Blocks until there is no background work: no refresh runs, no lock is being released.
///
/// It waits for work that was started in the [`Scope`] of this thread. Outside of any scope, it waits for all work of
/// the process that was started outside of scopes. If refreshes run as tasks of a single-threaded runtime, await
/// [`settled`] instead: blocking would keep them from running.
///
/// # Example
///
/// ```
/// # use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
/// static RATE: AtomicU32 = AtomicU32::new(1);
///
/// #[cachekit::cache::local(ttl = 60, stale = 30)]
/// fn rate() -> u32 { RATE.load(Ordering::Relaxed) }
///
/// let test = cachekit::testing::isolate();
/// assert_eq!(rate(), 1);
/// RATE.store(2, Ordering::Relaxed);
/// test.clock().advance(Duration::from_secs(61));
/// assert_eq!(rate(), 1, "stale, and refreshed in the background");
/// cachekit::testing::settle();
/// assert_eq!(rate(), 2);
/// ```
pub fn settle() {
    scope::background().wait();
}

/// Resolves when there is no background work; see [`settle`].
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// cachekit::testing::settled().await;
/// # });
/// ```
pub async fn settled() {
    let background = scope::background();
    std::future::poll_fn(|cx| background.poll(cx.waker())).await;
}
