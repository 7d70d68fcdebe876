//! Waiting on a plain thread, which may be a worker of a runtime.

#[cfg_attr(any(not(feature = "tokio"), cachekit_model), path = "blocking/no_runtime.rs")]
pub(crate) mod runtime;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

pub(crate) use self::runtime::parked;
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
