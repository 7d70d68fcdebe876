//! One operation on a thread of the pool, and the future that waits for it.

use super::deadline::{self, Late};
use super::failure::Call;
use super::pool::{Load, Pool, Refused, Ticket};
use crate::contained::contained;
use crate::{BackendError, BackendErrorKind, Operation};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Does the work, which holds so many bytes, on another thread, and waits no longer than this.
pub(super) async fn run<T: Send + 'static>(
    operation: Operation,
    held: usize,
    timeout: Duration,
    work: impl FnOnce(&Call) -> Result<T, BackendError> + Send + 'static,
) -> Result<T, BackendError> {
    run_in(Pool::of_the_process(), operation, held, timeout, work).await
}

/// The same on a thread of this pool.
pub(super) async fn run_in<T: Send + 'static>(
    pool: &'static Pool,
    operation: Operation,
    held: usize,
    timeout: Duration,
    work: impl FnOnce(&Call) -> Result<T, BackendError> + Send + 'static,
) -> Result<T, BackendError> {
    let call = Call { operation, deadline: Instant::now() + timeout };
    let state = State::Waiting { waker: None, work: Some(Box::new(work)) };
    let ticket = pool.ticket();
    let slot = Arc::new(Slot { call, pool, ticket, state: Mutex::new(state) });
    let weak: Weak<dyn Late> = Arc::<Slot<T>>::downgrade(&slot);
    let mut task = Task { slot: Arc::clone(&slot), deadline: None };
    let load = Load { held, removes: removes(operation) };
    pool.run(ticket, load, Box::new(move || slot.run())).map_err(|refused| match refused {
        Refused::Full => {
            let error = call.error(
                BackendErrorKind::Backpressure,
                "too much waits for the disk, which does not keep up",
            );
            error.with_unprocessed()
        }
        Refused::NoThread(error) => call.failed("starting a thread")(error),
    })?;
    // Only now, so that at the deadline the job is where it is taken back from.
    let deadline = deadline::set(call.deadline, weak).map_err(call.failed("starting a thread"))?;
    task.deadline = Some(deadline);
    task.await
}

/// Whether other callers would be served an outdated value if it were refused.
fn removes(operation: Operation) -> bool {
    use Operation as O;
    matches!(operation, O::Delete | O::DeleteMany | O::Fence | O::Unlock)
}

type Work<T> = Box<dyn FnOnce(&Call) -> Result<T, BackendError> + Send>;

enum State<T> {
    /// The work is in here, so that it is dropped with the wait, and not only when a thread has time for it.
    Waiting {
        waker: Option<Waker>,
        work: Option<Work<T>>,
    },
    Settled(Result<T, BackendError>),
    Left,
}

struct Slot<T> {
    call: Call,
    pool: &'static Pool,
    ticket: Ticket,
    state: Mutex<State<T>>,
}

impl<T> Slot<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The work, if it is still waited for.
    fn work(&self) -> Option<Work<T>> {
        match &mut *self.state() {
            State::Waiting { work, .. } => work.take(),
            State::Settled(_) | State::Left => None,
        }
    }

    fn run(&self) {
        let Some(work) = self.work() else { return };
        let outcome = contained(|| work(&self.call)).unwrap_or_else(|| {
            Err(self.call.error(BackendErrorKind::Permanent, "a defect of the backend"))
        });
        self.settle(outcome);
    }

    /// The first outcome counts.
    fn settle(&self, outcome: Result<T, BackendError>) {
        let mut state = self.state();
        if !matches!(*state, State::Waiting { .. }) {
            return;
        }
        let before = std::mem::replace(&mut *state, State::Settled(outcome));
        drop(state);
        if let State::Waiting { waker, work } = before {
            contained(|| drop(work));
            // None where the time was up before the first poll.
            if let Some(waker) = waker {
                contained(|| waker.wake());
            }
        }
    }
}

impl<T: Send> Late for Slot<T> {
    fn late(&self) {
        // Before the caller hears of it, who may ask again at once.
        self.pool.take_back(self.ticket);
        self.settle(Err(self.call.late("the directory did not answer")));
    }
}

struct Task<T> {
    slot: Arc<Slot<T>>,
    /// Set once the work is in the pool.
    deadline: Option<deadline::Entry>,
}

impl<T> Future for Task<T> {
    type Output = Result<T, BackendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.slot.pool.is_of_this_process() {
            return Poll::Ready(Err(self.slot.call.late("the process was forked meanwhile")));
        }
        let mut state = self.slot.state();
        match std::mem::replace(&mut *state, State::Left) {
            State::Settled(outcome) => Poll::Ready(outcome),
            State::Waiting { waker, work } => {
                let waker = waker.filter(|known| known.will_wake(cx.waker()));
                let waker = Some(waker.unwrap_or_else(|| cx.waker().clone()));
                *state = State::Waiting { waker, work };
                Poll::Pending
            }
            // Polled again after its end, which no caller does.
            State::Left => Poll::Pending,
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if !self.slot.pool.is_of_this_process() {
            return;
        }
        if let Some(deadline) = &self.deadline {
            deadline::cancel(deadline);
        }
        let before = std::mem::replace(&mut *self.slot.state(), State::Left);
        if matches!(before, State::Waiting { work: Some(_), .. }) {
            self.slot.pool.take_back(self.slot.ticket);
        }
        drop(before);
    }
}

#[cfg(test)]
mod tests;
