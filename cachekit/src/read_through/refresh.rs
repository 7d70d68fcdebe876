//! Calls that run their function whatever is cached.

use crate::thread_cache;

/// Runs a cached call so that its function runs even if the value is cached, and the result is
/// stored.
///
/// The first cached function that `call` enters is refreshed. So if arguments are cached calls,
/// compute them before.
///
/// # Example
///
/// ```
/// # use std::sync::atomic::{AtomicU32, Ordering};
/// static VERSION: AtomicU32 = AtomicU32::new(1);
///
/// #[cachekit::cache::local]
/// fn version() -> u32 { VERSION.load(Ordering::Relaxed) }
///
/// assert_eq!(version(), 1);
/// VERSION.store(2, Ordering::Relaxed);
/// assert_eq!(version(), 1);
/// assert_eq!(cachekit::refresh(|| version()), 2);
/// assert_eq!(version(), 2);
/// ```
pub fn refresh<R>(call: impl FnOnce() -> R) -> R {
    let _forcing = force();
    call()
}

/// Drives a cached call so that its function runs even if the value is cached, and the result is
/// stored. See [`refresh`].
///
/// # Example
///
/// ```
/// #[cachekit::cache::local]
/// async fn answer() -> u32 { 42 }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(cachekit::refresh_async(answer()).await, 42);
/// assert_eq!(answer::stats().loads, 1);
/// # });
/// ```
pub async fn refresh_async<F: Future>(call: F) -> F::Output {
    let mut call = std::pin::pin!(call);
    let mut pending = true;
    std::future::poll_fn(|cx| {
        if !pending {
            return call.as_mut().poll(cx);
        }
        let _forcing = force();
        let polled = call.as_mut().poll(cx);
        // The call's look-up took it, or it is still pending.
        pending = thread_cache::with(thread_cache::ThreadCache::is_forced).unwrap_or(false);
        polled
    })
    .await
}

/// Forces the thread's next cached call.
///
/// The companions of sync functions use this in place of [`refresh`]: a closure costs the compiler more.
pub fn force() -> Forcing {
    thread_cache::with(|thread_cache| thread_cache.force(true));
    Forcing(())
}

/// Withdraws the order if there was no call.
#[derive(Debug)]
#[must_use]
pub struct Forcing(());

impl Drop for Forcing {
    fn drop(&mut self) {
        thread_cache::with(|thread_cache| thread_cache.force(false));
    }
}
