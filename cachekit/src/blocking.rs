//! Waiting on a plain thread, which may be a worker of a runtime.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::sync::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

pub(crate) fn unparks_this_thread() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

/// Polls a future on this thread, parking it in between. Needs no runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = unparks_this_thread();
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            // A wake-up between poll and park makes park return at once.
            Poll::Pending => parked(thread::park),
        }
    }
}

/// Parks this thread, for so long at most.
pub(crate) fn park_for(most: Duration) {
    thread::park_timeout(most);
}

/// Blocks this thread. On a worker of a multi-threaded Tokio runtime the runtime goes on without it: its other
/// tasks, timers and sockets may be what this thread waits for.
#[cfg(all(feature = "tokio", not(cachekit_model)))]
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
        // The runtime refused before it began.
        (_, Some(block)) => block(),
        (Err(panic), None) => std::panic::resume_unwind(panic),
        (Ok(None), None) => unreachable!("it is there until it is called"),
    }
}

#[cfg(any(not(feature = "tokio"), cachekit_model))]
pub(crate) fn parked<R>(block: impl FnOnce() -> R) -> R {
    block()
}

/// Whether this thread is a worker of a multi-threaded runtime that can be asked to go on without it.
///
/// `block_in_place` panics where it cannot, and there is no question that it answers. So: a waker that is to be
/// deferred is kept by a worker for later, and called at once by everything else that a multi-threaded runtime
/// lets run: its `block_on`, a `LocalSet` inside of that, and a thread that is inside of `block_in_place` already.
#[cfg(all(feature = "tokio", not(cachekit_model)))]
fn is_worker() -> bool {
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::runtime::{Handle, RuntimeFlavor};

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
