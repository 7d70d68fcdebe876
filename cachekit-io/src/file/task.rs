//! One operation on a thread of the pool, and the future that waits for it.

use super::deadline::{self, Late};
use super::failure::Call;
use super::pool;
use crate::{BackendError, BackendErrorKind, Operation};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Does the work on another thread, and waits no longer than this.
pub(super) async fn run<T: Send + 'static>(
    operation: Operation,
    timeout: Duration,
    work: impl FnOnce(&Call) -> Result<T, BackendError> + Send + 'static,
) -> Result<T, BackendError> {
    let call = Call { operation, deadline: Instant::now() + timeout };
    let slot = Arc::new(Slot { call, state: Mutex::new(State::Waiting(None)) });
    let weak: Weak<dyn Late> = Arc::<Slot<T>>::downgrade(&slot);
    let deadline = deadline::set(call.deadline, weak).map_err(call.failed("starting a thread"))?;
    let task = Task { slot: Arc::clone(&slot), deadline };
    let job = move || {
        if !slot.is_waited_for() {
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&call)));
        let outcome = outcome.unwrap_or_else(|_| {
            Err(call.error(BackendErrorKind::Permanent, "a defect of the backend"))
        });
        slot.settle(outcome);
    };
    pool::run(Box::new(job)).map_err(call.failed("starting a thread"))?;
    task.await
}

enum State<T> {
    Waiting(Option<Waker>),
    Settled(Result<T, BackendError>),
    Left,
}

struct Slot<T> {
    call: Call,
    state: Mutex<State<T>>,
}

impl<T> Slot<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_waited_for(&self) -> bool {
        matches!(*self.state(), State::Waiting(_))
    }

    /// The first outcome counts.
    fn settle(&self, outcome: Result<T, BackendError>) {
        let mut state = self.state();
        if !matches!(*state, State::Waiting(_)) {
            return;
        }
        let before = std::mem::replace(&mut *state, State::Settled(outcome));
        drop(state);
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<T: Send> Late for Slot<T> {
    fn late(&self) {
        self.settle(Err(self.call.late("the directory did not answer")));
    }
}

struct Task<T> {
    slot: Arc<Slot<T>>,
    deadline: deadline::Entry,
}

impl<T> Future for Task<T> {
    type Output = Result<T, BackendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slot.state();
        match std::mem::replace(&mut *state, State::Left) {
            State::Settled(outcome) => Poll::Ready(outcome),
            State::Waiting(waker) => {
                let waker = waker.filter(|known| known.will_wake(cx.waker()));
                *state = State::Waiting(Some(waker.unwrap_or_else(|| cx.waker().clone())));
                Poll::Pending
            }
            // Polled again after its end, which no caller does.
            State::Left => Poll::Pending,
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        deadline::cancel(self.deadline);
        let before = std::mem::replace(&mut *self.slot.state(), State::Left);
        drop(before);
    }
}
