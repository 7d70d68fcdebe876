//! Runs functions in the background, without a caller that waits.
//!
//! An async function runs on the caller's executor: on the spawner that the program installed, or on the Tokio
//! runtime around the call (feature `tokio`). A sync function runs on one of a few threads of this crate, which are
//! started when needed; so does an async function whose caller is certainly not on Tokio. Without the feature
//! we cannot tell, and our threads drive no timer and no socket, so an async function is not started.

use std::sync::{Arc, PoisonError, RwLock};

use cachekit_io::BoxFuture;

use crate::blocking::{self, runtime};
use crate::contained::contained;
use crate::scope;
use crate::workers::submit;

type Spawner = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

static SPAWNER: RwLock<Option<Spawner>> = RwLock::new(None);

/// Sets where async functions run that refresh their entries in the background, for executors other than
/// Tokio.
///
/// The spawner takes a future and must return at once; it may also drop the future. Without a spawner, such
/// functions run on the Tokio runtime of their caller, if the feature `tokio` is on and there is one, and on a
/// thread of this crate if there is none. Without the feature, the call that would start the refresh is the
/// refresh: it runs the function in its own task and returns the new value. Other calls are served the old value
/// meanwhile. Sync functions always run on a thread of this crate, inside of the Tokio runtime of their caller if there is
/// one (feature `tokio`).
///
/// # Example
///
/// ```
/// cachekit::set_spawner(|future| {
///     std::thread::spawn(move || {
///         // smol::spawn(future).detach(), for example.
///         tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future);
///     });
/// });
/// ```
pub fn set_spawner(spawner: impl Fn(BoxFuture<'static, ()>) + Send + Sync + 'static) {
    *SPAWNER.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(spawner));
}

/// Whether there is a suitable place to start a future.
pub(crate) fn takes_futures() -> bool {
    // With the feature: if there is no runtime around the caller, the function needs none.
    runtime::CAN_BE_TOLD || SPAWNER.read().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// Runs a future in the caller's test scope. If nothing can run it, it is dropped.
pub(crate) fn spawn_future(future: impl Future<Output = ()> + Send + 'static) {
    let pending = scope::pending();
    let future = async move {
        let _pending = pending;
        future.await;
    };
    let future: BoxFuture<'static, ()> = match scope::current() {
        Some(scope) => Box::pin(scope.wrap(future)),
        None => Box::pin(future),
    };
    let spawner = SPAWNER.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(spawner) = spawner {
        // A spawner that fails must not affect the call that was served the stale value.
        contained(|| spawner(future));
    } else if let Err(future) = runtime::spawn(future)
        && runtime::CAN_BE_TOLD
    {
        submit(Box::new(move || blocking::block_on(future)));
    }
    // Otherwise it is dropped: the refresh that it would have been counts as failed.
}

/// Runs a closure in the caller's test scope and inside of its runtime, on a thread of this crate.
pub(crate) fn spawn_closure(run: impl FnOnce() + Send + 'static) {
    let pending = scope::pending();
    let scope = scope::current();
    submit(Box::new(runtime::inside(move || {
        let _pending = pending;
        match scope {
            Some(scope) => scope.run(run),
            None => run(),
        }
    })));
}
