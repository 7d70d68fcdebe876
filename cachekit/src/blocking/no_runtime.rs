//! No runtime is known in this build: the feature `tokio` is off, or threads are the model checker's.

use cachekit_io::BoxFuture;

pub(crate) const CAN_BE_TOLD: bool = false;

pub(crate) fn spawn(future: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
    Err(future)
}

pub(crate) fn parked<R>(block: impl FnOnce() -> R) -> R {
    block()
}
