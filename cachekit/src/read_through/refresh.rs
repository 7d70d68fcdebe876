//! Calls that run their function whatever is cached.

use super::order::{self, Order, Placed};
use crate::cached_function::CachedFunction;

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
    let _placed = Placed::new(Order::Any);
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
// No `async fn`: it would hold the call once more.
pub fn refresh_async<F: Future>(call: F) -> impl Future<Output = F::Output> {
    refreshing(None, call)
}

/// The same for the next call of one function: for its companion.
pub fn refresh_async_of<F: Future>(
    function: &'static CachedFunction,
    call: F,
) -> impl Future<Output = F::Output> {
    refreshing(Some(function), call)
}

async fn refreshing<F: Future>(function: Option<&'static CachedFunction>, call: F) -> F::Output {
    let mut call = std::pin::pin!(call);
    let mut pending = true;
    std::future::poll_fn(|cx| {
        if !pending {
            return call.as_mut().poll(cx);
        }
        let _placed = Placed::new(function.map_or(Order::Any, Order::Of));
        let polled = call.as_mut().poll(cx);
        // The call's look-up took it, or it is still pending.
        pending = order::is_placed();
        polled
    })
    .await
}

/// Forces the thread's next call of one function.
///
/// The companions of sync functions use this in place of [`refresh`]: a closure costs the compiler more.
pub fn force(function: &'static CachedFunction) -> Forcing {
    Forcing { _placed: Placed::new(Order::Of(function)) }
}

/// Withdraws the order if there was no call.
#[must_use]
pub struct Forcing {
    _placed: Placed,
}

opaque!([] "Forcing", Forcing);
