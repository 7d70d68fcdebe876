//! No runtime is known in this build: the feature `tokio` is off, or the model checker provides the
//! threads.

use cachekit_io::BoxFuture;

pub(crate) const CAN_BE_TOLD: bool = false;

pub(crate) fn spawn(future: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
    Err(future)
}

pub(crate) fn inside<R>(run: impl FnOnce() -> R) -> impl FnOnce() -> R {
    run
}

pub(crate) fn parked<R>(block: impl FnOnce() -> R) -> R {
    block()
}
