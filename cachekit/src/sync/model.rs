//! Locks, atomics and threads of the model checker; see `sync.rs`.

pub(crate) use shuttle::{
    sync::{Mutex, MutexGuard, atomic},
    thread,
};

macro_rules! per_thread {
    ($($(#[$doc:meta])* static $name:ident: $type:ty = $new:expr;)*) => {
        shuttle::thread_local! {$(
            $(#[$doc])*
            static $name: $type = $new;
        )*}
    };
}
pub(crate) use per_thread;

macro_rules! per_process {
    ($type:ty) => {{
        shuttle::lazy_static! {
            static ref ALL: $type = <$type>::default();
        }
        &*ALL
    }};
}
pub(crate) use per_process;

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
