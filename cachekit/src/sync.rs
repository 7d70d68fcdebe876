//! Where locks, atomics and threads come from: the standard library, or the model checker.
//!
//! Everything whose interleavings matter (entry states, flights, waiters) imports from here, so that
//! `RUSTFLAGS="--cfg cachekit_model"` puts the same code under the scheduler's control (`sync/model.rs`).

pub(crate) use std::{
    sync::{Mutex, MutexGuard, atomic},
    thread,
};

/// A thread-local that exists once per thread of the model.
macro_rules! per_thread {
    ($($(#[$doc:meta])* static $name:ident: $type:ty = $new:expr;)*) => {
        std::thread_local! {$(
            $(#[$doc])*
            static $name: $type = const { $new };
        )*}
    };
}
pub(crate) use per_thread;

/// A static that exists once per run of the model.
macro_rules! per_process {
    ($type:ty) => {{
        static ALL: cachekit_io::per_process::PerProcess<$type> =
            cachekit_io::per_process::PerProcess::new();
        ALL.get()
    }};
}
pub(crate) use per_process;

/// Locks a mutex whether or not a panic poisoned it.
///
/// The data behind our mutexes is consistent at every point where foreign code (an `Eq`, a `Drop`) could
/// panic, so poisoning carries no information here.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
