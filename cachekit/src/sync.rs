//! Where locks, atomics and threads come from: the standard library, or the model checker.
//!
//! Everything whose interleavings matter (entry states, flights, waiters) imports from here, so that
//! `RUSTFLAGS="--cfg cachekit_model"` puts the same code under the scheduler's control.

#[cfg(not(cachekit_model))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard, atomic},
    thread,
};

#[cfg(cachekit_model)]
pub(crate) use shuttle::{
    sync::{Mutex, MutexGuard, atomic},
    thread,
};

/// A thread-local that exists once per thread of the model.
macro_rules! per_thread {
    ($($(#[$doc:meta])* static $name:ident: $type:ty = $new:expr;)*) => {$(
        #[cfg(not(cachekit_model))]
        std::thread_local! {
            $(#[$doc])*
            static $name: $type = const { $new };
        }
        #[cfg(cachekit_model)]
        shuttle::thread_local! {
            $(#[$doc])*
            static $name: $type = $new;
        }
    )*};
}
pub(crate) use per_thread;

/// Locks a mutex whether or not a panic poisoned it.
///
/// The data behind our mutexes is consistent at every point where foreign code (an `Eq`, a `Drop`) could
/// panic, so poisoning carries no information here.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
