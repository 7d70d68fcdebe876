//! Background work, for tests that wait until it is done.

use std::sync::{Arc, Condvar, Mutex};
use std::task::{Poll, Waker};

use crate::contained::lock;

/// The background work of one scope, or of the process.
#[derive(Default)]
pub(crate) struct Pending {
    state: Mutex<State>,
    quiet: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    wakers: Vec<Waker>,
}

impl Pending {
    pub(crate) fn start(self: &Arc<Self>) -> Guard {
        lock(&self.state).running += 1;
        Guard(Arc::clone(self))
    }
}

/// A piece of background work.
pub(crate) struct Guard(Arc<Pending>);

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.running -= 1;
        if state.running > 0 {
            return;
        }
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.0.quiet.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Pending {
    /// Blocks until there is no background work.
    pub(crate) fn wait(&self) {
        drop(self.quiet.wait_while(lock(&self.state), |state| state.running > 0));
    }

    /// Whether there is no background work; otherwise the waker is called once there is none.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.running == 0 {
            return Poll::Ready(());
        }
        state.wakers.push(waker.clone());
        Poll::Pending
    }
}
