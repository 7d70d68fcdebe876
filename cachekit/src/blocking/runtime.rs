//! The Tokio runtime around a caller (feature `tokio`).

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use cachekit_io::BoxFuture;
use tokio::runtime::{Handle, RuntimeFlavor};

/// Whether this build can tell if there is a runtime.
pub(crate) const CAN_BE_TOLD: bool = true;

/// Runs a future as a task of the runtime around this thread. Returns the future if there is none.
pub(crate) fn spawn(future: BoxFuture<'static, ()>) -> Result<(), BoxFuture<'static, ()>> {
    match Handle::try_current() {
        Ok(runtime) => {
            drop(runtime.spawn(future));
            Ok(())
        }
        Err(_) => Err(future),
    }
}

/// The closure, to be run on another thread inside of the runtime around this one: it may use its timers and sockets, and
/// spawn tasks, as it can here.
pub(crate) fn inside<R>(run: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let runtime = Handle::try_current().ok();
    move || {
        let _inside = runtime.as_ref().map(Handle::enter);
        run()
    }
}

/// Blocks this thread. On a worker of a multi-threaded Tokio runtime, the runtime continues without it: its other
/// tasks, timers and sockets may be what this thread waits for.
pub(crate) fn parked<R>(block: impl FnOnce() -> R) -> R {
    if !is_worker() {
        return block();
    }
    let mut block = Some(block);
    let in_place = std::panic::AssertUnwindSafe(|| {
        tokio::task::block_in_place(|| block.take().map(|block| block()))
    });
    match (std::panic::catch_unwind(in_place), block) {
        (Ok(Some(blocked)), _) => blocked,
        // The runtime refused before it started the closure.
        (_, Some(block)) => block(),
        (Err(panic), None) => std::panic::resume_unwind(panic),
        (Ok(None), None) => unreachable!("it is there until it is called"),
    }
}

/// Whether this thread is a worker of a multi-threaded runtime that can continue without it.
///
/// `block_in_place` panics where it is not possible, and Tokio has no function that says whether it is. So we test
/// with a deferred waker: a worker keeps it for later; everything else that a multi-threaded runtime runs calls it
/// at once (its `block_on`, a `LocalSet` inside of that, and a thread that is inside of `block_in_place` already).
fn is_worker() -> bool {
    struct Called(AtomicBool);
    impl Wake for Called {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }
        fn wake_by_ref(self: &Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if !matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
        return false;
    }
    let called = Arc::new(Called(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&called));
    let deferred = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&waker));
    deferred.is_pending() && !called.0.load(Ordering::Relaxed)
}
