//! Aids for testing code that uses cached functions: an isolated cache for a test, and a clock to turn.
//!
//! Tests run in parallel in one process, and cached functions keep their entries in statics. A test that
//! calls [`isolate`] gets fresh caches and its own clock instead, visible to its thread only:
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
//! Work that moves to other threads takes the [`Scope`] along: [`Scope::enter`] on a thread,
//! [`Scope::wrap`] around a future that a runtime may move.

pub use crate::clock::Clock;
use crate::scope;
pub use crate::scope::{Isolated, Scope, isolate};

#[cfg(feature = "shared")]
mod shared;
#[cfg(test)]
mod tests;

/// Blocks until nothing goes on in the background: no refresh runs, no lock is being given back.
///
/// It waits for what was started in the [`Scope`] this thread is in, outside of any for all of the process that is in
/// none. Where refreshes run as tasks of a single-threaded runtime, await [`settled`] instead: this would keep them from
/// running.
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

/// Resolves when nothing goes on in the background; see [`settle`].
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
